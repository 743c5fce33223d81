package collect

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/partial"
)

const (
	// checkpointEvery is how many windows are in a block. The first commit of each block has a checkpoint.
	checkpointEvery = 30
	// maxOpenBytes limits the messages of a partition that wait for their windows.
	maxOpenBytes = 64 << 20
	// confirmAfter is how long an owner trusts that it has not been fenced.
	confirmAfter = 2 * time.Second
)

// errGap says that the head is not the newest one.
var errGap = errors.New("messages are missing: another owner has trimmed them")

// partition is one partition that this owner owns or should own. One goroutine uses it; any goroutine may use status.
type partition struct {
	cfg      *Config
	number   int
	engine   link.Partition
	interval int64
	from     int64 // windows up to here are not published; 0 for none
	until    int64 // the last window of the cluster, 0 for none
	log      zerolog.Logger
	codec    *codec
	decoder  *partial.Decoder
	status   atomic.Pointer[Status]
	fenced   atomic.Uint64

	// The following fields are loaded with the head.
	epoch     int64
	version   link.Version
	confirmed time.Time // when the engine last said that version is the head
	low       uint64    // the oldest message that the committed head needs
	head      Head
	edges     edges
	encoder   *partial.Encoder // the state after the merged rows
	state     *state
	since     time.Time // when the head was loaded
	next      int64     // the window to close next, 0 if not known
	open      map[int64]*open
	late      map[int64][]message
	bytes     int                  // total size of the messages in open and late
	held      map[uint64]struct{}  // numbers in Head.Held that were not read yet
	newer     map[uint64]time.Time // messages of a newer version of the format, and when they were stored
	read      uint64               // the newest message that this owner has read
	known     uint64               // a message that is known to be in the Inbox
	// unpublished is the oldest window that this owner must still publish.
	unpublished int64
	tickets     []ticket
	batches     batches // when late messages are merged

	handed                     bool // the successor has the state
	triedToHand, toldOfHanding time.Time

	trimmed   time.Time
	trimmedTo uint64
	gap       link.Version // the head at which a gap was found
	told      time.Time    // when a bad message was last logged
}

// ticket belongs to a published window that may not be delivered yet.
type ticket struct {
	window int64
	number uint64
}

func newPartition(cfg *Config, number int, engine link.Partition) *partition {
	p := &partition{
		cfg: cfg, number: number, engine: engine, interval: int64(cfg.Settings.Interval), codec: &codec{}, decoder: partial.NewDecoder(),
		log: cfg.Log.With().Int("partition", number).Logger(),
	}
	if !cfg.From.IsZero() {
		p.from = cfg.From.UnixNano() / p.interval
	}
	if !cfg.Until.IsZero() {
		p.until = cfg.Until.UnixNano() / p.interval
	}
	p.status.Store(&Status{Partition: number})
	return p
}

func (p *partition) end(window int64) int64 { return window * p.interval }

// horizon is the number of windows before the newest closed window that can still be corrected.
func (p *partition) horizon() int64 { return int64(p.cfg.Settings.Horizon / p.cfg.Settings.Interval) }

func (p *partition) tableConfig() aggregate.Config {
	c := p.cfg.Table()
	c.Shards, c.MemberKey = 1, p.cfg.Settings.MemberKey
	return c
}

// own owns the partition until another owner does, the engine fails, or ctx ends.
func (p *partition) own(ctx context.Context) error {
	if err := p.load(ctx); err != nil {
		return err
	}
	if p.head.Owner != p.cfg.ID || p.head.Epoch != p.epoch {
		if err := p.takeOver(ctx); err != nil {
			return err
		}
	}
	if err := p.rewind(ctx, p.unpublished); err != nil {
		return err
	}
	p.report()
	return p.serve(ctx)
}

// load forgets everything and loads the head.
func (p *partition) load(ctx context.Context) error {
	began := time.Now()
	c, err := p.engine.Head(ctx)
	if err != nil {
		return fmt.Errorf("read the head: %w", err)
	}
	p.head = Head{}
	if c.Version != 0 {
		if _, err := p.codec.decodeHead(c.Record, &p.head); err != nil {
			return fmt.Errorf("read the head: %w", err)
		}
	}
	p.since = time.Now()
	p.follow(c.Version, began)
	if p.epoch == 0 {
		p.epoch = p.since.UnixNano()
	}
	p.edges = loadEdges(p.head.Edges)
	p.open, p.late, p.bytes = map[int64]*open{}, map[int64][]message{}, 0
	p.held, p.newer = map[uint64]struct{}{}, map[uint64]time.Time{}
	for _, seq := range p.head.Held {
		p.held[seq] = struct{}{}
	}
	p.read, p.known = p.head.low()-1, p.head.Applied
	p.tickets, p.batches, p.next, p.unpublished, p.handed = nil, batches{}, 0, 0, false
	if p.head.Closed > 0 {
		p.next = p.head.Closed + 1
		p.unpublished = p.next
		for _, window := range []int64{p.head.Undelivered, p.head.Stale} {
			if window > 0 {
				p.unpublished = min(p.unpublished, window)
			}
		}
	}
	p.encoder, err = partial.NewEncoder(p.cfg.ID, p.epoch, 1)
	return err
}

// mustPublish records that a window must be published.
func (p *partition) mustPublish(window int64) {
	if p.unpublished == 0 || window < p.unpublished {
		p.unpublished = window
	}
}

// holding returns the numbers of the messages that are in no commit.
func (p *partition) holding() []uint64 {
	held := slices.AppendSeq(slices.Collect(maps.Keys(p.held)), maps.Keys(p.newer))
	for _, o := range p.open {
		for i := range o.messages {
			held = append(held, o.messages[i].seq)
		}
	}
	for _, messages := range p.late {
		for i := range messages {
			held = append(held, messages[i].seq)
		}
	}
	slices.Sort(held)
	return held
}

// undelivered returns the oldest window whose points may not be delivered.
func (p *partition) undelivered() int64 {
	settled := p.cfg.Publisher.Settled()
	p.tickets = slices.DeleteFunc(p.tickets, func(t ticket) bool { return t.number <= settled })
	oldest := p.unpublished
	for _, t := range p.tickets {
		oldest = min(oldest, t.window)
	}
	return oldest
}

// at returns the committed record of a window, or nil if there is none.
func (p *partition) at(ctx context.Context, window int64) (*record, error) {
	c, err := p.engine.At(ctx, window)
	switch {
	case errors.Is(err, link.ErrNone):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read the commit of a window: %w", err)
	}
	r, err := p.codec.decode(c.Record)
	if err != nil {
		return nil, err
	}
	if r.window != window {
		return nil, nil
	}
	return r, nil
}
