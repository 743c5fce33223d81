package collect

import (
	"context"
	"time"

	"github.com/statsd-ops/statsd/link"
)

const (
	// maxTaken is the maximum number of messages that are processed at once. Then the owner checks whether windows are
	// due.
	maxTaken = 1000
	// longestRest is the maximum time between two calls of the method act.
	longestRest = time.Second
	trimEvery   = 5 * time.Second
	// readAgain is the pause after an error before the Inbox is read again.
	readAgain = 500 * time.Millisecond
)

// serve reads the Inbox, and closes and corrects windows.
func (p *partition) serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	entries, done := make(chan link.Entry, 64), make(chan struct{})
	go func() {
		defer close(done)
		p.readInbox(ctx, p.read+1, entries)
	}()
	defer func() { cancel(); <-done }()
	if err := p.look(ctx); err != nil {
		return err
	}
	for {
		if err := p.take(ctx, entries); err != nil {
			return err
		}
		rest, err := p.act(ctx)
		p.report()
		if err != nil {
			return err
		}
		timer := time.NewTimer(rest)
		select {
		case e := <-entries:
			err = p.apply(&e)
		case <-timer.C:
		case <-ctx.Done():
			err = ctx.Err()
		}
		timer.Stop()
		if err != nil {
			return err
		}
	}
}

// act closes and corrects all windows that are due. It returns the time until its next call.
func (p *partition) act(ctx context.Context) (rest time.Duration, err error) {
	for len(p.held) == 0 {
		due, err := p.closeDue(ctx)
		if err != nil {
			return 0, err
		}
		if due > 0 {
			rest = due
			break
		}
	}
	if len(p.held) == 0 && len(p.late) > 0 {
		wait := p.batches.wait()
		if p.bytes > maxOpenBytes {
			wait = 0
		}
		if wait <= 0 {
			if err := p.correct(ctx); err != nil {
				return 0, err
			}
		} else {
			rest = min(rest, wait)
		}
	}
	if len(p.held) == 0 {
		if err := p.handOver(ctx); err != nil {
			return 0, err
		}
	}
	p.trim(ctx)
	if rest <= 0 || rest > longestRest {
		rest = longestRest
	}
	return rest, nil
}

// trim removes from the Inbox the messages that the head no longer needs. If this fails, the only
// effect is that the next owner reads more messages.
func (p *partition) trim(ctx context.Context) {
	if now := time.Now(); p.low > p.trimmedTo && now.Sub(p.trimmed) >= trimEvery {
		p.trimmed = now
		if p.engine.Trim(ctx, p.low) == nil {
			p.trimmedTo = p.low
		}
	}
}

// closeDue closes the next window if it is due. If it is not, closeDue returns the time until it is
// due.
func (p *partition) closeDue(ctx context.Context) (wait time.Duration, err error) {
	now := time.Now()
	if p.next == 0 {
		return p.begin(now), nil
	}
	if p.over() {
		return longestRest, nil
	}
	all, heard := p.edges.waited(p.next)
	end := time.Unix(0, p.end(p.next))
	due := end
	if !all {
		for _, t := range []time.Time{p.since, time.Unix(0, heard)} {
			if t.After(due) {
				due = t
			}
		}
		due = due.Add(p.cfg.Lateness)
	}
	full := p.bytes > maxOpenBytes
	if wait := due.Sub(now); wait > 0 && !full {
		return wait, nil
	}
	if !all && !full {
		if p.read >= p.known {
			if err := p.look(ctx); err != nil {
				return 0, err
			}
		}
		if p.read < p.known { // messages for this window may have arrived, so read them first
			return readAgain / 10, nil
		}
	}
	if p.open[p.next] == nil && end.Add(p.cfg.Lateness).Before(p.since) {
		p.skip()
		return 0, nil
	}
	return 0, p.close(ctx, p.next)
}

// begin chooses the partition's first window, if no window was committed yet.
func (p *partition) begin(now time.Time) (wait time.Duration) {
	if wait := p.since.Add(p.cfg.Lateness).Sub(now); wait > 0 {
		return wait
	}
	p.next = max(p.since.UnixNano()/p.interval+1, p.from)
	for window := range p.open {
		p.next = min(p.next, window)
	}
	return 0
}

// skip skips the windows that ended while the partition had no owner, up to the first window that has messages.
func (p *partition) skip() {
	p.next = p.since.Add(-p.cfg.Lateness).UnixNano()/p.interval + 1
	for window := range p.open {
		p.next = min(p.next, window)
	}
}
