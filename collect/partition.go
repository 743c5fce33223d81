package collect

import (
	"bytes"
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
	// checkpointEvery is how many windows are in a block: the first commit of each has a checkpoint.
	checkpointEvery = 30
	// maxOpenBytes limits the messages of a partition that wait for their windows.
	maxOpenBytes = 64 << 20
	// confirmAfter is how long an owner trusts that it has not been fenced.
	confirmAfter = 2 * time.Second
)

// errGap says that the head is not the newest one.
var errGap = errors.New("messages are missing: another owner has trimmed them")

// partition is one partition, owned or to be owned. One goroutine uses it; status is for all.
type partition struct {
	cfg      *Config
	number   int
	engine   link.Partition
	interval int64
	log      zerolog.Logger
	codec    *codec
	decoder  *partial.Decoder
	status   atomic.Pointer[Status]
	fenced   atomic.Uint64

	// What follows is loaded with the head.
	epoch     int64
	version   link.Version
	confirmed time.Time // when the engine last said that version is the head
	low       uint64    // the oldest message that the committed head needs
	head      Head
	edges     edges
	encoder   *partial.Encoder // of merged rows
	state     *state
	since     time.Time // when the head was loaded
	next      int64     // the window to close next, 0 if not known
	open      map[int64]*open
	late      map[int64][]message
	bytes     int                 // of the messages in open and late
	held      map[uint64]struct{} // numbers that the head holds and that were not read yet
	read      uint64              // the newest message that was read
	known     uint64              // a message that is known to be in the Inbox
	// unpublished is the oldest window that must be published still.
	unpublished int64
	tickets     []ticket
	batches     batches // of late messages

	trimmed   time.Time
	trimmedTo uint64
	gap       link.Version // the head at which a gap was found
	told      time.Time    // when a bad message was last logged
}

// ticket is a published window that may not be delivered.
type ticket struct {
	window int64
	number uint64
}

func newPartition(cfg *Config, number int, engine link.Partition) *partition {
	p := &partition{
		cfg: cfg, number: number, engine: engine, interval: int64(cfg.Settings.Interval), codec: &codec{}, decoder: partial.NewDecoder(),
		log: cfg.Log.With().Int("partition", number).Logger(),
	}
	p.status.Store(&Status{Partition: number})
	return p
}

func (p *partition) end(window int64) int64 { return window * p.interval }

// horizon is how many windows behind the newest closed one can still be corrected.
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

// load forgets everything, and loads the head.
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
	p.held = map[uint64]struct{}{}
	for _, seq := range p.head.Held {
		p.held[seq] = struct{}{}
	}
	p.read, p.known = p.head.low()-1, p.head.Applied
	p.tickets, p.batches, p.next, p.unpublished = nil, batches{}, 0, 0
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

// takeOver fences the owner before.
func (p *partition) takeOver(ctx context.Context) error {
	from := p.head.Owner
	p.epoch, p.head.Revision = p.since.UnixNano(), 0
	if err := p.commit(ctx, &record{window: link.TakeOver}); err != nil {
		return err
	}
	p.log.Info().Str("from", from).Msg("owning the partition")
	return nil
}

// commit appends a record behind the head. It fills in the record's head.
func (p *partition) commit(ctx context.Context, r *record) error {
	h := &p.head
	h.Owner, h.Epoch = p.cfg.ID, p.epoch
	h.Revision++
	h.Held = p.holding()
	h.Undelivered = p.undelivered()
	h.Edges = p.edges.list()
	r.Head = *h
	data := p.codec.encode(r)
	began := time.Now()
	version, err := p.engine.Append(ctx, p.version, r.window, data)
	if err != nil {
		c, errHead := p.engine.Head(ctx)
		switch {
		case errHead == nil && bytes.Equal(c.Record, data):
			version = c.Version // only the answer was lost
		case errors.Is(err, link.ErrFenced):
			p.fenced.Add(1)
			return err
		default:
			return fmt.Errorf("append a commit: %w", err)
		}
	}
	p.follow(version, began)
	return nil
}

// follow takes p.head as the content of the newest commit. It was the newest one at a time.
func (p *partition) follow(v link.Version, at time.Time) {
	p.version, p.confirmed, p.low = v, at, p.head.low()
}

// confirm returns link.ErrFenced if another owner has committed. It asks the engine only if the last
// answer is old: a process may have been stopped for a long time, and must not publish what others have
// corrected.
func (p *partition) confirm(ctx context.Context) error {
	if time.Since(p.confirmed) < confirmAfter {
		return nil
	}
	began := time.Now()
	c, err := p.engine.Head(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("read the head: %w", err)
	case c.Version != p.version:
		p.fenced.Add(1)
		return link.ErrFenced
	}
	p.confirmed = began
	return nil
}

