package meta

import (
	"fmt"
	"time"

	"github.com/statsd-ops/statsd/internal/plural"
)

const (
	slowShare = 0.8 // a flush is slow if it takes more than this fraction of the interval
	fastShare = 0.5
	slowInRow = 3 // number of consecutive slow flushes after which the reason flush_slow is active
	fastInRow = 6 // number of consecutive fast flushes after which the reason flush_slow is no longer active

	// A flush is overdue if the last flush was more than two intervals plus overdueGrace ago. Without overdueGrace,
	// short intervals on a busy machine would cause the reason flush_overdue.
	overdueGrace = 2 * time.Second
)

// flushMemory is what a Tracker remembers about flushes.
type flushMemory struct {
	count, late uint64
	slow, fast  int  // number of consecutive slow or fast flushes
	wasLate     bool // at least one flush has been late since the reason flush_slow became active
	repeated    window
}

func (t *Tracker) lookAtFlush(f *Facts) {
	if f.ClusterUnknown != "" {
		if f.Cluster != nil && f.Cluster.Fault != "" {
			return // lookAtCluster adds a more exact reason
		}
		t.say(Reason{ID: ClusterUnknown, State: Failing, Text: "the daemon waits for the settings of its cluster: " + plain(f.ClusterUnknown)})
		return
	}
	if since := t.now.Sub(f.Flush.Last); since > 2*f.Interval+overdueGrace && !f.Draining {
		t.say(Reason{ID: FlushOverdue, State: Failing, Since: f.Flush.Last, Text: "no flush for " + spell(since) + "; the interval is " + spell(f.Interval)})
	}
	m := &t.flush
	if m.repeated.observe(t.now, t.slot, f.Flush.Repeated); m.repeated.recent(t.now) {
		t.say(Reason{ID: Clock, State: Degraded, Text: fmt.Sprintf("the clock was set back, or was ahead at an earlier start: %s in 15m, the last %s ago",
			plural.Things(m.repeated.within(lossWindow), "flush got the timestamp of an earlier flush", "flushes got the timestamps of earlier flushes"), spell(t.now.Sub(m.repeated.grew)))})
	}
	late := f.Flush.Late > m.late
	m.late = f.Flush.Late
	if late {
		m.wasLate, m.fast = true, 0
	}
	if f.Flush.Count != m.count {
		m.count = f.Flush.Count
		m.learn(share(f.Flush.Took, f.Interval), late)
	}
	if !t.hold(FlushSlow, "", late || m.slow >= slowInRow, m.fast < fastInRow) {
		m.wasLate = false
		return
	}
	text := fmt.Sprintf("flushes take too long: the last one took %s of %s", spell(f.Flush.Took), spell(f.Interval))
	if m.wasLate {
		text += fmt.Sprintf("; since the start, %s longer than the interval", plural.Things(f.Flush.Late, "flush took", "flushes took"))
	}
	t.say(Reason{ID: FlushSlow, State: Degraded, Text: text})
}

// learn counts consecutive slow and fast flushes.
func (m *flushMemory) learn(took float64, late bool) {
	if took > slowShare {
		m.slow++
	} else {
		m.slow = 0
	}
	if took < fastShare && !late {
		m.fast++
	} else {
		m.fast = 0
	}
}

func share(part, of time.Duration) float64 {
	if of <= 0 {
		return 0
	}
	return float64(part) / float64(of)
}
