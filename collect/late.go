package collect

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
)

const (
	// Late messages are merged in batches. A batch is due correctionDelay after its first message. But after the
	// previous batch there is a pause, because each batch publishes many intervals again. The pause is at least
	// minCorrectionPause, and at least as long as the previous batch took. While batches follow each other, both
	// minimums double after each batch: the first one up to maxCorrectionPause, the second one up to maxCorrectionShare
	// times the duration of the previous batch. So the first batches after an outage come soon.
	correctionDelay    = time.Second
	minCorrectionPause = time.Second
	maxCorrectionPause = 5 * time.Second
	maxCorrectionShare = 10
	// calm is the time without a batch after which the pauses are short again.
	calm = 2 * maxCorrectionPause
)

// batches decides when late messages are merged.
type batches struct {
	first        time.Time // when the first message of the next batch was received; zero if there is none
	began, ended time.Time // when the last batch began and ended
	doubled      int       // how often the pause after the last batch is doubled
}

// begin returns the state at the start of a batch.
func (b *batches) begin() batches {
	next := batches{began: time.Now()}
	if next.began.Sub(b.ended) < b.pause()+calm {
		next.doubled = min(b.doubled+1, 4)
	}
	return next
}

// pause returns the minimum pause after the last batch.
func (b *batches) pause() time.Duration {
	factor := time.Duration(1) << b.doubled
	return max(min(factor*minCorrectionPause, maxCorrectionPause), min(factor, maxCorrectionShare)*b.ended.Sub(b.began))
}

func (b *batches) note() {
	if b.first.IsZero() {
		b.first = time.Now()
	}
}

// wait returns the time until the next batch is due.
func (b *batches) wait() time.Duration {
	due := b.first.Add(correctionDelay)
	if !b.ended.IsZero() {
		if next := b.ended.Add(b.pause()); next.After(due) {
			due = next
		}
	}
	return time.Until(due)
}

// correct merges the late messages into their windows, and commits these windows again. It then
// publishes all windows that may have changed.
func (p *partition) correct(ctx context.Context) error {
	p.batches = p.batches.begin()
	changed := int64(0)
	for _, window := range slices.Sorted(maps.Keys(p.late)) {
		merged, err := p.correctWindow(ctx, window)
		if err != nil {
			return err
		}
		if merged && changed == 0 {
			changed = window
		}
	}
	if changed > 0 {
		p.handed = false
		if err := p.rewind(ctx, changed); err != nil {
			return err
		}
	}
	p.batches.ended = time.Now()
	return nil
}

// correctWindow merges the late messages of a window, and commits it. It reports whether a commit
// was made.
func (p *partition) correctWindow(ctx context.Context, window int64) (bool, error) {
	r, err := p.at(ctx, window)
	if err != nil {
		return false, err
	}
	if r == nil {
		r = &record{window: window, seen: identities{}}
	}
	late := p.lateOf(window, r)
	if len(late) == 0 {
		return false, nil
	}
	m := p.merging(window, aggregate.NewTable(p.tableConfig()))
	if err := m.record(r); err != nil {
		return false, err
	}
	c := &p.head.Counts
	before := c.Merged
	for i := range late {
		p.mergeMessage(m, r, &late[i])
		r.seen[late[i].identity()] = struct{}{}
	}
	c.Corrected += c.Merged - before
	r.revision++
	r.rows = m.rows(m.table.Drain(nil), p.encoder, r.revision)
	h := &p.head
	if r.revision == 1 && h.checkpointBefore(window) == 0 {
		r.checkpoint = []aggregate.Known{} // no earlier windows are committed
		h.Checkpoints = slices.Insert(slices.Clone(h.Checkpoints), 0, window)
	}
	h.Closed = max(h.Closed, window)
	if h.Stale == 0 || window < h.Stale {
		h.Stale = window
	}
	p.mustPublish(window)
	return true, p.commit(ctx, r)
}

// lateOf removes the late messages of a window from p.late. It returns the messages that must be
// merged, and counts the other late messages.
func (p *partition) lateOf(window int64, r *record) (late []message) {
	c := &p.head.Counts
	taken := identities{}
	for _, m := range p.late[window] {
		id := m.identity()
		_, merged := r.seen[id]
		_, twice := taken[id]
		switch {
		case merged || twice:
			c.Duplicates++
		case !p.cfg.Correct && window > p.from:
			c.Late++
			p.settle(&m.header, &c.Lost)
		default:
			late, taken[id] = append(late, m), struct{}{}
			continue
		}
		p.bytes -= m.bytes
	}
	delete(p.late, window)
	return late
}
