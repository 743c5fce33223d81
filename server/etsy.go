package server

import (
	"math"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/intake"
	"github.com/statsd-ops/statsd/metric"
)

// etsyPoints returns the points that Etsy's statsd publishes about itself. Dashboards made for
// Etsy's statsd need them. They are published only with Etsy's naming, in addition to the daemon's
// own figures. The point numStats is not among them, because it is one of the daemon's own figures.
func (s *Server) etsyPoints(f *flushed) []metric.Point {
	layout, own := &s.flushes.layout, strings.Trim(s.cfg.MetadataPrefix, ".")
	if !s.likeEtsy() || own == "" {
		return nil
	}
	var points []metric.Point
	for _, c := range etsyCounters(&s.flushes.interval) {
		points = layout.AppendPoints(points, metric.Counter, own+"."+c.name, c.value)
	}
	if s.flushes.compared {
		points = layout.AppendPoints(points, metric.Gauge, own+".timestamp_lag", s.flushes.lag.Seconds())
	}

	const ms = 1000
	var working time.Duration
	for _, d := range f.snapshot.Duration {
		working += d
	}
	sum := sumPublishing(f.sinks)
	lastFlush := max(unixSeconds(sum.published), unixSeconds(s.started))
	if layout.Naming == aggregate.EtsyLegacy {
		own = "stats." + own
	}
	for _, e := range []etsyValue{
		{"processing_time", working.Seconds() * ms},
		{"graphiteStats.calculationtime", max(f.duration-f.swap-working, 0).Seconds() * ms},
		{"graphiteStats.flush_time", sum.last.Spent.Seconds() * ms},
		{"graphiteStats.flush_length", float64(sum.last.Bytes)},
		{"graphiteStats.last_flush", math.Round(lastFlush)},
		{"graphiteStats.last_exception", math.Round(unixSeconds(sum.failed))},
	} {
		points = append(points, metric.Point{Path: []byte(layout.Own(own, e.name)), Value: e.value})
	}
	for i := range points {
		points[i].Time = f.snapshot.Time
	}
	return points
}

// etsyValue is the name and value of a counter that Etsy's statsd keeps about itself.
type etsyValue struct {
	name  string
	value float64
}

func etsyCounters(t *intake.Tally) []etsyValue {
	return []etsyValue{
		{"bad_lines_seen", float64(t.DiscardedSamples())},
		{"packets_received", float64(t.UDPPackets + t.TCPReads)},
		{"metrics_received", float64(t.Lines)},
	}
}

func (s *Server) likeEtsy() bool {
	naming := s.flushes.layout.Naming
	return naming == aggregate.Etsy || naming == aggregate.EtsyLegacy
}

// namesPublished returns the value of numStats for a layout in which numStats counts names. It
// counts the clients' names, and the counters and gauges that etsyPoints adds.
func (s *Server) namesPublished(sn *aggregate.Snapshot) (n int) {
	for _, count := range sn.Count {
		n += count
	}
	if s.likeEtsy() && s.cfg.MetadataPrefix != "" {
		n += 3
		if s.flushes.compared {
			n++
		}
	}
	return n
}
