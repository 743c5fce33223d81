package server

import (
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
)

type figure = meta.Figure

// flushed is what one flush was like.
type flushed struct {
	snapshot *aggregate.Snapshot
	at       time.Time     // of the cut
	swap     time.Duration // how long the receivers' tables were locked
	duration time.Duration // until the snapshot was complete
}

// published reports whether a figure is a point of each flush too. Times are
// not: nobody draws them. Nor is what is always 0 at a flush.
func published(name string) bool {
	switch name {
	case "start_time", "ledger.time", "last_publish.time", "last_publish.bytes", "publish_error.time", "pending_stats":
		return false
	}
	return !strings.HasPrefix(name, "health.") // health is the worst of them
}

// figures lists the daemon's own figures as of the flush at hand. They are
// worked out once and shown to all: published, logged, told by the monitor.
func (s *Server) figures(f *flushed) []figure {
	var l figures
	t, iv, sn := &s.flushes.total, &s.flushes.interval, f.snapshot

	l.value("ledger.time", unixSeconds(f.at))
	l.value("flush_duration", f.duration.Seconds())
	l.value("flush.swap", f.swap.Seconds())
	l.count("flush.late", s.flushes.late)
	l.value("start_time", unixSeconds(s.started))

	l.count("udp.packets", t.udpPackets)
	l.count("udp.bytes", t.udpBytes)
	l.count("udp.kernel_dropped", s.kernelDropped())
	l.count("tcp.connections", t.tcpConnections)
	l.count("tcp.bytes", t.tcpBytes)
	l.value("tcp.open", float64(s.streams.open.Load()))
	for why, n := range t.tcpCut {
		l.count("tcp.cut."+cutNames[why], n)
	}
	l.count("lines.received", t.lines)

	l.count("samples.received", t.samples)
	l.count("samples.aggregated", t.aggregated)
	l.count("samples.refused", t.refused())
	l.count("samples.refused.names", t.discarded[metric.RefusedName])
	l.count("samples.refused.members", t.discarded[metric.RefusedMember])
	l.count("metrics.discarded", t.discardedSamples())
	for _, d := range s.discardReasons() {
		l = append(l, figure{Name: "metrics.discarded." + d.Name, Value: d.Value, Count: true})
	}
	l.value("metrics.batch.count", float64(iv.batches))
	l.count("metrics.batch.discarded", t.badBatches)
	l.count("metrics.events", t.events)
	l.count("metrics.tags_dropped", t.tagsDropped)
	l.value("names", float64(s.table.Names()))
	l.count("timers.sketched", s.flushes.sketched)
	memory := readMemory()
	l.value("memory.live", memory.live)
	l.value("memory.held", memory.held)
	l.count("debug.skipped", s.unwatched+s.watch.missed())
	l.value("state.gauges", float64(s.state.gauges))
	l.count("state.errors", s.state.faults)
	l.count("notify.sent", s.alerts.sent.Load())
	l.count("notify.errors", s.alerts.errors.Load())

	l = append(l, s.Health().Figures()...)

	l.addPipes(s.pipes)
	l.value("sinks", float64(len(s.outlets)+len(s.recordings.running)))
	l.addOutlets(s.outlets, s.retired)
	l.addRecordings(&s.recordings)
	for kind, name := range map[metric.Kind]string{
		metric.Counter: "counters", metric.Gauge: "gauge", metric.Set: "set", metric.Timer: "timers",
	} {
		l.value("render."+name+".count", float64(sn.Count[kind]))
		l.value("render."+name+".duration", sn.Duration[kind].Seconds())
	}
	l.value("render.collisions", float64(sn.Collisions))
	l.value("render.time", (f.duration - f.swap).Seconds())

	// The daemon's own points are points of the flush.
	l = append(l, figure{Name: "render.total"}, figure{Name: "numStats"})
	total := float64(sn.Len() + len(s.etsyPoints(l, sn.Time)))
	if s.cfg.MetadataPrefix != "" {
		for _, f := range l {
			if published(f.Name) {
				total++
			}
		}
	}
	l[len(l)-1].Value, l[len(l)-2].Value = total, total
	if s.flushes.layout.Naming != aggregate.Reference {
		l[len(l)-1].Value = float64(s.namesPublished(sn))
	}
	return l
}

// figures is a list of figures being made.
type figures []figure

func (l *figures) value(name string, v float64) { *l = append(*l, figure{Name: name, Value: v}) }

func (l *figures) count(name string, n uint64) {
	*l = append(*l, figure{Name: name, Value: float64(n), Count: true})
}

// addOutlets lists how publishing goes, in all and for each sink, those that were
// removed included.
func (l *figures) addOutlets(outlets, retired []*outlet) {
	var errs publishErrors
	var last outletState
	var failed time.Time
	for _, o := range slices.Concat(outlets, retired) {
		st := o.look()
		errs.socket += st.errors.socket
		errs.unknown += st.errors.unknown
		errs.flushes += st.errors.flushes
		if st.published.After(last.published) {
			last = st
		}
		if st.failed.After(failed) {
			failed = st.failed
		}
		name := "sink." + o.name + ".points."
		l.count(name+"made", st.made)
		l.count(name+"recovered", st.recovered)
		l.count(name+"delivered", st.delivered)
		l.value(name+"queued", float64(st.queued))
		l.value(name+"spooled", float64(st.spooled))
		l.count(name+"dropped", st.dropped)
		l.count(name+"dropped.full", st.reasons.full)
		l.count(name+"dropped.damaged", st.reasons.damaged)
		l.count(name+"dropped.unsendable", st.reasons.unsendable)
		l.count(name+"dropped.removed", st.reasons.removed)
	}
	l.count("flush_errors", errs.flushes)
	l.count("publish_error.socket", errs.socket)
	l.count("publish_error.unknown", errs.unknown)
	l.value("last_publish.duration", last.last.spent.Seconds())
	l.value("last_publish.bytes", float64(last.last.bytes))
	l.value("last_publish.time", unixSeconds(last.published))
	l.value("publish_error.time", unixSeconds(failed))
}

func unixSeconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

// Figures implements meta.Source.
func (s *Server) Figures() []figure {
	pending := uint64(0)
	for _, l := range s.lanes {
		l.shard.Lock()
		pending += l.tally.samples
		l.shard.Unlock()
	}
	return append(s.withHealth(s.stats.Figures()), figure{Name: "pending_stats", Value: float64(pending)})
}

// Discards implements meta.Source.
func (s *Server) Discards() meta.Discards {
	d := meta.Discards{Lines: s.bad.Last(), Collisions: s.collided.last(), Refused: s.offenders()}
	for _, f := range s.stats.Figures() {
		if reason, ok := strings.CutPrefix(f.Name, "metrics.discarded."); ok {
			f.Name = reason
			d.Reasons = append(d.Reasons, f)
		}
	}
	return d
}

// discardReasons counts the samples discarded since the start by reason.
func (s *Server) discardReasons() []figure {
	var l figures
	for r, n := range s.flushes.total.discarded {
		if reason := metric.Reason(r); reason != metric.None && !reason.Refusal() {
			l.count(reason.String(), n)
		}
	}
	return l
}

// kernelDropped returns the datagrams the kernel had no room for.
func (s *Server) kernelDropped() (n uint64) {
	for _, r := range s.receivers {
		n += r.dropped()
	}
	return n
}

// isSocketError reports whether an error of a sink is the network's: the rest
// are counted as unknown.
func isSocketError(err error) bool {
	var network net.Error
	var errno syscall.Errno
	return errors.As(err, &network) || errors.As(err, &errno) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.Is(err, net.ErrClosed)
}
