package collect

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/partial"
)

// merging returns a value of the type merging for a window. Its methods merge messages of the window into the table,
// and count the rows of the messages in p.head.Counts.
func (p *partition) merging(window int64, table *aggregate.Table) *merging {
	end, tags := p.end(window), metric.LabelTags
	if p.cfg.Settings.Tags == metric.GraphiteTags.String() {
		tags = metric.GraphiteTags
	}
	return &merging{table: table, decoder: p.decoder, counts: &p.head.Counts, tags: tags, end: end, latest: end + p.interval}
}

// close closes a window: it merges, commits and publishes the window. The messages are merged into
// the table of the state. The commit encodes the merged rows without loss, so the points are the
// same as if they were made from the commit. If the commit fails, the caller loads the state again.
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

// checkpoint adds a checkpoint to a record if its window is the first in a block of windows.
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

// mergeMessage merges a message into the table of m, and counts the message and its samples. The
// parameter r is the record of the window.
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

// settle adds the samples of a message that was merged, or will never be merged, to *count and to the count of the
// message's edge.
func (p *partition) settle(h *partial.Header, count *uint64) {
	*count += h.Samples
	p.edges.settle(h)
}

// publish publishes a window after its commit. It does not publish windows that belong to another
// cluster.
func (p *partition) publish(ctx context.Context, window int64, iv *aggregate.Interval, again bool) error {
	if window <= p.from {
		iv.Summarize(silent, 0)
		p.unpublished = window + 1
		return nil
	}
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

// rewind computes the state again, starting from a checkpoint. It also publishes windows again. The parameter from is
// the number of the first of these windows.
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
			return fmt.Errorf("cannot read the rows of a commit: %w", err)
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

// renew computes the checkpoint in a record again if an earlier window has changed.
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
