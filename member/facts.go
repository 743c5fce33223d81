package member

import (
	"cmp"
	"slices"
	"time"

	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/meta/question"
)

// allowedHead is the maximum age of the last closed interval in a partition, as a number of flush
// intervals. headAllowed adds --lateness.
const allowedHead = 3

// headAllowed returns the maximum age of the last closed interval in a partition.
func (m *Member) headAllowed() time.Duration {
	return max(m.Cluster.Lateness+allowedHead*m.Interval, 2*time.Second)
}

// Facts returns the facts for the daemon's health. If this daemon is only an edge, they say only which
// partitions have no owner.
func (m *Member) Facts() *meta.ClusterFacts {
	q := m.Owning()
	if q == nil {
		return m.ownersSeen()
	}
	f := &meta.ClusterFacts{
		Fault: q.Fault, Partitions: len(q.Partitions), Lag: q.Ledger.Lag, Allowed: m.headAllowed(),
		Missing: q.Ledger.Missing, Lost: q.Ledger.Lost,
	}
	for i := range q.Partitions {
		p := &q.Partitions[i]
		if p.Unowned {
			f.Unowned = append(f.Unowned, p.Partition)
		}
		if p.Here && !p.Over {
			f.Behind = max(f.Behind, time.Duration(p.HeadAge*float64(time.Second)))
		}
		if p.Full > f.Full {
			f.Full, f.Fullest = p.Full, p.Partition
		}
		f.Messages += uint64(p.Edges)
	}
	for i := range q.Edges {
		if q.Edges[i].Silent {
			f.Silent = append(f.Silent, q.Edges[i].Edge)
		}
	}
	m.addSkew(f, q.Edges)
	return f
}

// ownersSeen returns the partitions that have no owner, as far as this daemon's edges know. It
// returns nil if there are no edges.
func (m *Member) ownersSeen() *meta.ClusterFacts {
	if len(m.edges) == 0 {
		return nil
	}
	for _, e := range m.edges {
		if settings, _ := e.Settings(); len(e.Unowned()) > 0 {
			return &meta.ClusterFacts{Partitions: settings.Partitions, Unowned: e.Unowned()}
		}
	}
	settings, _ := m.edges[0].Settings()
	return &meta.ClusterFacts{Partitions: settings.Partitions}
}

// addSkew finds the edge whose clock differs most from the engine's clock. It adds this edge to the
// facts if the difference is more than half of --lateness.
func (m *Member) addSkew(f *meta.ClusterFacts, edges []question.ClusterEdge) {
	off := func(e question.ClusterEdge) float64 { return max(e.Ahead, -e.Ahead) }
	edges = slices.DeleteFunc(slices.Clone(edges), func(e question.ClusterEdge) bool {
		return e.Silent || off(e) <= (m.Cluster.Lateness/2).Seconds()
	})
	if len(edges) > 0 {
		worst := slices.MaxFunc(edges, func(a, b question.ClusterEdge) int { return cmp.Compare(off(a), off(b)) })
		f.Skewed, f.Skew = worst.Edge, time.Duration(worst.Ahead*float64(time.Second))
	}
}
