// Package enginetest checks whether an engine fulfils the contract of package link.
package enginetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/link"
)

// Cluster is an engine under test. Each function may be called several times.
type Cluster struct {
	// Sender returns the connection of a new edge.
	Sender func(t testing.TB) link.Sender
	// Engine returns the connection of a new owner. It may return the same connection each time.
	Engine func(t testing.TB) link.Engine
	// Owners is the number of different owners that the engine allows.
	Owners int
}

// Settings are the settings of the cluster under test.
var Settings = link.Settings{Partitions: 4, Interval: time.Second, Horizon: 20 * time.Second, Tags: "off"}

// Run runs all checks on one cluster.
func Run(t *testing.T, c Cluster) {
	ctx, cancel := context.WithTimeout(t.Context(), wait.Patience)
	defer cancel()
	engine := c.Engine(t)
	settings, err := engine.Join(ctx, Settings)
	if err != nil {
		t.Fatal(err)
	}
	sender := c.Sender(t)
	f := &fixture{cluster: c, ctx: ctx, engine: engine, sender: sender, settings: settings}
	t.Run("settings", f.checkSettings)
	t.Run("messages", f.checkMessages)
	t.Run("messages of many", f.checkMany)
	t.Run("trim", f.checkTrim)
	t.Run("wrong messages", f.checkRefused)
	t.Run("commits", f.checkCommits)
	t.Run("commits of many", f.checkRace)
	t.Run("large commits", f.checkLarge)
}

type fixture struct {
	cluster  Cluster
	ctx      context.Context
	engine   link.Engine
	sender   link.Sender
	settings link.Settings
}

func (f *fixture) checkSettings(t *testing.T) {
	want := Settings
	want.Version, want.MemberKey = link.SettingsVersion, f.settings.MemberKey
	if f.settings != want || want.MemberKey == [16]byte{} {
		t.Errorf("the settings are %+v, want %+v with a member key", f.settings, want)
	}
	if got, err := f.sender.Settings(f.ctx); err != nil || got != f.settings {
		t.Errorf("an edge gets the settings %+v, with the error %v", got, err)
	}
	if again, err := f.engine.Join(f.ctx, Settings); err != nil || again != f.settings {
		t.Errorf("the second Join returns the settings %+v, with the error %v", again, err)
	}
	for flag, change := range map[string]func(*link.Settings){
		"--collect-partitions": func(s *link.Settings) { s.Partitions = 8 },
		"--flush-interval":     func(s *link.Settings) { s.Interval = 2 * time.Second },
		"--late-horizon":       func(s *link.Settings) { s.Horizon = time.Minute },
		"--tags":               func(s *link.Settings) { s.Tags = "dogstatsd" },
		"the member key":       func(s *link.Settings) { s.MemberKey[0]++ },
	} {
		wanted := f.settings
		change(&wanted)
		var mismatch *link.MismatchError
		if _, err := f.engine.Join(f.ctx, wanted); !errors.As(err, &mismatch) || mismatch.Flag != flag {
			t.Errorf("Join with another %s: got the error %v, want a MismatchError", flag, err)
		}
	}
}

func data(partition, i int) []byte {
	return fmt.Appendf(nil, "message %d of %d %s", i, partition, bytes.Repeat([]byte("x"), i*i%5000))
}

func (f *fixture) send(t *testing.T, partition, i int) {
	t.Helper()
	m := link.Message{Partition: partition, ID: fmt.Sprintf("%s-%d-%d", t.Name(), partition, i), Data: data(partition, i)}
	if err := f.sender.Send(f.ctx, m); err != nil {
		t.Fatal(err)
	}
}

