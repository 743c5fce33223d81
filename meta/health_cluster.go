package meta

import (
	"fmt"
	"time"

	"github.com/statsd-ops/statsd/internal/plural"
)

// ClusterFacts describe a cluster from the view of one owner. Counts are sums over all partitions, since their first
// commit. An edge knows only Partitions and Unowned.
type ClusterFacts struct {
	Fault      string // why the cluster cannot be joined; "" if it can
	Partitions int
	// Unowned lists the partitions without an owner: no daemon closes their windows.
	Unowned []int
	// Lag is the number of messages that wait to be read, and Message the number that come in each interval. Behind is
	// the age of the newest window of the owned partition that is farthest behind. Allowed is the greatest normal age.
	Lag, Messages   uint64
	Behind, Allowed time.Duration
	// Missing counts messages that edges numbered but that never came. Lost counts the samples of messages that came
	// too late or could not be merged.
	Missing, Lost uint64
	// Skewed is the edge whose clock is wrong by the most, "" if all clocks are right. Skew is how far that clock is
	// ahead.
	Skewed string
	Skew   time.Duration
	// Fullest is the partition with the fullest inbox. Full is the used share of that inbox.
	Fullest int
	Full    float64
	// Silent lists the edges that have sent nothing for so long that no interval waits for them.
	Silent []string
}

const (
	// The reason begins when an inbox is full to inboxNearlyFull, and ends below inboxHasRoom.
	inboxNearlyFull = 0.8
	inboxHasRoom    = 0.7
	namedThings     = 5 // maximum number of things in one text
	// skewedFor is how long a clock must be wrong before it is a reason. An edge that sends old messages from its spool
	// looks like a wrong clock for a while.
	skewedFor = time.Minute
)

// clusterMemory is a Tracker's memory of the cluster.
type clusterMemory struct {
	skewed        time.Time // since when a clock is wrong; zero if none is
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
		t.say(Reason{ID: CollectBehind, State: Degraded, Text: fmt.Sprintf("%s to be read; the newest interval is %s old", waitingMessages(c.Lag), spell(c.Behind))})
	}
	if m.missing.observe(t.now, t.slot, c.Missing); m.missing.recent(t.now) {
		t.say(Reason{ID: NumbersMissing, State: Degraded, Text: fmt.Sprintf("%s never came, in 15m, the last %s ago",
			plural.Things(m.missing.within(lossWindow), "message of an edge", "messages of edges"), spell(t.now.Sub(m.missing.grew)))})
	}
	if m.lost.observe(t.now, t.slot, c.Lost); m.lost.recent(t.now) {
		t.say(Reason{ID: LateLost, State: Degraded, Text: fmt.Sprintf("%s came too late, or could not be merged, in 15m, the last %s ago",
			plural.Things(m.lost.within(lossWindow), "sample of an edge", "samples of edges"), spell(t.now.Sub(m.lost.grew)))})
	}
	if c.Skewed == "" {
		m.skewed = time.Time{}
	} else if m.skewed.IsZero() {
		m.skewed = t.now
	}
	if c.Skewed != "" && t.now.Sub(m.skewed) >= skewedFor {
		side := "ahead"
		if c.Skew < 0 {
			side = "behind, or it sends late"
		}
		t.say(Reason{ID: EdgeClock, State: Degraded, Text: fmt.Sprintf("the clock of edge %s is %s %s", plain(c.Skewed), spell(c.Skew.Abs()), side)})
	}
	if n := len(c.Silent); n > 0 {
		t.say(Reason{ID: EdgeSilent, State: Degraded, Text: fmt.Sprintf("%s silent: %s", plural.Things(uint64(n), "edge is", "edges are"), plain(listed(c.Silent)))})
	}
	if t.hold(InboxFilling, "", c.Full >= inboxNearlyFull, c.Full >= inboxHasRoom) {
		t.say(Reason{ID: InboxFilling, State: Degraded, Text: fmt.Sprintf("the inbox of partition %d is full to %.0f %%", c.Fullest, 100*c.Full)})
	}
}

// waitingMessages returns the number of waiting messages as text.
func waitingMessages(n uint64) string { return plural.Things(n, "message waits", "messages wait") }

// listed lists the first things and counts the rest.
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

// grows reports whether the gauge is higher than it was some slots ago.
func (t *trend) grows() bool {
	before := t.readings[(t.slot-lagSlots+trendSlots)%trendSlots]
	return !before.at.IsZero() && t.newest.value > before.value
}

// lagSlots is the number of slots over which a lag must grow to be a reason.
const lagSlots = 3
