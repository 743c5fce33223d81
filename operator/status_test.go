package operator

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/meta/history"
)

// TestTrends lets one figure after the other grow or rise, and checks which trend shows it. The trend "lost" shows every
// kind of loss, and "waiting" everything that waits.
func TestTrends(t *testing.T) {
	for trend, names := range map[string][]string{
		"received": {"samples.received"},
		"lost": {
			"udp.kernel_dropped", "metrics.discarded", "samples.refused.names", "samples.refused.members",
			"sink.carbon.points.dropped", "sink.eu.carbon.points.dropped", "forward.rows.dropped",
		},
		"names":   {"names"},
		"waiting": {"sink.carbon.points.queued", "sink.carbon.points.spooled", "forward.rows.queued", "forward.rows.spooled"},
		"flush":   {"flush_duration"},
		"cost":    {"cpu.used"},
	} {
		for _, name := range names {
			synctest.Test(t, func(t *testing.T) {
				d := New(Sources{Started: time.Now(), Past: history.NewFigures(10 * time.Second)})
				f := figures{}
				for i := range 3 {
					time.Sleep(10 * time.Second)
					f[name] = meta.Figure{Name: name, Value: float64(i)}
					d.Past.Keep(time.Now(), []meta.Figure{f[name]})
				}
				for other, values := range d.trends(f) {
					shown := false
					for _, v := range values {
						shown = shown || !math.IsNaN(float64(v)) && v != 0
					}
					if shown != (other == trend) {
						t.Errorf("%s: trend %s is %v", name, other, values)
					}
				}
			})
		}
	}
}
