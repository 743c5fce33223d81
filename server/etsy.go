package server

import (
	"math"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
)

// etsyPoints are what Etsy's statsd publishes of itself, and its users' dashboards
// draw. With its names they come besides the daemon's own figures, of which they
// are made; numStats is among these.
func (s *Server) etsyPoints(fs []figure, now int64) []metric.Point {
	layout, own := &s.flushes.layout, strings.Trim(s.cfg.MetadataPrefix, ".")
	if !s.likeEtsy() || own == "" {
		return nil
	}
	var points []metric.Point
	for _, c := range s.flushes.interval.etsyCounters() {
		points = layout.AppendPoints(points, metric.Counter, own+"."+c.Name, c.Value)
	}
	if s.flushes.compared {
		points = layout.AppendPoints(points, metric.Gauge, own+".timestamp_lag", s.flushes.lag.Seconds())
	}

	is := map[string]float64{}
	for _, f := range fs {
		is[f.Name] = f.Value
	}
	const ms = 1000
	working := is["render.counters.duration"] + is["render.gauge.duration"] + is["render.set.duration"] + is["render.timers.duration"]
	if layout.Naming == aggregate.EtsyLegacy {
		own = "stats." + own
	}
	for _, f := range []figure{
		{Name: "processing_time", Value: working * ms},
		{Name: "graphiteStats.calculationtime", Value: max(is["render.time"]-working, 0) * ms},
		{Name: "graphiteStats.flush_time", Value: is["last_publish.duration"] * ms},
		{Name: "graphiteStats.flush_length", Value: is["last_publish.bytes"]},
		{Name: "graphiteStats.last_flush", Value: math.Round(max(is["last_publish.time"], is["start_time"]))},
		{Name: "graphiteStats.last_exception", Value: math.Round(is["publish_error.time"])},
	} {
		points = append(points, metric.Point{Path: []byte(layout.Own(own, f.Name)), Value: f.Value})
	}
	for i := range points {
		points[i].Time = now
	}
	return points
}

// etsyCounters are the counters that Etsy's statsd keeps of itself.
func (t *tally) etsyCounters() []figure {
	return []figure{
		{Name: "bad_lines_seen", Value: float64(t.discardedSamples())},
		{Name: "packets_received", Value: float64(t.udpPackets + t.tcpReads)},
		{Name: "metrics_received", Value: float64(t.lines)},
	}
}

func (s *Server) likeEtsy() bool {
	naming := s.flushes.layout.Naming
	return naming == aggregate.Etsy || naming == aggregate.EtsyLegacy
}

// namesPublished is numStats where that counts names: those of etsyPoints too that are
// counters and gauges.
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

// compare notes how much later than the interval boundary at comes after the one before.
func (f *flushes) compare(at int64, interval time.Duration) {
	if f.boundary != 0 {
		f.lag, f.compared = time.Duration(at-f.boundary)-interval, true
	}
	f.boundary = at
}
