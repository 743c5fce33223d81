package systemd_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/sink/sinktest"
)

// carbon receives the published points. These tests do not use the real carbon: carbon starts
// slowly, and tests with carbon would find no further faults.
type carbon struct {
	*sinktest.Server
	t *testing.T
}

func newCarbon(t *testing.T) *carbon { return &carbon{sinktest.NewServer(t), t} }

// command returns the command line of a daemon that publishes to this carbon.
func (c *carbon) command() []string {
	return []string{binary, "--graphite-host", "127.0.0.1", "--graphite-port", strconv.Itoa(c.Port()), "--monitor-port", "off", "--log-format", "json"}
}

// total returns the sum of a counter over all flushes. interval is the flush interval in seconds.
func (c *carbon) total(path string, interval float64) float64 {
	sum := 0.0
	for _, p := range c.PointsOf(path) {
		sum += p.Value * interval
	}
	return sum
}

// wantNoneAhead checks that no point has a timestamp later than now plus one flush interval.
func (c *carbon) wantNoneAhead(interval time.Duration) {
	c.t.Helper()
	last := time.Now().Add(interval).Unix()
	for _, p := range c.Points() {
		if p.Time > last {
			c.t.Errorf("%s has a point at %d, it is %d now", p.Path, p.Time, last-int64(interval.Seconds()))
		}
	}
}
