package server

import (
	"time"

	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/sink"
)

// addSinks adds the totals of publishing, followed by the figures of each sink. Sinks that a reload
// removed are included.
func (l *figureList) addSinks(sinks []delivery.State, at time.Time) {
	running := 0
	sinks = delivery.OneForward(sinks)
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

// addSending adds the figures about sending to one sink. For a sink that a reload removed, it adds only the counts.
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

// publishing is the sum of the deliveries to all sinks.
type publishing struct {
	attempts  delivery.Attempts
	last      delivery.Sent // the most recent delivery
	published time.Time     // time of the delivery in the field last
	failed    time.Time     // the time of the last failed attempt
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

// queueBytes returns the number of bytes in the queues of all sinks.
func queueBytes(sinks []delivery.State) (sum float64) {
	for i := range sinks {
		sum += float64(sinks[i].QueueBytes)
	}
	return sum
}