// mustPublish notes that a window must be published.
func (p *partition) mustPublish(window int64) {
	if p.unpublished == 0 || window < p.unpublished {
		p.unpublished = window
	}
}

// holding returns the numbers of the messages that no commit has.
func (p *partition) holding() []uint64 {
	held := slices.Collect(maps.Keys(p.held))
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

// merging merges the messages of a window into a table.
func (p *partition) merging(window int64, table *aggregate.Table) *merging {
	end := p.end(window)
	return &merging{table: table, decoder: p.decoder, counts: &p.head.Counts, end: end, latest: end + p.interval}
}

// close closes a window: merges, commits and publishes it. The rows are merged where the state is. They
// are encoded without loss, so the points are the same as those of the committed bytes. If the commit
// fails, the state is loaded again.
func (p *partition) close(ctx context.Context, window int64) error {
	o := p.open[window]
	if o == nil {
		o = &open{seen: identities{}}
	}
	r := &record{window: window, revision: 1, seen: o.seen}
	p.state.limit(p.tableConfig())
	p.state.skipTo(window)
	p.checkpoint(r)
	m := p.merging(window, p.state.table)
	for i := range o.messages {
		p.mergeMessage(m, r, &o.messages[i])
	}
	iv := p.state.drain(window, m.latest)
	r.rows = m.rows(iv, p.encoder, 1)
	delete(p.open, window)
	p.head.Closed, p.next = window, window+1
	p.mustPublish(window)
	if err := p.commit(ctx, r); err != nil {
		return err
	}
	return p.publish(ctx, window, iv, false)
}

// checkpoint gives a record a checkpoint if it begins a block of windows.
func (p *partition) checkpoint(r *record) {
	list := p.head.Checkpoints
	if len(list) > 0 && list[len(list)-1]/checkpointEvery == r.window/checkpointEvery {
		return
	}
	r.checkpoint = p.state.known()
	oldest := r.window - p.cfg.Settings.Slots()
	p.head.Checkpoints = append(slices.DeleteFunc(slices.Clone(list), func(c int64) bool { return c < oldest }), r.window)
	p.edges.forget(oldest)
}

// mergeMessage merges a message into a record.
func (p *partition) mergeMessage(m *merging, r *record, msg *message) {
	p.bytes -= msg.bytes
	c := m.counts
	if !m.message(msg) {
		c.Damaged++
		p.settle(&msg.header, &c.Lost)
		return
	}
	c.Merged++
	p.settle(&msg.header, &c.Samples)
	r.samples += msg.header.Samples
}

// settle adds the samples of a message that was dealt with to a count.
func (p *partition) settle(h *partial.Header, count *uint64) {
	*count += h.Samples
	p.edges.settle(h)
}

// publish publishes a committed window.
func (p *partition) publish(ctx context.Context, window int64, iv *aggregate.Interval, again bool) error {
	if err := p.confirm(ctx); err != nil {
		return err
	}
	number, err := p.cfg.Publisher.Publish(ctx, iv, Window{Partition: p.number, End: time.Unix(0, p.end(window)), Again: again})
	if err != nil {
		return err
	}
	p.tickets = append(p.tickets, ticket{window, number})
	p.unpublished = window + 1
	return nil
}

// rewind publishes the windows from one on again, and makes the state anew.
func (p *partition) rewind(ctx context.Context, from int64) error {
	p.state = newState(p.tableConfig(), p.decoder)
	begin := p.head.checkpointBefore(from)
	if begin == 0 {
		begin = from
	}
	for window := begin; window <= p.head.Closed && from > 0; window++ {
		r, err := p.at(ctx, window)
		if err != nil {
			return err
		}
		if r == nil {
			continue
		}
		if window == begin && r.checkpoint != nil {
			p.state.recall(r.checkpoint)
			p.state.next = window
		}
		if window < from {
			if err := p.state.pass(r, p.end(window)+p.interval); err != nil {
				return err
			}
			continue
		}
		if err := p.renew(ctx, r); err != nil {
			return err
		}
		iv, err := p.state.take(r, p.end(window)+p.interval)
		if err != nil {
			return fmt.Errorf("read the rows of a commit: %w", err)
		}
		if err := p.publish(ctx, window, iv, true); err != nil {
			return err
		}
	}
	p.head.Stale = 0
	if p.head.Closed > 0 {
		p.unpublished = p.head.Closed + 1
	}
	return nil
}

// renew renews the checkpoint of a window if an earlier window has changed.
func (p *partition) renew(ctx context.Context, r *record) error {
	if r.checkpoint == nil || p.head.Stale == 0 || r.window <= p.head.Stale {
		return nil
	}
	p.state.skipTo(r.window)
	r.checkpoint = p.state.known()
	p.head.Stale = r.window
	r.revision++
	p.unpublished = r.window
	return p.commit(ctx, r)
}
