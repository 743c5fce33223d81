package server

import (
	"context"
	"errors"
	"time"

	"github.com/statsd-ops/statsd/internal/clock"
)

// loop runs functions for other goroutines on the flush loop, between two flushes. Data that only
// the flush loop uses needs no lock.
type loop struct {
	calls chan func()
	ended chan struct{} // closed when no more functions are run
	// watchdog is called to say that the daemon is alive, at least once each every or second, whichever is shorter. nil
	// without a watchdog.
	watchdog func()
	every    time.Duration
}

func newLoop(watchdog func(), every time.Duration) loop {
	return loop{calls: make(chan func()), ended: make(chan struct{}), watchdog: watchdog, every: every}
}

// errEnding is returned after the loop has ended.
var errEnding = errors.New("the daemon is ending")

// do runs f on the flush loop and waits until f has returned. If do returns an error, f has not run.
func (l *loop) do(ctx context.Context, f func()) error {
	done := make(chan struct{})
	select {
	case l.calls <- func() { f(); close(done) }:
		<-done
		return nil
	case <-l.ended:
		return errEnding
	case <-ctx.Done():
		return ctx.Err()
	}
}

// rest sleeps or runs one function. It returns false when ctx has ended. Only the loop calls it.
func (l *loop) rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case f := <-l.calls:
		f()
	case <-ctx.Done():
		return false
	}
	return true
}

// end makes do refuse further functions with errEnding.
func (l *loop) end() { close(l.ended) }

// beatUntil feeds the watchdog until ctx ends, because the flush loop no longer does.
func (l *loop) beatUntil(ctx context.Context) {
	for l.beat(); clock.Sleep(ctx, l.beatEvery()); l.beat() {
	}
}

// beat tells the watchdog that the daemon is alive.
func (l *loop) beat() {
	if l.watchdog != nil {
		l.watchdog()
	}
}

// beatEvery returns the longest time that the flush loop may sleep.
func (l *loop) beatEvery() time.Duration {
	if l.watchdog != nil && l.every > 0 {
		return min(l.every, time.Second)
	}
	return time.Second
}
