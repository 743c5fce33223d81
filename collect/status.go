package collect

import (
	"context"
	"time"

	"github.com/statsd-ops/statsd/internal/clock"
	"github.com/statsd-ops/statsd/link"
)

// Status is the state of a partition for operators.
type Status struct {
	Partition int
	Owned     bool // this owner owns the partition
	// Owner is the owner that made the last commit. Epoch is when it began to own the partition.
	Owner string
	Epoch time.Time
	// Closed is the end of the last closed window. It is zero if there is none.
	Closed time.Time
	// First and Last are the numbers of the first and the last message in the Inbox. Applied is the number of the last
	// message that was read. Held is the number of earlier messages that wait until their windows are closed or
	// corrected.
	First, Last, Applied uint64
	Held                 int
	Bytes, MaxBytes      int64
	Undelivered          int64 // number of closed windows with points that are possibly not delivered yet
	// Over means that the last window of the cluster is closed. HandedOver means that the names were
	// handed over to the next cluster.
	Over, HandedOver bool
	Edges            []Edge
	Counts           Counts
	Fenced           uint64 // how often another owner has fenced this owner
	// Fault is the error if the state of the partition cannot be read, if this owner cannot own the partition, or if this
	// owner cannot decode all messages.
	Fault error
	// Looked is when this state was read.
	Looked time.Time
}

// Lag returns the number of messages in the Inbox that were not read yet.
func (s *Status) Lag() uint64 { return s.Last - min(s.Last, s.Applied) }

// Unowned reports whether the partition has messages or edges, but no owner closes its windows. This is true if the
// last closed window ended longer ago than the duration allowed, or if the partition never had an owner.
func (s *Status) Unowned(now time.Time, allowed time.Duration) bool {
	return !s.Over && !s.Closed.IsZero() && now.Sub(s.Closed) > allowed && (s.Lag() > 0 || len(s.Edges) > 0) ||
		s.Closed.IsZero() && s.Owner == "" && s.Last > 0
}

// Silent reports whether an edge has sent nothing for so long that windows no longer wait for it.
func (s *Status) Silent(e *Edge, interval time.Duration) bool {
	return time.Unix(0, e.Window*int64(interval)).Add(silentAfter * interval).Before(s.Closed)
}

// report stores the state of an owned partition for Owner.Partitions.
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

// waiting returns the number of messages that were read, but are in no commit yet.
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

// reportLost stores the reason why the partition is not owned.
func (p *partition) reportLost(err error) {
	st := *p.status.Load()
	st.Owned, st.Fault, st.Fenced = false, err, p.fenced.Load()
	p.status.Store(&st)
}

// describe converts a head to a Status.
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
		if h.Undelivered > 0 { // a head is written before its own window is published, so do not count this window
			st.Undelivered = max(h.Closed-h.Undelivered, 0)
		}
	}
	return st
}

// Partitions returns the state of all partitions. If this owner owns a partition, the state is
// current. If it does not, the state is from the partition's last commit, which is read once an
// interval.
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

// Wanted returns the partitions that are assigned to this owner.
func (o *Owner) Wanted() []int {
	if wanted := o.wanted.Load(); wanted != nil {
		return *wanted
	}
	return nil
}

// watch reads the state of all partitions once an interval, until ctx ends.
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

// watch reads the state of a partition from the engine. The parameter before is the result of the
// last call, or nil.
func (p *partition) watch(ctx context.Context, c *codec, before *Status) *Status {
	ctx, cancel := context.WithTimeout(ctx, watchPatience)
	defer cancel()
	own := p.status.Load()
	st, err := own, error(nil)
	if !own.Owned { // heads can be large, so read the head only if this owner does not own the partition
		st, err = p.readHead(ctx, c)
	}
	var in link.InboxState
	if err == nil {
		in, err = p.engine.State(ctx)
	}
	looked := *st
	if err != nil && before != nil { // keep the values of the last successful call
		looked = *before
	}
	if looked.Fault = err; err == nil {
		looked.First, looked.Last, looked.Bytes, looked.MaxBytes = in.First, in.Last, in.Bytes, in.MaxBytes
	}
	return &looked
}

// readHead reads the state of a partition from its last commit.
func (p *partition) readHead(ctx context.Context, c *codec) (*Status, error) {
	h := Head{}
	commit, err := p.engine.Head(ctx)
	if err == nil && commit.Version != 0 {
		_, err = c.decodeHead(commit.Record, &h)
	}
	return p.describe(&h), err
}

const watchPatience = 5 * time.Second
