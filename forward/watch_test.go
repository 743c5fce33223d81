package forward

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/statsd-ops/statsd/link"
)

// owned is an engine whose partitions have owners. Partitions whose owners were killed get no new
// commits.
type owned struct {
	*engine
	died   map[int]time.Time
	silent error
}

func (o *owned) Committed(_ context.Context, partition int) (time.Time, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.silent != nil {
		return time.Time{}, o.silent
	}
	newest, dead := o.died[partition]
	if !dead {
		newest = time.Now()
	}
	return newest.Add(time.Hour), nil // the engine's clock differs from this machine's clock
}

func (o *owned) kill(partitions ...int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	before := o.died
	o.died = map[int]time.Time{}
	for _, p := range partitions {
		if o.died[p] = time.Now(); !before[p].IsZero() {
			o.died[p] = before[p]
		}
	}
}

// An edge notices when partitions have no owner, even if all owners are dead, and when they have
// owners again. While the engine does not answer, the edge reports nothing about owners.
// link.ErrFull is an answer too, because an engine without owners becomes full.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &owned{engine: newEngine()}
		cfg := o.config(t)
		cfg.Connect = func() (link.Sender, error) { return o, nil }
		e, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := e.Join(ctx); err != nil {
			t.Fatal(err)
		}
		go e.Watch(ctx)
		var fault atomic.Pointer[error]
		fault.Store(new(error))
		o.fault = func(string) error { return *fault.Load() }
		fail := func(err error) { fault.Store(&err) }
		go func() {
			for ; ctx.Err() == nil; time.Sleep(time.Second) {
				take(t, e).Encode(func(payload []byte, _ int) { _ = e.Send(ctx, payload) }) // Send fails while a fault is set
			}
		}()
		everything := all(o.settings.Partitions)
		check := func(what string, want ...int) {
			t.Helper()
			synctest.Wait()
			if got := e.Unowned(); !slices.Equal(got, want) {
				t.Errorf("%s: %v have no owner, want %v", what, got, want)
			}
		}
		time.Sleep(10 * time.Minute)
		check("all is well")
		o.kill(everything...)
		time.Sleep(30 * time.Second)
		check("owners dead for 30 s")
		time.Sleep(80 * time.Second)
		check("owners dead for 110 s", everything...)
		o.kill(3)
		time.Sleep(time.Minute)
		check("one owner dead", 3)
		fail(errors.New("connection refused"))
		time.Sleep(3 * time.Minute)
		check("the edge cannot send")
		fail(nil)
		time.Sleep(30 * time.Minute)
		check("the edge sends again", 3)
		fail(fmt.Errorf("%w: maximum bytes exceeded", link.ErrFull))
		time.Sleep(10 * time.Minute)
		check("the engine is full", 3)
		fail(nil)
		o.kill()
		time.Sleep(time.Minute)
		check("all owners are back")
		o.mu.Lock()
		o.silent = errors.New("no answer")
		o.mu.Unlock()
		time.Sleep(10 * time.Minute)
		check("the engine does not answer")
		cancel()
		time.Sleep(time.Minute)
	})
}
