package server

import (
	"strings"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/internal/cputime"
	"github.com/statsd-ops/statsd/internal/memory"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
)

// figures computes the daemon's own figures for this flush. They are computed once. The flush
// publishes them, and the log and the monitor show the same values.
func (s *Server) figures(f *flushed) []meta.Figure {
	var l figureList
	t, iv, in := &s.flushes.total, &s.flushes.interval, s.in.State()

	l.value("ledger.time", unixSeconds(f.at))
	l.value("flush_duration", f.duration.Seconds())
	l.value("flush.swap", f.swap.Seconds())
	l.count("flush.late", s.flushes.late)
	l.count("flush.repeated", s.flushes.schedule.repeated)
	l.value("start_time", unixSeconds(s.started))

	l.addReceived(t, &in)
	l.value("metrics.batch.count", float64(iv.Batches))
	l.value("names", float64(s.in.Table().Names()))
	l.value("names.limit", float64(s.cfg.MaxNames))
	l.count("timers.sketched", s.flushes.sketched)
	s.addCost(&l, f.sinks)
	l.value("state.gauges", float64(s.state.gauges))
	l.count("state.errors", s.state.faults)
	l.addNotifiers(&s.cfg, s.alerts.Tallies(), s.alerts.Waiting())
	l.count("notify.untracked", s.alerts.Episodes().Missed())

	l = append(l, s.Health().Figures()...)

	l.addRules(s.in.Rules())
	l.addPipes(in.Pipes)
	l.addAPI(s.monitor)
	l.addSinks(f.sinks, f.at)
	if s.forwards() {
		l.count("forward.samples", s.flushes.forwarded)
	}
	l.addCollect(s.member.Owning())
	l.addRender(f)

	s.addTotal(&l, f)
	return l
}

// addTotal adds the number of points that a flush publishes, including the daemon's own points.
func (s *Server) addTotal(l *figureList, f *flushed) {
	*l = append(*l, meta.Figure{Name: "render.total"}, meta.Figure{Name: "numStats"})
	sn, all := f.snapshot, *l
	total := float64(sn.Len() + len(s.etsyPoints(f)))
	if s.cfg.MetadataPrefix != "" {
		for _, f := range all {
			if published(f) {
				total++
			}
		}
	}
	all[len(all)-1].Value, all[len(all)-2].Value = total, total
	if s.flushes.layout.Naming != aggregate.Reference {
		all[len(all)-1].Value = float64(s.namesPublished(sn))
	}
}

// addCost adds the daemon's CPU time and memory.
func (s *Server) addCost(l *figureList, sinks []delivery.State) {
	used := memory.Read()
	l.value("memory.live", used.Live)
	l.value("memory.held", used.Held)
	l.value("memory.history", float64(s.past.Bytes()+s.values.Bytes()))
	table := s.in.Table().Memory()
	l.value("memory.names", float64(table.Names))
	l.value("memory.samples", float64(table.Samples))
	l.value("memory.queues", queueBytes(sinks))
	l.spent("cpu.used", cputime.Process())
	l.spent("cpu.flush", s.cpu.flush.Total())
	l.spent("cpu.send", s.cpu.send.Total())
	l.spent("cpu.collector", cputime.Collector())
}

// addRender adds the time that it took to compute the points of a flush.
func (l *figureList) addRender(f *flushed) {
	sn := f.snapshot
	for kind, name := range map[metric.Kind]string{
		metric.Counter: "counters", metric.Gauge: "gauge", metric.Set: "set", metric.Timer: "timers",
	} {
		l.value("render."+name+".count", float64(sn.Count[kind]))
		l.value("render."+name+".duration", sn.Duration[kind].Seconds())
	}
	l.value("render.collisions", float64(sn.Collisions))
	l.value("render.time", (f.duration - f.swap).Seconds())
}

// Figures implements meta.Source.
func (s *Server) Figures() []meta.Figure {
	live := s.in.Live()
	return append(s.withHealth(s.stats.Figures()), meta.Figure{Name: "pending_stats", Value: float64(live.Samples)})
}

// Discards implements meta.Source.
func (s *Server) Discards() meta.Discards {
	d := meta.Discards{Lines: s.in.BadLines(), Alike: s.in.AlikeBadLines(), Collisions: s.collided.last(), Refused: s.in.Refused()}
	for _, f := range s.stats.Figures() {
		if reason, ok := strings.CutPrefix(f.Name, "metrics.discarded."); ok {
			f.Name = reason
			d.Reasons = append(d.Reasons, f)
		}
	}
	return d
}
