package server

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/internal/counterpart"
)

// virtual is a Server in virtual time. It binds sockets but does not read them, because virtual
// time stops while a goroutine waits for the network.
type virtual struct {
	*Server
	t   *testing.T
	out *counterpart.Output
	end context.CancelFunc
}

// inVirtualTime runs a Server and the function test in virtual time. The test runs in parallel with
// other tests.
func inVirtualTime(t *testing.T, cfg Config, test func(*virtual)) {
	t.Helper()
	t.Parallel()
	inBubble(t, cfg, test)
}

// inBubble runs a Server and the function test in a bubble of testing/synctest.
func inBubble(t *testing.T, cfg Config, test func(*virtual)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		v := &virtual{t: t, out: &counterpart.Output{}}
		cfg.Log = zerolog.New(v.out)
		s, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		v.Server = s
		ctx, end := context.WithCancel(context.Background())
		v.end = end
		var running sync.WaitGroup
		s.out.Start(ctx)
		if err := s.join(ctx); err != nil {
			t.Fatal(err)
		}
		running.Go(func() { s.flushLoop(ctx) })
		running.Go(func() { s.checkHealth(ctx) })
		running.Go(func() { s.watchHealth(ctx) })
		if s.member.Collects() {
			running.Go(func() {
				if err := s.member.Collect(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		test(v)
		end()
		running.Wait()
		s.out.End()
		if err := errors.Join(s.out.Close(), s.in.Close()); err != nil {
			t.Error(err)
		}
	})
}

// receive processes text as if it were a datagram.
func (v *virtual) receive(text string) { v.in.Inject([]byte(text)) }

// sink returns the state of a sink.
func (v *virtual) sink(name string) delivery.State { return sinkState(v.t, v.Server, name) }

// wait advances the time by d, and waits until everything that is due has happened.
func (v *virtual) wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
