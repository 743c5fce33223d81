package collect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/statsd-ops/statsd/link"
)

// takeOver commits a record without rows. This fences the previous owner.
func (p *partition) takeOver(ctx context.Context) error {
	from := p.head.Owner
	p.epoch, p.head.Revision = p.since.UnixNano(), 0
	if err := p.commit(ctx, &record{window: link.TakeOver}); err != nil {
		return err
	}
	if from == "" {
		p.log.Info().Msg("took the partition, which had no owner before")
		return nil
	}
	p.log.Info().Str("from", from).Msg("took over the partition")
	return nil
}

// commit appends a record to the chain of commits. Before that, it updates p.head, and copies p.head into the record.
func (p *partition) commit(ctx context.Context, r *record) error {
	h := &p.head
	h.Owner, h.Epoch = p.cfg.ID, p.epoch
	h.Revision++
	p.dropNewer(time.Now())
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
			version = c.Version // the engine has made the commit, but its answer was lost
		case errors.Is(err, link.ErrFenced):
			p.fenced.Add(1)
			return err
		default:
			return fmt.Errorf("cannot append a commit: %w", err)
		}
	}
	p.follow(version, began)
	return nil
}

// follow stores the version of the last commit, whose content is in p.head. The parameter at is the time when the
// engine confirmed that this commit is the last one.
func (p *partition) follow(v link.Version, at time.Time) {
	p.version, p.confirmed, p.low = v, at, p.head.low()
}

// confirm returns link.ErrFenced if another owner has committed. It asks the engine only if the engine's last answer
// is old. The check is needed because a process may be suspended for a long time: other owners may then have
// corrected windows, and this owner must not publish its old version of these windows.
func (p *partition) confirm(ctx context.Context) error {
	if time.Since(p.confirmed) < confirmAfter {
		return nil
	}
	began := time.Now()
	c, err := p.engine.Head(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("cannot read the last commit: %w", err)
	case c.Version != p.version:
		p.fenced.Add(1)
		return link.ErrFenced
	}
	p.confirmed = began
	return nil
}
