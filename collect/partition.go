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
	// checkpointEvery is the number of windows in a block. The first commit of each block contains a
	// checkpoint.
	checkpointEvery = 30
	// maxOpenBytes is the maximum total size of a partition's messages that wait until their windows are closed or
	// corrected.
	maxOpenBytes = 64 << 20
	// confirmAfter is how long an owner relies on an answer of the engine. The answer says that no
	// other owner has committed.
	confirmAfter = 2 * time.Second
)

// errGap means that messages that this owner needs are gone. Probably another owner has merged them, committed, and
// removed them.
var errGap = errors.New("messages are missing: another owner has removed them")

// partition is the state of a partition that this owner owns or should own. Only one goroutine uses
// the state. Any goroutine may use the field status.
type partition struct {
	cfg      *Config
	number   int
	engine   link.Partition
	interval int64
	from     int64 // this window and all earlier windows are not published; 0 for no limit
	until    int64 // the last window of the cluster; 0 for no limit
	log      zerolog.Logger
	codec    *codec
	decoder  *partial.Decoder
	status   atomic.Pointer[Status]
	fenced   atomic.Uint64

	// The following fields are loaded with the head, which is the last commit.
	epoch     int64
	version   link.Version
	confirmed time.Time // when the engine last confirmed that the field version is the version of the head
	low       uint64    // number of the oldest message that the head needs
	head      Head
	edges     edges
	encoder   *partial.Encoder // encodes the rows of commits
	state     *state
	since     time.Time // when the head was loaded
	next      int64     // the next window to close; 0 if not known
	open      map[int64]*open
	late      map[int64][]message
	bytes     int                  // total size of the messages in the fields open and late
	held      map[uint64]struct{}  // numbers in Head.Held whose messages were not read yet
	newer     map[uint64]time.Time // numbers of messages of a newer version of the format, and when the engine stored them
	read      uint64               // number of the last message that this owner has read
	known     uint64               // highest number of a message that the Inbox is known to have
	// unpublished is the first window that this owner must still publish.
	unpublished int64
	tickets     []ticket
	batches     batches // decides when late messages are merged

	handed                     bool // the state was handed over to the successor
	triedToHand, toldOfHanding time.Time

	trimmed   time.Time
	trimmedTo uint64
	gap       link.Version // the version of the head when a gap in the messages was found
	told      time.Time    // when a bad message was last logged
}

// ticket contains a published window whose points are possibly not delivered yet, and the number that Publish returned.
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

// horizon returns how many windows before the last closed window can still be corrected.
func (p *partition) horizon() int64 { return int64(p.cfg.Settings.Horizon / p.cfg.Settings.Interval) }

func (p *partition) tableConfig() aggregate.Config {
	c := p.cfg.Table()
	c.Shards, c.MemberKey = 1, p.cfg.Settings.MemberKey
	return c
}

// own takes the partition over if necessary, and processes its messages until another owner
// commits, the engine fails, or ctx ends.
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

// load discards the state in memory and loads the head.
func (p *partition) load(ctx context.Context) error {
	began := time.Now()
	c, err := p.engine.Head(ctx)
	if err != nil {
		return fmt.Errorf("cannot read the last commit: %w", err)
	}
	p.head = Head{}
	if c.Version != 0 {
		if _, err := p.codec.decodeHead(c.Record, &p.head); err != nil {
			return fmt.Errorf("cannot decode the last commit: %w", err)
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

// mustPublish records that the given window must be published.
func (p *partition) mustPublish(window int64) {
	if p.unpublished == 0 || window < p.unpublished {
		p.unpublished = window
	}
}

// holding returns the numbers of all messages that were read, but are in no commit yet.
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

// undelivered returns the first window whose points are possibly not delivered yet.
func (p *partition) undelivered() int64 {
	settled := p.cfg.Publisher.Settled()
	p.tickets = slices.DeleteFunc(p.tickets, func(t ticket) bool { return t.number <= settled })
	oldest := p.unpublished
	for _, t := range p.tickets {
		oldest = min(oldest, t.window)
	}
	return oldest
}

// at returns the committed record of a window, or nil if the window has no commit.
func (p *partition) at(ctx context.Context, window int64) (*record, error) {
	c, err := p.engine.At(ctx, window)
	switch {
	case errors.Is(err, link.ErrNone):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("cannot read the commit of a flush interval: %w", err)
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
