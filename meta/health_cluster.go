package meta

import (
	"fmt"
	"time"

	"github.com/statsd-ops/statsd/internal/plural"
)

// ClusterFacts are the facts about a cluster that an owner knows. Counts are sums over all
// partitions since their first commits. An edge knows only Partitions and Unowned.
type ClusterFacts struct {
	Fault      string // why the daemon cannot join the cluster; "" if it can
	Partitions int
	// Unowned lists the partitions without an owner. No daemon closes the windows of these partitions.
	Unowned []int
	// Lag is the number of messages that wait to be read. Messages is the usual number of new messages in an interval.
	// Behind is the age of the last closed window. If this owner has several partitions, it is the age in the partition
	// that is farthest behind. An age up to Allowed is normal.
	Lag, Messages   uint64
	Behind, Allowed time.Duration
	// Missing is the number of messages that never arrived: there are gaps in the numbers that edges give to their
	// messages. Lost is the number of samples in messages that arrived too late or could not be merged.
	Missing, Lost uint64
	// Skewed is the edge whose clock differs most from the engine's clock, or "" if all clocks are right. Skew is the
	// time by which this edge's clock is ahead; it is negative if the clock is behind.
	Skewed string
	Skew   time.Duration
	// Fullest is the partition whose inbox is fullest. Full is the used fraction of that inbox.
	Fullest int
	Full    float64
	// Silent lists the edges that have sent nothing for so long that intervals no longer wait for
	// them.
	Silent []string
}

const (
	// The reason inbox_filling is active when the used fraction of an inbox reaches inboxNearlyFull. It
	// is no longer active below inboxHasRoom.
	inboxNearlyFull = 0.8
	inboxHasRoom    = 0.7
	namedThings     = 5 // maximum number of listed items in a text
	// skewedFor is how long a clock must be wrong before the reason edge_clock is active. When an edge sends old
	// messages from its spool, its clock also looks wrong for some time.
	skewedFor = time.Minute
)

// clusterMemory is what a Tracker remembers about the cluster.
type clusterMemory struct {
	skewed        time.Time // when a clock became wrong; zero if all clocks are right
	missing, lost window
	lag           trend
}

func (t *Tracker) lookAtCluster(f *Facts) {
	c, m := f.Cluster, &t.cluster
	if c == nil {
		return
	}
	if c.Fault != "" {
		t.say(Reason{ID: ClusterUnknown, State: Failing, Text: "the cluster cannot be joined: " + plain(c.Fault)})
		return
	}
	if n := len(c.Unowned); n > 0 {
		state := Degraded
		if n == c.Partitions {
			state = Failing
		}
		t.say(Reason{ID: PartitionUnowned, State: state, Text: fmt.Sprintf("%s of %d: %s",
			plural.Things(uint64(n), "partition has no owner", "partitions have no owner"), c.Partitions, listed(c.Unowned))})
	}
	m.lag.observe(t.now, t.slot, float64(c.Lag))
	grows := m.lag.grows()
	if t.hold(CollectBehind, "", c.Behind > c.Allowed && c.Lag > 0 || grows && c.Lag > 2*c.Messages+1, c.Behind > c.Allowed && c.Lag > 0 || c.Lag > c.Messages) {
		t.say(Reason{ID: CollectBehind, State: Degraded, Text: fmt.Sprintf("%s to be read; the last published interval is %s old", waitingMessages(c.Lag), spell(c.Behind))})
	}
	if m.missing.observe(t.now, t.slot, c.Missing); m.missing.recent(t.now) {
		t.say(Reason{ID: NumbersMissing, State: Degraded, Text: fmt.Sprintf("in the last 15m, %s never arrived, the last %s ago",
			plural.Things(m.missing.within(lossWindow), "message of an edge daemon", "messages of edge daemons"), spell(t.now.Sub(m.missing.grew)))})
	}
	if m.lost.observe(t.now, t.slot, c.Lost); m.lost.recent(t.now) {
		t.say(Reason{ID: LateLost, State: Degraded, Text: fmt.Sprintf("in the last 15m, %s arrived too late or could not be merged, the last %s ago",
			plural.Things(m.lost.within(lossWindow), "sample of an edge daemon", "samples of edge daemons"), spell(t.now.Sub(m.lost.grew)))})
	}
	if c.Skewed == "" {
		m.skewed = time.Time{}
	} else if m.skewed.IsZero() {
		m.skewed = t.now
	}
	if c.Skewed != "" && t.now.Sub(m.skewed) >= skewedFor {
		side := "ahead"
		if c.Skew < 0 {
			side = "behind, or the edge daemon sends late"
		}
		t.say(Reason{ID: EdgeClock, State: Degraded, Text: fmt.Sprintf("the clock of edge daemon %s is %s %s", plain(c.Skewed), spell(c.Skew.Abs()), side)})
	}
	if n := len(c.Silent); n > 0 {
		t.say(Reason{ID: EdgeSilent, State: Degraded, Text: fmt.Sprintf("%s silent: %s", plural.Things(uint64(n), "edge daemon is", "edge daemons are"), plain(listed(c.Silent)))})
	}
	if t.hold(InboxFilling, "", c.Full >= inboxNearlyFull, c.Full >= inboxHasRoom) {
		t.say(Reason{ID: InboxFilling, State: Degraded, Text: fmt.Sprintf("the inbox of partition %d is %.0f %% full", c.Fullest, 100*c.Full)})
	}
}

// waitingMessages returns the number of waiting messages as text.
func waitingMessages(n uint64) string { return plural.Things(n, "message waits", "messages wait") }

// listed lists the first items, and says how many more there are.
func listed[T any](things []T) (text string) {
	for i, n := range things {
		if i == namedThings {
			return text + fmt.Sprintf(" and %d more", len(things)-i)
		}
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprint(n)
	}
	return text
}

// grows reports whether the gauge is higher than it was lagSlots time slots ago.
func (t *trend) grows() bool {
	before := t.readings[(t.slot-lagSlots+trendSlots)%trendSlots]
	return !before.at.IsZero() && t.newest.value > before.value
}

// lagSlots is the number of time slots during which a lag must grow before the reason collect_behind is active. A time
// slot lasts for slotTime.
const lagSlots = 3
