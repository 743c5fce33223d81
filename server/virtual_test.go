package server

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/wire"
)

// virtual is a Server in virtual time: all of it but the sockets, which are
// bound, but nobody reads them: time stands still while somebody waits
// for the network.
type virtual struct {
	*Server
	t   *testing.T
	out *counterpart.Output
	end context.CancelFunc
}

// inVirtualTime runs a Server and test beside it.
func inVirtualTime(t *testing.T, cfg Config, test func(*virtual)) {
	t.Helper()
	t.Parallel()
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
		s.running.begin(ctx, ctx)
		for _, o := range s.outlets {
			s.startOutlet(o)
		}
		s.startRecordings()
		s.startWatch()
		s.running.others.Go(func() { s.flushLoop(ctx) })
		s.running.others.Go(func() { s.alertLoop(ctx) })
		s.running.others.Go(func() { s.watchHealth(ctx) })
		test(v)
		end()
		s.running.others.Wait()
		for _, o := range s.outlets {
			o.end()
		}
		s.running.sending.Wait()
		if err := s.streams.listener.Close(); err != nil {
			t.Error(err)
		}
		for _, r := range s.receivers {
			if err := r.socket.close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// receive takes text in as if it were a datagram.
func (v *virtual) receive(text string) {
	lane := v.lanes[0]
	lane.shard.Lock()
	defer lane.shard.Unlock()
	lane.takeDatagram(&wire.Parser{}, []byte(text), origin{})
	lane.addPending()
}

// wait lets d go by, and everything happen that happens until then.
func (v *virtual) wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
