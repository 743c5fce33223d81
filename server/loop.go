package server

import (
	"context"
	"errors"
	"time"
)

// loop runs functions for other goroutines on the flush loop, between two flushes. Data that only
// the flush loop uses needs no lock.
type loop struct {
	calls chan func()
	ended chan struct{} // closed when no more functions are run
}

func newLoop() loop { return loop{calls: make(chan func()), ended: make(chan struct{})} }

// errEnding is returned after the loop has ended.
var errEnding = errors.New("the daemon is ending")

// do runs f on the flush loop and waits for it. After an error f has not run.
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

// end makes do refuse further functions.
func (l *loop) end() { close(l.ended) }
