package server

import (
	"strings"
	"time"

	"github.com/statsd-ops/statsd/alert"
	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/intake"
	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/intake/naming"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink"
)

// published reports whether a figure is also published as a point. Figures that are always 0 at a
// flush are not, nor are the reasons of the health: "health" already shows the worst of them.
func published(f meta.Figure) bool {
	return !isTime(f) && f.Name != "last_publish.bytes" && f.Name != "pending_stats" && !strings.HasPrefix(f.Name, "health.")
}

// isTime reports whether a figure is a time. A graph of times is not useful: they are neither
// published nor
// remembered.
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

// spent adds a time that only grows.
func (l *figureList) spent(name string, d time.Duration) {
	*l = append(*l, meta.Figure{Name: name, Value: d.Seconds(), Count: true})
}

// queueBytes returns the memory of all queues.
func queueBytes(sinks []delivery.State) (sum float64) {
	for i := range sinks {
		sum += float64(sinks[i].QueueBytes)
	}
	return sum
}

// addReceived adds the totals of intake since the start.
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

// addListeners adds the counts of each listener.
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

// maxRules is the number of rules that have figures of their own.
const maxRules = 100

// addRules adds what each rule for names has matched.
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

// addNotifiers lists the counts of messages, for all notifiers together and for each.
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
	for _, t := range tallies { // of those that were removed too
		all.Sent, all.Errors = all.Sent+t.Sent, all.Errors+t.Errors
	}
	l.count("notify.sent", all.Sent)
	l.count("notify.errors", all.Errors)
}

// addPipes adds the results of reading stat pipes, if pipes are read.
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

// addSinks adds the totals of publishing, then each sink, including removed sinks.
func (l *figureList) addSinks(sinks []delivery.State, at time.Time) {
	running := 0
	for i := range sinks {
		st := &sinks[i]
		if !st.Removed && !st.Forwards {
			running++
		}
		if prefix, ledger := st.Figures(); st.Recorder != nil {
			l.addRecorder(prefix, st.Recorder)
		} else {
			l.addSink(ledger, &st.Ledger)
			l.addSending(prefix, st, at)
		}
	}
	sum := sumPublishing(sinks)
	l.value("sinks", float64(running))
	l.count("flush_errors", sum.attempts.Flushes)
	l.count("publish_error.socket", sum.attempts.Socket)
	l.count("publish_error.unknown", sum.attempts.Unknown)
	l.value("last_publish.duration", sum.last.Spent.Seconds())
	l.value("last_publish.bytes", float64(sum.last.Bytes))
	l.value("last_publish.time", unixSeconds(sum.published))
	l.value("publish_error.time", unixSeconds(sum.failed))
}

func (l *figureList) addSink(name string, st *delivery.Ledger) {
	l.count(name+"made", st.Made)
	l.count(name+"recovered", st.Recovered)
	l.count(name+"delivered", st.Delivered)
	l.value(name+"queued", float64(st.Queued))
	l.value(name+"spooled", float64(st.Spooled))
	l.count(name+"dropped", st.Dropped)
	l.count(name+"dropped.full", st.Reasons.Full)
	l.count(name+"dropped.damaged", st.Reasons.Damaged)
	l.count(name+"dropped.unsendable", st.Reasons.Unsendable)
	l.count(name+"dropped.refused", st.Reasons.Refused)
	l.count(name+"dropped.removed", st.Reasons.Removed)
}

// addSending adds the state of sending to a sink. A sink that a reload removed keeps only its
// counts.
func (l *figureList) addSending(name string, st *delivery.State, at time.Time) {
	l.count(name+"errors.socket", st.Attempts.Socket)
	l.count(name+"errors.unknown", st.Attempts.Unknown)
	if st.Removed {
		return
	}
	facts, up := sinkFactsOf(st), 1.0
	if facts.Failing {
		up = 0
	}
	l.value(name+"up", up)
	l.value(name+"behind", facts.Behind(at).Seconds())
	l.value(name+"accepted.time", unixSeconds(facts.Accepted))
}

func (l *figureList) addRecorder(name string, st *sink.State) {
	l.count(name+"points.made", st.Made)
	l.count(name+"points.delivered", st.Delivered)
	l.value(name+"points.queued", float64(st.Made-st.Delivered-st.Dropped))
	l.count(name+"points.dropped", st.Dropped)
	l.count(name+"points.dropped.full", st.Dropped)
	if st.MaxBytes > 0 {
		l.value(name+"history.names", float64(st.Names))
		l.value(name+"history.minutes", float64(st.Minutes))
		l.value(name+"history.bytes", float64(st.Bytes))
	}
	for _, f := range st.Figures {
		if f.Total {
			l.count(name+f.Name, uint64(f.Value))
		} else {
			l.value(name+f.Name, f.Value)
		}
	}
}

// publishing sums up publishing over all sinks.
type publishing struct {
	attempts  delivery.Attempts
	last      delivery.Sent // the newest delivery
	published time.Time     // the time of last
	failed    time.Time     // when an attempt last failed
}

func sumPublishing(sinks []delivery.State) (sum publishing) {
	for i := range sinks {
		st := &sinks[i]
		sum.attempts.Socket += st.Attempts.Socket
		sum.attempts.Unknown += st.Attempts.Unknown
		sum.attempts.Flushes += st.Attempts.Flushes
		if st.Published.After(sum.published) {
			sum.published, sum.last = st.Published, st.Last
		}
		if st.Failed.After(sum.failed) {
			sum.failed = st.Failed
		}
	}
	return sum
}

func unixSeconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// addAPI adds what the JSON API of a monitor refused, if there is one.
func (l *figureList) addAPI(m *meta.Monitor) {
	if m == nil {
		return
	}
	c := m.API()
	l.count("api.limited", c.Limited)
	l.count("api.streams_refused", c.StreamsRefused)
	l.count("api.streams_cut", c.StreamsCut)
}
