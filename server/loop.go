package server

import (
	"context"
	"errors"
	"time"
)

// loop is the goroutine that flushes. It runs functions for others between two flushes: what
// only it may touch needs no lock.
type loop struct {
	calls chan func()
	ended chan struct{} // closed when no more are run
}

func newLoop() loop { return loop{calls: make(chan func()), ended: make(chan struct{})} }

// errEnding is the answer of a loop that has ended.
var errEnding = errors.New("the daemon is ending")

// do has the loop run f, and returns when that is done. After an error
// f is not run.
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

// rest sleeps, or runs one function. It reports false when ctx has ended. Only the loop calls it.
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

// end refuses further functions.
func (l *loop) end() { close(l.ended) }
