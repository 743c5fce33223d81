package server

import (
	"github.com/statsd-ops/statsd/meta/question"
)

// addCollect adds the figures about the cluster, if this daemon owns partitions.
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
	l.count("collect.fenced", uint64(fenced))
	l.count("collect.edges.refused", q.Refused)
	l.count("collect.edges.evicted", q.Evicted)
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
