package collect

import (
	"context"
	"time"

	"github.com/statsd-ops/statsd/internal/clock"
	"github.com/statsd-ops/statsd/link"
)

// Status is the state of a partition.
type Status struct {
	Partition int
	Owned     bool // whether this owner owns it
	// Owner and Epoch belong to the newest commit.
	Owner string
	Epoch time.Time
	// Closed is the end of the newest closed window; zero if there is none.
	Closed time.Time
	// First and Last are the numbers of the oldest and newest message in the Inbox. Applied is the newest
	// message that was read. Held is how many earlier messages wait for their windows.
	First, Last, Applied uint64
	Held                 int
	Bytes, MaxBytes      int64
	Undelivered          int64 // windows that may not be delivered
	// Over says that the last window of the cluster is closed, and HandedOver says that the next
	// cluster has the names.
	Over, HandedOver bool
	Edges            []Edge
	Counts           Counts
	Fenced           uint64 // number of times that another owner has fenced this one
	// Fault is the error of the last look at the partition, or the reason why this owner cannot own it or cannot
	// read all messages.
	Fault error
	// Looked is when the state was found.
	Looked time.Time
}

// Lag returns how many messages wait to be read.
func (s *Status) Lag() uint64 { return s.Last - min(s.Last, s.Applied) }

// Unowned reports whether the partition has messages or edges, but no owner closes its windows. allowed is
// the greatest age of the newest closed window.
func (s *Status) Unowned(now time.Time, allowed time.Duration) bool {
	return !s.Over && !s.Closed.IsZero() && now.Sub(s.Closed) > allowed && (s.Lag() > 0 || len(s.Edges) > 0) ||
		s.Closed.IsZero() && s.Owner == "" && s.Last > 0
}

// Silent reports whether an edge has sent nothing for so long that no window waits for it.
func (s *Status) Silent(e *Edge, interval time.Duration) bool {
	return time.Unix(0, e.Window*int64(interval)).Add(silentAfter * interval).Before(s.Closed)
}

// report keeps the state of an owned partition for Partitions.
func (p *partition) report() {
	st := p.describe(&p.head)
	st.Over, st.HandedOver = p.over(), p.handed
	st.Owned, st.Held, st.Last = true, p.waiting(), max(p.known, p.read)
	if oldest := p.undelivered(); oldest > 0 {
		st.Undelivered = max(p.head.Closed+1-oldest, 0)
	}
	st.Edges, st.Fault = p.edges.list(), p.unread()
	p.status.Store(st)
}

// waiting returns how many messages wait for their windows.
func (p *partition) waiting() int {
	n := len(p.held) + len(p.newer)
	for _, o := range p.open {
		n += len(o.messages)
	}
	for _, messages := range p.late {
		n += len(messages)
	}
	return n
}

// reportLost keeps the reason why the partition is not owned.
func (p *partition) reportLost(err error) {
	st := *p.status.Load()
	st.Owned, st.Fault, st.Fenced = false, err, p.fenced.Load()
	p.status.Store(&st)
}

// describe returns the content of a head as a Status.
func (p *partition) describe(h *Head) *Status {
	st := &Status{
		Partition: p.number, Owner: h.Owner, Applied: h.Applied, Held: len(h.Held), Edges: h.Edges, Counts: h.Counts,
		Fenced: p.fenced.Load(), Over: p.until > 0 && h.Closed >= p.until, Looked: time.Now(),
	}
	if h.Epoch != 0 {
		st.Epoch = time.Unix(0, h.Epoch)
	}
	if h.Closed > 0 {
		st.Closed = time.Unix(0, p.end(h.Closed))
		if h.Undelivered > 0 { // the commit of a window comes before its publication
			st.Undelivered = max(h.Closed-h.Undelivered, 0)
		}
	}
	return st
}

// Partitions returns the state of all partitions. The state of an owned partition is current. The state of
// another partition is from the last look at its head.
func (o *Owner) Partitions() []Status {
	all := make([]Status, len(o.partitions))
	watched := o.watched.Load()
	for n, p := range o.partitions {
		all[n] = *p.status.Load()
		if watched == nil {
			continue
		}
		w := &(*watched)[n]
		if own := all[n]; !own.Owned && (w.Fault == nil || own.Closed.Before(w.Closed)) {
			all[n] = *w
			all[n].Owned, all[n].Fenced = false, own.Fenced
			if w.Fault == nil {
				all[n].Fault = own.Fault
			}
		}
		all[n].First, all[n].Last, all[n].Bytes, all[n].MaxBytes = w.First, max(w.Last, all[n].Last), w.Bytes, w.MaxBytes
	}
	return all
}

// Wanted returns the partitions that this owner should own.
func (o *Owner) Wanted() []int {
	if wanted := o.wanted.Load(); wanted != nil {
		return *wanted
	}
	return nil
}

// watch looks at all partitions once an interval, until ctx ends.
func (o *Owner) watch(ctx context.Context) {
	c := &codec{}
	for ctx.Err() == nil {
		all := make([]Status, len(o.partitions))
		for n, p := range o.partitions {
			var before *Status
			if last := o.watched.Load(); last != nil {
				before = &(*last)[n]
			}
			all[n] = *p.watch(ctx, c, before)
		}
		o.watched.Store(&all)
		clock.Sleep(ctx, max(o.cfg.Settings.Interval, time.Second))
	}
}

// watch returns the state of a partition in the engine. before is the result of the last watch, or nil.
func (p *partition) watch(ctx context.Context, c *codec, before *Status) *Status {
	ctx, cancel := context.WithTimeout(ctx, watchPatience)
	defer cancel()
	own := p.status.Load()
	st, err := own, error(nil)
	if !own.Owned { // a head can be large
		st, err = p.readHead(ctx, c)
	}
	var in link.InboxState
	if err == nil {
		in, err = p.engine.State(ctx)
	}
	looked := *st
	if err != nil && before != nil { // keep the last known values
		looked = *before
	}
	if looked.Fault = err; err == nil {
		looked.First, looked.Last, looked.Bytes, looked.MaxBytes = in.First, in.Last, in.Bytes, in.MaxBytes
	}
	return &looked
}

// readHead returns the state of a partition from its newest commit.
func (p *partition) readHead(ctx context.Context, c *codec) (*Status, error) {
	h := Head{}
	commit, err := p.engine.Head(ctx)
	if err == nil && commit.Version != 0 {
		_, err = c.decodeHead(commit.Record, &h)
	}
	return p.describe(&h), err
}

const watchPatience = 5 * time.Second
