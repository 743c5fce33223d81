package server

import (
	"context"
	"errors"
	"time"

	"github.com/statsd-ops/statsd/internal/clock"
)

// loop runs functions of other goroutines on the flush loop, between two flushes. So data that only
// the flush loop uses needs no lock.
type loop struct {
	calls chan func()
	ended chan struct{} // closed when the loop runs no more functions
	// watchdog tells a watchdog that the daemon is alive. It is nil if there is no watchdog. The longest time between
	// two calls is the field every, or a second if every is longer or 0.
	watchdog func()
	every    time.Duration
}

func newLoop(watchdog func(), every time.Duration) loop {
	return loop{calls: make(chan func()), ended: make(chan struct{}), watchdog: watchdog, every: every}
}

// errEnding is the error that the method do returns after the loop has ended.
var errEnding = errors.New("the daemon is ending")

// do runs the function f on the flush loop, and waits until f has returned. If do returns an error,
// f was not run.
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

// rest sleeps for the duration d, or until it has run one function of another goroutine. It returns
// false if ctx has ended. Only the flush loop calls it.
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

// end makes all later calls of the method do return errEnding.
func (l *loop) end() { close(l.ended) }

// beatUntil feeds the watchdog until ctx ends. It is used after the flush loop has ended.
func (l *loop) beatUntil(ctx context.Context) {
	for l.beat(); clock.Sleep(ctx, l.beatEvery()); l.beat() {
	}
}

func (l *loop) beat() {
	if l.watchdog != nil {
		l.watchdog()
	}
}

// beatEvery returns the maximum time that the flush loop may sleep.
func (l *loop) beatEvery() time.Duration {
	if l.watchdog != nil && l.every > 0 {
		return min(l.every, time.Second)
	}
	return time.Second
}
