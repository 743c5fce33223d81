package member

import (
	"slices"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/collect"
	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/meta/question"
)

// Answer describes the cluster, as this daemon sees it. It returns nil if the daemon is in no
// cluster.
func (m *Member) Answer(sinks []delivery.State) *question.Cluster {
	if m.connection == nil && len(m.edges) == 0 {
		return nil
	}
	q := &question.Cluster{Interval: m.Interval.Seconds(), Partitions: []question.ClusterPartition{}, Edges: []question.ClusterEdge{}}
	if m.connection != nil {
		m.addOwner(q)
	}
	q.Forwards = len(m.edges) > 0
	q.Forward.Reasons, q.Forward.Unowned = map[string]uint64{}, []int{}
	for i, e := range m.edges {
		f := m.forwarded(e, sinks)
		if i == 0 {
			q.Forward = f
		} else {
			q.Next = &f
		}
	}
	return q
}

// Owning describes the cluster, as this owner sees it. It returns nil if this daemon is not an
// owner.
func (m *Member) Owning() *question.Cluster {
	if m.connection == nil {
		return nil
	}
	q := &question.Cluster{}
	m.addOwner(q)
	return q
}

// addOwner adds this owner's view of the cluster to q.
func (m *Member) addOwner(q *question.Cluster) {
	q.Collects, q.Address, q.ID = true, m.Cluster.CollectFrom, m.Cluster.CollectID
	q.After, q.Until = m.Cluster.CollectAfter, m.Cluster.CollectUntil
	if fault := m.fault.Load(); fault != nil {
		q.Fault = (*fault).Error()
	}
	owner := m.owner.Load()
	if owner == nil {
		return
	}
	if m.connection.Edges != nil {
		c := m.connection.Edges()
		q.Refused, q.Evicted = c.Refused, c.Evicted
	}
	now, edges := time.Now(), map[string]*question.ClusterEdge{}
	for _, st := range owner.Partitions() {
		q.Partitions = append(q.Partitions, m.partition(&st, now))
		addLedger(&q.Ledger, &st)
		for i := range st.Edges {
			addClusterEdge(edges, &st, &st.Edges[i], m.Interval)
		}
	}
	for _, e := range edges {
		q.Edges = append(q.Edges, *e)
	}
	slices.SortFunc(q.Edges, func(a, b question.ClusterEdge) int { return strings.Compare(a.Edge, b.Edge) })
}

func (m *Member) partition(st *collect.Status, now time.Time) question.ClusterPartition {
	p := question.ClusterPartition{
		Partition: st.Partition, Owner: st.Owner, Here: st.Owned, Unowned: !st.Owned && st.Unowned(now, m.headAllowed()),
		Epoch: st.Epoch, Head: st.Closed,
		Stored: st.Last, Lag: st.Lag(), Held: st.Held, Bytes: st.Bytes, MaxBytes: st.MaxBytes, Undelivered: st.Undelivered,
		Merged: st.Counts.Merged, Corrected: st.Counts.Corrected, Duplicates: st.Counts.Duplicates, Late: st.Counts.Late,
		Missing: st.Counts.Missing, Fenced: st.Fenced, Fault: meta.ErrorText(st.Fault), Over: st.Over, HandedOver: st.HandedOver,
	}
	for i := range st.Edges {
		if !st.Silent(&st.Edges[i], m.Interval) {
			p.Edges++
		}
	}
	if !st.Closed.IsZero() {
		p.HeadAge = now.Sub(st.Closed).Seconds()
	}
	if st.MaxBytes > 0 {
		p.Full = float64(st.Bytes) / float64(st.MaxBytes)
	}
	return p
}

// addClusterEdge adds the state that an edge has in a partition to the edge's state in the whole
// cluster.
func addClusterEdge(edges map[string]*question.ClusterEdge, st *collect.Status, e *collect.Edge, interval time.Duration) {
	q := edges[e.Name]
	if q == nil {
		q = &question.ClusterEdge{Edge: e.Name, Silent: true}
		edges[e.Name] = q
	}
	switch epoch := time.Unix(0, e.Epoch); {
	case q.Epoch.IsZero():
		q.Epoch, q.Number, q.Complete, q.Samples = epoch, e.Number, e.Number, e.Samples
	case epoch.After(q.Epoch): // the edge was restarted, and since then no interval has arrived in all partitions
		q.Epoch, q.Number, q.Complete, q.Samples = epoch, e.Number, 0, e.Samples
	case epoch.Before(q.Epoch):
		q.Complete = 0
	default:
		q.Number, q.Complete, q.Samples = max(q.Number, e.Number), min(q.Complete, e.Number), q.Samples+e.Samples
	}
	if heard := time.Unix(0, e.Heard); heard.After(q.Heard) {
		q.Heard, q.Ahead = heard, time.Duration(e.Ahead).Seconds()
	}
	q.Silent = q.Silent && st.Silent(e, interval)
}

// addLedger adds the counts of a partition to the sums for the cluster.
func addLedger(l *question.ClusterLedger, st *collect.Status) {
	c := &st.Counts
	l.Stored += st.Last
	l.Merged += c.Merged
	l.Duplicates += c.Duplicates
	l.Late += c.Late
	l.Damaged += c.Damaged
	l.Foreign += c.Foreign
	l.Future += c.Future
	l.Held += uint64(st.Held)
	l.Lag += st.Lag()
	l.Difference += int64(st.Last) - int64(c.Messages()) - int64(st.Held) - int64(st.Lag())
	l.Missing += c.Missing
	l.Rows += c.Rows
	l.Refused += c.Refused
	l.Samples += c.Samples
	l.Lost += c.Lost
}
