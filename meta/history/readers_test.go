package history

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/statsd-ops/statsd/meta"
)

// TestReadersAndFlushes runs queries and flushes at the same time, for the race detector.
func TestReadersAndFlushes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFigures(interval)
		v := NewValues(Config{Interval: interval, Names: 50, Memory: 1 << 20})
		ended := make(chan struct{})
		for range 4 {
			go func() {
				for {
					select {
					case <-ended:
						return
					case <-time.After(3 * time.Second):
					}
					f.Series(Query{Names: []string{"count"}, Since: time.Now().Add(-time.Hour), Points: 100})
					f.Growth("count", time.Minute)
					v.Path("path.3")
					v.Series(Query{Names: []string{"path.4"}, Since: time.Now().Add(-time.Hour), Points: 100})
					v.Find(t.Context(), Search{Limit: 10})
					v.Last()
				}
			}()
		}
		for i := range 100 {
			time.Sleep(interval)
			f.Keep(time.Now(), []meta.Figure{count("count", float64(i))})
			keep(v, time.Now(), many(time.Now(), 100, i))
		}
		close(ended)
	})
}
