package server

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/collect"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/meta/question"
)

// allowedHead is how many intervals the newest closed one may be old, in addition to --lateness.
const allowedHead = 3

// headAllowed returns how old the newest closed interval of a partition may be.
func (s *Server) headAllowed() time.Duration {
	return max(s.cfg.Lateness+allowedHead*s.cfg.FlushInterval, 2*time.Second)
}

// cluster returns the cluster as this owner sees it, or nil if it owns nothing of any.
func (s *Server) cluster() *question.Cluster {
	c := &s.collecting
	if c.connection == nil {
		return nil
	}
	q := &question.Cluster{
		Address: s.cfg.CollectFrom, ID: s.cfg.CollectID, Interval: s.cfg.FlushInterval.Seconds(),
		Partitions: []question.ClusterPartition{}, Edges: []question.ClusterEdge{},
	}
	if fault := c.fault.Load(); fault != nil {
		q.Fault = (*fault).Error()
	}
	owner := c.owner.Load()
	if owner == nil {
		return q
	}
	if c.connection.Refused != nil {
		q.Refused = c.connection.Refused()
	}
	now, edges := time.Now(), map[string]*question.ClusterEdge{}
	for _, st := range owner.Partitions() {
		q.Partitions = append(q.Partitions, s.clusterPartition(&st, now))
		addLedger(&q.Ledger, &st)
		for i := range st.Edges {
			addClusterEdge(edges, &st, &st.Edges[i], s.cfg.FlushInterval)
		}
	}
	for _, e := range edges {
		q.Edges = append(q.Edges, *e)
	}
	slices.SortFunc(q.Edges, func(a, b question.ClusterEdge) int { return strings.Compare(a.Edge, b.Edge) })
	return q
}

func (s *Server) clusterPartition(st *collect.Status, now time.Time) question.ClusterPartition {
	p := question.ClusterPartition{
		Partition: st.Partition, Owner: st.Owner, Here: st.Owned, Unowned: !st.Owned && st.Unowned(now, s.headAllowed()),
		Epoch: st.Epoch, Head: st.Closed,
		Stored: st.Last, Lag: st.Lag(), Held: st.Held, Bytes: st.Bytes, MaxBytes: st.MaxBytes, Undelivered: st.Undelivered,
		Merged: st.Counts.Merged, Corrected: st.Counts.Corrected, Duplicates: st.Counts.Duplicates, Late: st.Counts.Late,
		Missing: st.Counts.Missing, Fenced: st.Fenced, Fault: errorText(st.Fault),
	}
	for i := range st.Edges {
		if !st.Silent(&st.Edges[i], s.cfg.FlushInterval) {
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

// addClusterEdge adds what a partition knows of an edge.
func addClusterEdge(edges map[string]*question.ClusterEdge, st *collect.Status, e *collect.Edge, interval time.Duration) {
	q := edges[e.Name]
	if q == nil {
		q = &question.ClusterEdge{Edge: e.Name, Silent: true}
		edges[e.Name] = q
	}
	if epoch := time.Unix(0, e.Epoch); epoch.After(q.Epoch) || epoch.Equal(q.Epoch) && e.Number > q.Number {
		q.Epoch, q.Number = epoch, e.Number
	}
	if heard := time.Unix(0, e.Heard); heard.After(q.Heard) {
		q.Heard, q.Ahead = heard, time.Duration(e.Ahead).Seconds()
	}
	q.Silent = q.Silent && st.Silent(e, interval)
}

// addLedger adds a partition to the ledger.
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

// addCollect adds the figures of the cluster, if this daemon owns partitions.
func (l *figureList) addCollect(q *question.Cluster) {
	if q == nil {
		return
	}
	var owned, unowned, fenced, undelivered, corrected, silent, age, full float64
	for i := range q.Partitions {
		p := &q.Partitions[i]
		if p.Here {
			owned++
			age = max(age, p.HeadAge)
		}
		if p.Unowned {
			unowned++
		}
		fenced += float64(p.Fenced)
		undelivered += float64(p.Undelivered)
		corrected += float64(p.Corrected)
		full = max(full, p.Full)
	}
	for i := range q.Edges {
		if q.Edges[i].Silent {
			silent++
		}
	}
	l.value("collect.partitions", float64(len(q.Partitions)))
	l.value("collect.owned", owned)
	l.value("collect.unowned", unowned)
	l.value("collect.lag", float64(q.Ledger.Lag))
	l.value("collect.held", float64(q.Ledger.Held))
	l.value("collect.head_age", age)
	l.value("collect.undelivered", undelivered)
	l.value("collect.full", full)
	l.value("collect.edges", float64(len(q.Edges))-silent)
	l.value("collect.edges.silent", silent)
	l.count("collect.edges.refused", q.Refused)
	l.count("collect.fenced", uint64(fenced))
	l.count("collect.corrected", uint64(corrected))
	l.addClusterLedger(&q.Ledger)
}

func (l *figureList) addClusterLedger(c *question.ClusterLedger) {
	l.count("collect.messages.merged", c.Merged)
	l.count("collect.messages.duplicates", c.Duplicates)
	l.count("collect.messages.late", c.Late)
	l.count("collect.messages.damaged", c.Damaged)
	l.count("collect.messages.foreign", c.Foreign)
	l.count("collect.messages.future", c.Future)
	l.count("collect.missing", c.Missing)
	l.count("collect.rows", c.Rows)
	l.count("collect.rows.refused", c.Refused)
	l.count("collect.samples", c.Samples)
	l.count("collect.samples.lost", c.Lost)
}

// clusterFacts returns the facts for the health.
func (s *Server) clusterFacts() *meta.ClusterFacts {
	q := s.cluster()
	if q == nil {
		return nil
	}
	f := &meta.ClusterFacts{
		Fault: q.Fault, Partitions: len(q.Partitions), Lag: q.Ledger.Lag, Allowed: s.headAllowed(),
		Missing: q.Ledger.Missing, Lost: q.Ledger.Lost,
	}
	for i := range q.Partitions {
		p := &q.Partitions[i]
		if p.Unowned {
			f.Unowned = append(f.Unowned, p.Partition)
		}
		if p.Here {
			f.Behind = max(f.Behind, time.Duration(p.HeadAge*float64(time.Second)))
		}
		if p.Full > f.Full {
			f.Full, f.Fullest = p.Full, p.Partition
		}
		f.Messages += uint64(p.Edges)
	}
	s.addSkew(f, q.Edges)
	return f
}

// addSkew finds the edge whose clock is farthest off.
func (s *Server) addSkew(f *meta.ClusterFacts, edges []question.ClusterEdge) {
	off := func(e question.ClusterEdge) float64 { return max(e.Ahead, -e.Ahead) }
	edges = slices.DeleteFunc(slices.Clone(edges), func(e question.ClusterEdge) bool {
		return e.Silent || off(e) <= (s.cfg.Lateness/2).Seconds()
	})
	if len(edges) > 0 {
		worst := slices.MaxFunc(edges, func(a, b question.ClusterEdge) int { return cmp.Compare(off(a), off(b)) })
		f.Skewed, f.Skew = worst.Edge, time.Duration(worst.Ahead*float64(time.Second))
	}
}
