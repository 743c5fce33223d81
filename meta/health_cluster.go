package meta

import (
	"fmt"
	"time"

	"github.com/statsd-ops/statsd/internal/plural"
)

// ClusterFacts describe a cluster as one of its owners sees it. Counts are of all partitions, since their
// first commit. An edge knows Partitions and Unowned.
type ClusterFacts struct {
	Fault      string // why the cluster cannot be joined; "" if it can
	Partitions int
	// Unowned lists partitions whose windows nobody closes.
	Unowned []int
	// Lag is how many messages wait to be read, and Message how many come in each interval. Behind is the
	// age of the newest window of the owned partition that is farthest behind, Allowed the most that is
	// normal.
	Lag, Messages   uint64
	Behind, Allowed time.Duration
	// Missing counts numbers that edges have left out, Lost the samples of messages that came too late or
	// cannot be merged.
	Missing, Lost uint64
	// Skewed is the edge whose clock is farthest off, "" if all are right, and Skew how far it is ahead.
	Skewed string
	Skew   time.Duration
	// Fullest is the partition with the fullest inbox, and Full the used share of it.
	Fullest int
	Full    float64
	// Silent are the edges that have sent nothing for so long that no interval waits for them.
	Silent []string
}

const (
	// inboxNearlyFull is the share of an inbox that is a reason, inboxHasRoom the one that ends it.
	inboxNearlyFull = 0.8
	inboxHasRoom    = 0.7
	namedThings     = 5 // in one text
	// skewedFor is how long a clock must be off: an edge that sends what has waited is not behind.
	skewedFor = time.Minute
)

// clusterMemory is a Tracker's memory of the cluster.
type clusterMemory struct {
	skewed        time.Time // since when a clock is off; zero if none is
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

// waitingMessages says how many messages wait.
func waitingMessages(n uint64) string { return plural.Things(n, "message waits", "messages wait") }

// listed lists the first things.
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

// lagSlots is how many slots a lag must grow to be a reason.
const lagSlots = 3