// next reads the next message, and fails the test on an error.
func (f *fixture) next(t *testing.T, r link.Reader) link.Entry {
	t.Helper()
	e, err := r.Next(f.ctx)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (f *fixture) read(t *testing.T, partition int, from uint64) link.Reader {
	t.Helper()
	r, err := f.engine.Partition(partition).Read(f.ctx, from)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func (f *fixture) state(t *testing.T, partition int) link.InboxState {
	t.Helper()
	s, err := f.engine.Partition(partition).State(f.ctx)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (f *fixture) checkMessages(t *testing.T) {
	const n = 50
	start := f.state(t, 0).Last
	r := f.read(t, 0, start+1)
	began := time.Now().Add(-time.Minute) // because the clocks of the engine and the test may differ
	for i := range n {
		f.send(t, 0, i)
	}
	for i := range n {
		e := f.next(t, r)
		if e.Seq != start+uint64(i)+1 || !bytes.Equal(e.Data, data(0, i)) || e.Stored.Before(began) {
			t.Fatalf("message %d has the number %d, was stored at %v, and contains %.40q", i, e.Seq, e.Stored, e.Data)
		}
	}
	if e := f.next(t, f.read(t, 0, start+21)); !bytes.Equal(e.Data, data(0, 20)) {
		t.Errorf("a reader that begins in the middle gets %.40q", e.Data)
	}
	ctx, cancel := context.WithTimeout(f.ctx, 10*time.Millisecond)
	defer cancel()
	if e, err := r.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a read after the last message returns %v, with the error %v", e, err)
	}
	f.send(t, 0, n) // the waiting reader must receive this message
	if e := f.next(t, r); e.Seq != start+n+1 {
		t.Errorf("after a wait, the reader gets the message with the number %d", e.Seq)
	}
	if s := f.state(t, 0); s.Last != start+n+1 || s.Bytes <= 0 {
		t.Errorf("the state is %+v", s)
	}
}

func (f *fixture) checkMany(t *testing.T) {
	const edges, n = 5, 40
	start := f.state(t, 1).Last
	var working sync.WaitGroup
	for edge := range edges {
		working.Go(func() {
			s := f.sender
			if edge%2 == 0 {
				s = f.cluster.Sender(t)
			}
			for i := range n {
				m := link.Message{Partition: 1, ID: fmt.Sprintf("many-%d-%d", edge, i), Data: fmt.Appendf(nil, "%d/%04d", edge, i)}
				if err := s.Send(f.ctx, m); err != nil {
					t.Error(err)
				}
			}
		})
	}
	var last [edges]string
	r := f.read(t, 1, start+1)
	for i := range edges * n {
		e := f.next(t, r)
		text := string(e.Data)
		edge := text[0] - '0'
		if e.Seq != start+uint64(i)+1 || text <= last[edge] {
			t.Fatalf("number %d is %s, after %s", e.Seq, text, last[edge])
		}
		last[edge] = text
	}
	working.Wait()
}

func (f *fixture) checkTrim(t *testing.T) {
	p := f.engine.Partition(2)
	start := f.state(t, 2).Last
	for i := range 30 {
		f.send(t, 2, i)
	}
	if err := p.Trim(f.ctx, start+11); err != nil {
		t.Fatal(err)
	}
	if s := f.state(t, 2); s.First != start+11 || s.Last != start+30 {
		t.Errorf("after a trim, the state is %+v", s)
	}
	if e := f.next(t, f.read(t, 2, start+1)); e.Seq != start+11 {
		t.Errorf("the first message after a trim is number %d", e.Seq)
	}
	if err := p.Trim(f.ctx, start+31); err != nil {
		t.Fatal(err)
	}
	if s := f.state(t, 2); s.First != start+31 || s.Last != start+30 {
		t.Errorf("after a trim of all messages, the state is %+v", s)
	}
	f.send(t, 2, 30)
	if e := f.next(t, f.read(t, 2, start+1)); e.Seq != start+31 || !bytes.Equal(e.Data, data(2, 30)) {
		t.Errorf("the first message after a trim is number %d", e.Seq)
	}
}

func (f *fixture) checkRefused(t *testing.T) {
	for name, m := range map[string]link.Message{
		"too large":         {ID: "large", Data: make([]byte, 1<<20+1)},
		"another partition": {ID: "elsewhere", Partition: 1000, Data: []byte("x")},
	} {
		var refused *link.RefusedError
		if err := f.sender.Send(f.ctx, m); !errors.As(err, &refused) {
			t.Errorf("a message that must be refused (%s): got the error %v", name, err)
		}
	}
	f.send(t, 3, 1) // partition 3 still works
}
