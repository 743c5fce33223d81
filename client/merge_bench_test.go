package client_test

import (
	"testing"
	"time"

	"github.com/statsd-ops/statsd/client"
	"github.com/statsd-ops/statsd/client/clienttest"
)

// BenchmarkMerged measures calls whose samples are merged with earlier samples.
func BenchmarkMerged(b *testing.B) {
	rec := clienttest.New(b, client.Config{Aggregate: time.Hour})
	c := rec.Client
	handle := c.NewCounter("web.requests.served")
	for _, bench := range []struct {
		name string
		call func()
	}{
		{"Incr", func() { c.Incr("web.requests.served") }},
		{"Tagged", func() { c.Incr("web.requests.served", "code:200", "zone:a") }},
		{"Gauge", func() { c.Gauge("web.connections.open", 1234.5) }},
		{"Timing", func() { c.Timing("web.requests.time", 15300*time.Microsecond) }},
		{"Set", func() { c.Set("web.users.seen", "user-1234") }},
		{"Handle", handle.Incr},
	} {
		for range 2 { // one round for each of the two tables
			bench.call()
			flush(b, c)
		}
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				bench.call()
			}
		})
	}
}
