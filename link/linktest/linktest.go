// Package linktest has an engine in memory for tests. It causes random faults, which depend only on
// a seed: it loses acknowledgements, stores messages twice, refuses calls, delays calls, breaks
// readers, and returns an old commit as the head. It never loses a message that it has
// acknowledged, and it keeps the order of the messages of an edge in a partition.
//
// The engine also works under testing/synctest.
package linktest

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/link"
)

// Faults contains the probabilities of faults, from 0 to 1.
type Faults struct {
	LoseAck  float64 // a call succeeds, but returns an error
	Refuse   float64 // a call does nothing, and returns an error
	Repeat   float64 // a message is stored twice
	Break    float64 // a reader ends with an error
	StaleOld float64 // Head returns an older commit
	// Delay is the maximum duration of a call.
	Delay time.Duration
}

// Engine is an engine in memory. All of its connections share its data.
type Engine struct {
	settings link.Settings

	mu         sync.Mutex
	random     *rand.Rand
	faults     Faults
	down       bool
	changed    chan struct{} // closed and replaced at each change
	partitions []*store
}

// store contains the messages and commits of a partition.
type store struct {
	entries []link.Entry // the messages that were not trimmed; first is the number of the first of these messages
	first   uint64
	bytes   int64
	commits []link.Commit // the last commits
	slots   map[int64]link.Commit
}

// errTrouble is the error that a random fault returns.
var errTrouble = errors.New("the engine has trouble")

// New returns an engine without messages.
func New(settings link.Settings, seed uint64) *Engine {
	e := &Engine{settings: settings, random: rand.New(rand.NewPCG(seed, 1)), changed: make(chan struct{})}
	for range settings.Partitions {
		e.partitions = append(e.partitions, &store{first: 1, slots: map[int64]link.Commit{}})
	}
	return e
}

// Fail sets the probabilities of faults.
func (e *Engine) Fail(f Faults) {
	e.mu.Lock()
	e.faults = f
	e.mu.Unlock()
}

// Down with true makes all calls fail. Down with false lets them succeed again.
func (e *Engine) Down(down bool) {
	e.mu.Lock()
	e.down = down
	e.mu.Unlock()
}

// call waits for a random delay and then calls the function f. A fault can occur before or after
// the call of f.
func (e *Engine) call(ctx context.Context, f func() error) error {
	e.mu.Lock()
	delay := time.Duration(0)
	if e.faults.Delay > 0 {
		delay = time.Duration(e.random.Int64N(int64(e.faults.Delay)))
	}
	e.mu.Unlock()
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.down || e.happens(e.faults.Refuse) {
		return errTrouble
	}
	if err := f(); err != nil {
		return err
	}
	if e.happens(e.faults.LoseAck) {
		return errTrouble
	}
	return nil
}

// happens returns true with probability p. The caller holds mu.
func (e *Engine) happens(p float64) bool { return p > 0 && e.random.Float64() < p }

// change wakes all waiting readers. The caller holds mu.
func (e *Engine) change() {
	close(e.changed)
	e.changed = make(chan struct{})
}

// Rewrite calls the function change for the data of each stored message. The function may modify the data.
func (e *Engine) Rewrite(change func(data []byte)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range e.partitions {
		for i := range p.entries {
			data := slices.Clone(p.entries[i].Data) // because a reader may still use the old data
			change(data)
			p.entries[i].Data = data
		}
	}
}

// Last returns the number of the last message of a partition.
func (e *Engine) Last(p int) uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.partitions[p]
	return s.first + uint64(len(s.entries)) - 1
}

// Head returns the last commit of a partition.
func (e *Engine) Head(p int) link.Commit {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.partitions[p].head()
}

func (s *store) head() link.Commit {
	if len(s.commits) == 0 {
		return link.Commit{}
	}
	return s.commits[len(s.commits)-1]
}

func (s *store) add(data []byte) {
	s.entries = append(s.entries, link.Entry{Seq: s.first + uint64(len(s.entries)), Stored: time.Now(), Data: slices.Clone(data)})
	s.bytes += int64(len(data))
}

// Sender returns a new connection for an edge.
func (e *Engine) Sender() link.Sender { return sender{e} }

type sender struct{ e *Engine }

func (s sender) Close() error { return nil }

func (s sender) Settings(ctx context.Context) (link.Settings, error) {
	return s.e.settings, s.e.call(ctx, func() error { return nil })
}

// maxMessage is the maximum size of a message, as in the other engines.
const maxMessage = 1 << 20

func (s sender) Send(ctx context.Context, m link.Message) error {
	if m.Partition < 0 || m.Partition >= len(s.e.partitions) {
		return &link.RefusedError{Reason: "there is no such partition"}
	}
	if len(m.Data) == 0 || len(m.Data) > maxMessage {
		return &link.RefusedError{Reason: "the message has a wrong size"}
	}
	return s.e.call(ctx, func() error {
		p := s.e.partitions[m.Partition]
		p.add(m.Data)
		if s.e.happens(s.e.faults.Repeat) {
			p.add(m.Data)
		}
		s.e.change()
		return nil
	})
}

// Connection is a connection of an owner. A test can freeze it.
type Connection struct {
	e      *Engine
	mu     sync.Mutex
	armed  bool // if set, the next commit freezes the connection
	frozen int
	thawed chan struct{} // open while the connection is frozen, and closed otherwise
}

// Connect returns a new connection for an owner.
func (e *Engine) Connect() *Connection {
	c := &Connection{e: e, thawed: make(chan struct{})}
	close(c.thawed)
	return c
}

// Freeze makes all calls wait. Each Freeze must be undone by a Thaw.
func (c *Connection) Freeze() {
	c.mu.Lock()
	if c.frozen++; c.frozen == 1 {
		c.thawed = make(chan struct{})
	}
	c.mu.Unlock()
}

// FreezeAfter freezes the connection after its next commit.
func (c *Connection) FreezeAfter() {
	c.mu.Lock()
	c.armed = true
	c.mu.Unlock()
}

func (c *Connection) committed() {
	c.mu.Lock()
	armed := c.armed
	c.armed = false
	c.mu.Unlock()
	if armed {
		c.Freeze()
	}
}

// Thaw undoes one Freeze.
func (c *Connection) Thaw() {
	c.mu.Lock()
	if c.frozen--; c.frozen == 0 {
		close(c.thawed)
	}
	c.mu.Unlock()
}

// call waits while the connection is frozen, and then calls Engine.call.
func (c *Connection) call(ctx context.Context, f func() error) error {
	if err := c.wait(ctx); err != nil {
		return err
	}
	err := c.e.call(ctx, f)
	if err := c.wait(ctx); err != nil {
		return err
	}
	return err
}

func (c *Connection) wait(ctx context.Context) error {
	c.mu.Lock()
	thawed := c.thawed
	c.mu.Unlock()
	select {
	case <-thawed:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Join implements link.Engine.
func (c *Connection) Join(ctx context.Context, wanted link.Settings) (link.Settings, error) {
	if err := c.call(ctx, func() error { return wanted.Compare(c.e.settings) }); err != nil {
		return link.Settings{}, err
	}
	return c.e.settings, nil
}

// Close implements link.Engine.
func (c *Connection) Close() error { return nil }

// Partition implements link.Engine.
func (c *Connection) Partition(n int) link.Partition { return &partition{c, c.e.partitions[n]} }
