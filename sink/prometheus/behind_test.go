package prometheus

import (
	"bytes"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

func TestPageGivesWayToFlush(t *testing.T) {
	for _, tt := range []struct {
		flush time.Duration
		waits time.Duration
	}{
		{0, 0}, {20 * time.Millisecond, 20 * time.Millisecond}, {time.Hour, giveWayFor},
	} {
		synctest.Test(t, func(t *testing.T) {
			var flush atomic.Bool
			var out bytes.Buffer
			b := &behind{&out, &flush, giveWayFor}
			if tt.flush > 0 {
				flush.Store(true)
				time.AfterFunc(tt.flush, func() { flush.Store(false) })
			}
			begun := time.Now()
			for range 2 {
				if _, err := b.Write([]byte("a block ")); err != nil {
					t.Error(err)
				}
			}
			if waited := time.Since(begun); waited < tt.waits || waited > tt.waits+time.Millisecond || out.String() != "a block a block " {
				t.Errorf("a flush of %v: the page waited %v and is %q", tt.flush, waited, out.String())
			}
		})
	}
}

// A page that is made while an interval is recorded shows the intervals before, and comes.
func TestPageDuringFlush(t *testing.T) {
	t.Parallel()
	d := startDaemon(t, limits)
	url := d.serve()
	d.flush("hits:1|c")
	d.Record(&metric.Collected{Kind: metric.Counter, Name: []byte("hits"), Value: 1})
	for _, encoding := range []string{"gzip", "identity"} {
		if answer, text := ask(t, "GET", url+"/metrics", encoding); answer.StatusCode != 200 || !strings.Contains(text, "hits 1\n") {
			t.Errorf("%s: %s: %s", encoding, answer.Status, text)
		}
	}
	if !d.recorded.Load() {
		t.Error("no interval is being recorded")
	}
	d.flush()
	if d.recorded.Load() {
		t.Error("the interval is over, and pages still wait")
	}
}
