package systemd_test

import (
	"strconv"
	"testing"

	"github.com/statsd-ops/statsd/sink/sinktest"
)

// carbon takes what a daemon publishes. The real one is too slow to start beside
// each of these tests, and would say no more.
type carbon struct {
	*sinktest.Server
	t *testing.T
}

func newCarbon(t *testing.T) *carbon { return &carbon{sinktest.NewServer(t), t} }

// command starts a daemon that publishes here.
func (c *carbon) command() []string {
	return []string{binary, "--graphite-host", "127.0.0.1", "--graphite-port", strconv.Itoa(c.Port()), "--monitor-port", "off", "--log-format", "json"}
}

// total returns how much a counter was raised, interval being the flush interval in seconds.
func (c *carbon) total(path string, interval float64) float64 {
	sum := 0.0
	for _, p := range c.PointsOf(path) {
		sum += p.Value * interval
	}
	return sum
}

// wantEachTimeOnce checks that no series has two values for one time.
func (c *carbon) wantEachTimeOnce() {
	c.t.Helper()
	seen := map[sinktest.Point]bool{}
	for _, p := range c.Points() {
		p.Value = 0
		if seen[p] {
			c.t.Errorf("%s has two points at %d", p.Path, p.Time)
		}
		seen[p] = true
	}
}
