package server

import (
	"strings"
	"time"

	"github.com/statsd-ops/statsd/alert"
	"github.com/statsd-ops/statsd/intake"
	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/intake/naming"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
)

// published reports whether a figure is also published as a point. Figures that are always 0 at a
// flush are not published. The health reasons are not published either, because the figure
// "health" already shows the worst of them.
func published(f meta.Figure) bool {
	return !isTime(f) && f.Name != "last_publish.bytes" && f.Name != "pending_stats" && !strings.HasPrefix(f.Name, "health.")
}

// isTime reports whether a figure is a point in time. Such figures are neither published nor kept
// in the history, because a graph of them is not useful.
func isTime(f meta.Figure) bool {
	switch f.Name {
	case "start_time", "ledger.time", "last_publish.time", "publish_error.time":
		return true
	}
	return strings.HasSuffix(f.Name, ".accepted.time") || strings.HasPrefix(f.Name, "rule.") && strings.HasSuffix(f.Name, ".last")
}

// figureList collects figures.
type figureList []meta.Figure

func (l *figureList) value(name string, v float64) {
	*l = append(*l, meta.Figure{Name: name, Value: v})
}

func (l *figureList) count(name string, n uint64) {
	*l = append(*l, meta.Figure{Name: name, Value: float64(n), Count: true})
}

// spent adds the figure for a total time in seconds that only grows, such as the used CPU time.
func (l *figureList) spent(name string, d time.Duration) {
	*l = append(*l, meta.Figure{Name: name, Value: d.Seconds(), Count: true})
}

// addReceived adds what the listeners have received since the start.
func (l *figureList) addReceived(t *intake.Tally, in *intake.State) {
	l.count("udp.packets", t.UDPPackets)
	l.count("udp.bytes", t.UDPBytes)
	l.count("udp.kernel_dropped", in.KernelDropped)
	l.count("tcp.connections", t.TCPConnections)
	l.count("tcp.bytes", t.TCPBytes)
	l.value("tcp.open", float64(in.OpenConnections))
	l.count("tcp.accept_errors", in.AcceptErrors)
	for why, n := range t.TCPCut {
		l.count("tcp.cut."+intake.CutReason(why).String(), n)
	}
	l.addListeners(t, in)
	l.count("lines.received", t.Lines)

	l.count("samples.received", t.Samples)
	l.count("samples.aggregated", t.Aggregated)
	l.count("samples.refused", t.RefusedSamples())
	l.count("samples.refused.names", t.Discarded[metric.RefusedName])
	l.count("samples.refused.members", t.Discarded[metric.RefusedMember])
	l.count("samples.refused.muted", t.Discarded[metric.RefusedMuted])
	l.count("samples.refused.rules", t.Discarded[metric.DroppedByRule])
	l.count("metrics.discarded", t.DiscardedSamples())
	for reason, n := range t.Discarded {
		if r := metric.Reason(reason); r != metric.None && !r.Refusal() {
			l.count("metrics.discarded."+r.String(), n)
		}
	}
	l.count("metrics.batch.discarded", t.BadBatches)
	l.count("metrics.events", t.Events)
	l.count("metrics.tags_dropped", t.TagsDropped)
	l.count("metrics.timestamps_ignored", t.TimestampsIgnored)
	l.count("debug.skipped", in.DebugSkipped)
}

// addListeners adds the figures of each listener.
func (l *figureList) addListeners(t *intake.Tally, in *intake.State) {
	for i := range in.Listeners {
		at := &in.Listeners[i]
		c := at.Counts(t)
		name := "listen." + at.Name + "."
		l.count(name+"bytes", c.Bytes)
		l.count(name+"lines", c.Lines)
		l.count(name+"bad", c.Bad)
		if at.Scheme.Datagrams() {
			l.count(name+"datagrams", c.Datagrams)
			if !at.Scheme.Local() {
				l.count(name+"kernel_dropped", at.KernelDropped)
			}
		} else {
			l.count(name+"connections", c.Connections)
			l.value(name+"open", float64(at.OpenConnections))
		}
		if at.Scheme.Local() {
			l.count(name+"rebound", at.Rebound)
		}
		if at.Scheme == listen.HMAC {
			l.count(name+"old_key", c.Refused[listen.OldKey])
		}
		for _, why := range at.Scheme.Refusals() {
			l.count(name+why.String(), c.Refused[why])
		}
	}
}

// maxRules is the maximum number of rules that get figures.
const maxRules = 100

// addRules adds how often each rule matched a name.
func (l *figureList) addRules(counts []naming.Count) {
	if len(counts) == 0 {
		return
	}
	l.value("rules", float64(len(counts)))
	for i := range counts[:min(len(counts), maxRules)] {
		c := &counts[i]
		l.count("rule."+c.Rule.ID+".samples", c.Samples)
		l.value("rule."+c.Rule.ID+".last", unixSeconds(c.Last))
	}
}

// addNotifiers adds the counts of messages, for all notifiers together and for each notifier.
func (l *figureList) addNotifiers(cfg *Config, tallies map[string]alert.Tally, waiting map[string]int) {
	one := func(name string) {
		l.count("notify."+name+".sent", tallies[name].Sent)
		l.count("notify."+name+".errors", tallies[name].Errors)
	}
	for _, n := range cfg.Notifiers {
		one(n.Name)
	}
	for _, c := range cfg.Channels {
		one(c.Name)
		l.value("notify."+c.Name+".waiting", float64(waiting[c.Name]))
	}
	var all alert.Tally
	for _, t := range tallies { // includes notifiers that a reload removed
		all.Sent, all.Errors = all.Sent+t.Sent, all.Errors+t.Errors
	}
	l.count("notify.sent", all.Sent)
	l.count("notify.errors", all.Errors)
}

// addPipes adds the results of reading stat pipes, if --pipe-dir is set.
func (l *figureList) addPipes(p *intake.Pipes) {
	if p == nil {
		return
	}
	l.value("pipes.processes", float64(p.Processes))
	l.value("pipes.duration", p.Duration.Seconds())
	l.count("pipes.errors", p.Errors)
	l.count("pipes.refused", p.Refused)
	l.count("pipes.timeouts", p.TimedOut)
	l.count("pipes.too_large", p.TooLarge)
	l.count("pipes.malformed", p.Malformed)
	l.count("pipes.removed", p.Removed)
}

// addAPI adds the number of requests that the monitor's JSON API refused, if there is a monitor.
func (l *figureList) addAPI(m *meta.Monitor) {
	if m == nil {
		return
	}
	c := m.API()
	l.count("api.limited", c.Limited)
	l.count("api.streams_refused", c.StreamsRefused)
	l.count("api.streams_cut", c.StreamsCut)
}

// unixSeconds returns a time as a figure in Unix seconds, or 0 for the zero time.
func unixSeconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
