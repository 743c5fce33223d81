package linktest

import (
	"context"
	"slices"

	"github.com/statsd-ops/statsd/link"
)

// partition is a partition of the Engine, as seen over the connection of one owner.
type partition struct {
	c *Connection
	s *store
}

func (p *partition) Read(ctx context.Context, from uint64) (link.Reader, error) {
	err := p.c.call(ctx, func() error { return nil })
	return &reader{p, from}, err
}

type reader struct {
	*partition
	next uint64
}

func (r *reader) Close() error { return nil }

func (r *reader) Next(ctx context.Context) (e link.Entry, err error) {
	for {
		if err := r.c.wait(ctx); err != nil {
			return e, err
		}
		engine := r.c.e
		engine.mu.Lock()
		r.next = max(r.next, r.s.first)
		at := int(r.next - r.s.first)
		found, broken, changed := at < len(r.s.entries), engine.down || engine.happens(engine.faults.Break), engine.changed
		if found {
			e = r.s.entries[at]
		}
		engine.mu.Unlock()
		switch {
		case broken:
			return link.Entry{}, errTrouble
		case found:
			r.next++
			e.Data = slices.Clone(e.Data)
			return e, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return e, ctx.Err()
		}
	}
}

func (p *partition) State(ctx context.Context) (st link.InboxState, err error) {
	err = p.c.call(ctx, func() error {
		st = link.InboxState{First: p.s.first, Last: p.s.first + uint64(len(p.s.entries)) - 1, Bytes: p.s.bytes}
		return nil
	})
	return st, err
}

func (p *partition) Trim(ctx context.Context, below uint64) error {
	return p.c.call(ctx, func() error {
		for len(p.s.entries) > 0 && p.s.first < below {
			p.s.bytes -= int64(len(p.s.entries[0].Data))
			p.s.entries, p.s.first = p.s.entries[1:], p.s.first+1
		}
		return nil
	})
}

func (p *partition) Head(ctx context.Context) (c link.Commit, err error) {
	err = p.c.call(ctx, func() error {
		c = p.s.head()
		if n := len(p.s.commits); n > 1 && p.c.e.happens(p.c.e.faults.StaleOld) {
			c = p.s.commits[n-2]
		}
		return nil
	})
	return c, err
}

// keptCommits is the number of commits that a partition stores. It stores the newest ones: the last commit, and one
// before it that Head returns as a fault.
const keptCommits = 2

func (p *partition) Append(ctx context.Context, after link.Version, slot int64, record []byte) (v link.Version, err error) {
	err = p.c.call(ctx, func() error {
		if p.s.head().Version != after {
			return link.ErrFenced
		}
		v = after + 1
		c := link.Commit{Version: v, Slot: slot, Record: slices.Clone(record)}
		p.s.commits = append(p.s.commits, c)
		p.s.commits = p.s.commits[max(len(p.s.commits)-keptCommits, 0):]
		if slot != link.TakeOver {
			p.s.slots[slot%p.c.e.settings.Slots()] = c
		}
		p.c.committed()
		return nil
	})
	return v, err
}

func (p *partition) At(ctx context.Context, slot int64) (c link.Commit, err error) {
	err = p.c.call(ctx, func() error {
		kept, found := p.s.slots[slot%p.c.e.settings.Slots()]
		if !found {
			return link.ErrNone
		}
		c = kept
		return nil
	})
	return c, err
}

// Members is a link.Members for tests. A test chooses the partitions.
type Members struct{ wanted chan []int }

// NewMembers returns Members that want no partitions yet.
func NewMembers() *Members { return &Members{make(chan []int, 16)} }

// Want sets the partitions that this owner should own.
func (m *Members) Want(partitions ...int) { m.wanted <- partitions }

// Run implements link.Members.
func (m *Members) Run(ctx context.Context, wanted func([]int)) error {
	for {
		select {
		case partitions := <-m.wanted:
			wanted(partitions)
		case <-ctx.Done():
			return nil
		}
	}
}
