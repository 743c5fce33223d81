package collect

import (
	"context"
	"fmt"
	"slices"

	"github.com/statsd-ops/statsd/internal/clock"
	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/partial"
)

// readInbox reads messages until ctx ends, and sends them to the channel entries. It starts with the message that has
// the number from.
func (p *partition) readInbox(ctx context.Context, from uint64, entries chan<- link.Entry) {
	for ctx.Err() == nil {
		r, err := p.engine.Read(ctx, from)
		for err == nil {
			var e link.Entry
			if e, err = r.Next(ctx); err != nil || e.Seq < from {
				continue
			}
			e.Data = slices.Clone(e.Data)
			select {
			case entries <- e:
				from = e.Seq + 1
			case <-ctx.Done():
				err = ctx.Err()
			}
		}
		if r != nil {
			_ = r.Close() // the reader holds no messages, so an error does not matter
		}
		clock.Sleep(ctx, readAgain)
	}
}

// take processes the messages that have arrived.
func (p *partition) take(ctx context.Context, entries <-chan link.Entry) error {
	for range maxTaken {
		select {
		case e := <-entries:
			if err := p.apply(&e); err != nil {
				return err
			}
		default:
			return ctx.Err()
		}
	}
	return ctx.Err()
}

// look asks the engine which messages the Inbox has.
func (p *partition) look(ctx context.Context) error {
	st, err := p.engine.State(ctx)
	if err != nil {
		return fmt.Errorf("cannot read the state of the inbox: %w", err)
	}
	p.known = max(p.known, st.Last)
	if st.First > p.read+1 {
		return p.jump(st.First)
	}
	return nil
}

// jump skips messages that are missing in the Inbox. It continues with the message that has the number to.
func (p *partition) jump(to uint64) error {
	if p.gap != p.version {
		p.gap = p.version
		return errGap
	}
	// The head has not changed since the last attempt, so no other owner has read the messages that
	// are gone.
	p.log.Error().Uint64("from", p.read+1).Uint64("to", to-1).Msg("messages of this partition are missing, and no owner has read these messages")
	c := &p.head.Counts
	for seq := range p.held {
		if seq < to {
			delete(p.held, seq)
			c.Damaged++
		}
	}
	c.Damaged += uint64(len(p.newer)) // the numbers of all messages in p.newer are below the parameter to
	clear(p.newer)
	if last := to - 1; last > p.head.Applied {
		c.Damaged += last - p.head.Applied
		p.head.Applied = last
	}
	p.read = to - 1
	return nil
}

// apply processes one message.
func (p *partition) apply(e *link.Entry) error {
	if e.Seq > p.read+1 {
		if err := p.jump(e.Seq); err != nil {
			return err
		}
	}
	p.read = e.Seq
	if _, held := p.held[e.Seq]; e.Seq <= p.head.Applied && !held {
		return nil
	}
	delete(p.held, e.Seq)
	p.head.Applied = max(p.head.Applied, e.Seq)
	p.sort(e)
	return nil
}

// sort assigns a message to its window, or counts it if it cannot be merged.
func (p *partition) sort(e *link.Entry) {
	c := &p.head.Counts
	h, body, err := partial.Open(e.Data)
	switch {
	case p.holdNewer(e, err):
		return
	case err != nil:
		c.Damaged++
		p.tell(e, err, "a message cannot be merged")
		return
	case h.Partition != p.number || h.Partitions != p.cfg.Settings.Partitions || h.End <= 0 || h.End%p.interval != 0 || p.elsewhere(&h):
		c.Foreign++
		p.settle(&h, &c.Lost)
		return
	}
	window := h.End / p.interval
	stored := e.Stored.UnixNano()
	future := h.End > stored+p.interval+int64(p.cfg.Lateness)
	if future {
		// The edge counts as seen in the current window, so that windows wait for the edge when its
		// clock is right again.
		window = stored / p.interval
	}
	if window > p.from { // earlier windows contain only names that were handed over, not data of edges
		c.Missing += p.edges.note(&h, window, e)
	}
	m := message{e.Seq, h, body, len(e.Data)}
	switch {
	case future:
		c.Future++
		p.settle(&h, &c.Lost)
	case window <= p.oldest():
		c.Late++
		p.settle(&h, &c.Lost)
	case p.next > 0 && window < p.next:
		p.late[window] = append(p.late[window], m)
		p.bytes += m.bytes
		p.batches.note()
	default:
		p.keep(window, m)
	}
}

// oldest returns the last window that is too old to be changed. All earlier windows are too old as well.
func (p *partition) oldest() int64 {
	if p.next == 0 { // no window is closed yet
		return p.since.UnixNano()/p.interval - p.horizon()
	}
	return p.head.Closed - p.horizon()
}

// keep stores a message until its window is closed. It drops duplicates.
func (p *partition) keep(window int64, m message) {
	o := p.open[window]
	if o == nil {
		o = &open{seen: identities{}}
		p.open[window] = o
	}
	id := m.identity()
	if _, seen := o.seen[id]; seen {
		p.head.Counts.Duplicates++
		return
	}
	o.seen[id] = struct{}{}
	o.messages = append(o.messages, m)
	p.bytes += m.bytes
}
