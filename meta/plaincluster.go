package meta

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/statsd-ops/statsd/internal/plural"
	"github.com/statsd-ops/statsd/meta/question"
)

// clusterView is the data about the cluster on the page.
type clusterView struct {
	Title      string
	Partitions []partitionRow
	Edges      []edgeRow
	Facts      []factRow
}

type partitionRow struct {
	Partition                                                         int
	Owner                                                             string
	Bad                                                               bool
	Head, Lag, Edges, Corrected, Late, Twice, Missing, Fenced, Filled string
}

type edgeRow struct {
	Edge, State              string
	Bad                      bool
	Heard, Interval, Samples string
	Clock                    string
}

type factRow struct {
	Name, Text string
	Bad        bool
}

// cluster returns the answer of the monitor's query "cluster" for the page. It returns nil if the
// daemon is in no cluster.
func (m *Monitor) cluster(now time.Time) *clusterView {
	i := slices.IndexFunc(m.questions, func(q question.Question) bool { return q.Name == "cluster" })
	if i < 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), question.AnswerTime)
	defer cancel()
	answer, err := m.questions[i].Ask(ctx, question.Arguments{})
	c, ok := answer.Data.(question.Cluster)
	if err != nil || !ok || !c.Collects && !c.Forwards {
		return nil
	}
	v := &clusterView{}
	if c.Collects {
		v.addOwner(&c, now)
	}
	for _, f := range c.Forwarding() {
		v.addForward(f)
	}
	return v
}

func (v *clusterView) addOwner(c *question.Cluster, now time.Time) {
	v.Title = c.Address + ", owner " + c.ID
	if c.Fault != "" {
		v.Facts = append(v.Facts, factRow{"fault", c.Fault, true})
		return
	}
	for i := range c.Partitions {
		p := &c.Partitions[i]
		row := partitionRow{
			Partition: p.Partition, Owner: p.Owner, Bad: p.Unowned || p.Fault != "", Head: "none", Lag: plural.Count(p.Lag), Edges: plural.Count(uint64(p.Edges)),
			Corrected: plural.Count(p.Corrected), Late: plural.Count(p.Late), Twice: plural.Count(p.Duplicates), Missing: plural.Count(p.Missing),
			Fenced: plural.Count(p.Fenced), Filled: fmt.Sprintf("%.0f %%", 100*p.Full),
		}
		switch {
		case p.Fault != "":
			row.Owner += " (" + p.Fault + ")"
		case p.Unowned:
			row.Owner = "none, was " + p.Owner
		}
		if !p.Head.IsZero() {
			row.Head = span(now.Sub(p.Head)) + " ago"
		}
		v.Partitions = append(v.Partitions, row)
	}
	for i := range c.Edges {
		e := &c.Edges[i]
		row := edgeRow{
			Edge: e.Edge, State: "ok", Heard: span(now.Sub(e.Heard)) + " ago", Interval: plural.Count(e.Number), Samples: plural.Count(e.Samples),
			Clock: fmt.Sprintf("%+.2f s", e.Ahead),
		}
		if e.Silent {
			row.State, row.Bad = "silent", true
		}
		v.Edges = append(v.Edges, row)
	}
	if c.Refused+c.Evicted > 0 {
		v.Facts = append(v.Facts, factRow{"connections", fmt.Sprintf("refused %s, closed to accept other connections %s", plural.Count(c.Refused), plural.Count(c.Evicted)), true})
	}
	v.addLedger(&c.Ledger)
}

func (v *clusterView) addLedger(l *question.ClusterLedger) {
	v.Facts = append(v.Facts, factRow{"messages", fmt.Sprintf("stored %s, merged %s, duplicates %s, late %s, damaged %s, foreign %s, future %s, held %s, lag %s",
		plural.Count(l.Stored), plural.Count(l.Merged), plural.Count(l.Duplicates), plural.Count(l.Late), plural.Count(l.Damaged), plural.Count(l.Foreign), plural.Count(l.Future),
		plural.Count(l.Held), plural.Count(l.Lag)), l.Difference != 0})
	v.Facts = append(v.Facts, factRow{"samples", fmt.Sprintf("merged %s, lost %s", plural.Count(l.Samples), plural.Count(l.Lost)), l.Lost > 0})
	if l.Missing > 0 {
		v.Facts = append(v.Facts, factRow{"missing", plural.Things(l.Missing, "message of an edge daemon", "messages of edge daemons") + " never came", true})
	}
	v.addDifference(l.Difference)
}

func (v *clusterView) addForward(f *question.ClusterForward) {
	state := f.State
	if why := cmp.Or(f.Waits, f.Error); why != "" {
		state += ": " + why
	}
	v.Facts = append(v.Facts,
		factRow{"forwards", fmt.Sprintf("to %s as edge daemon %s, %s", f.Address, f.Edge, state), f.State != "ok"},
		factRow{"rows", fmt.Sprintf("made %s, recovered %s, acknowledged %s, waiting %s, dropped %s",
			plural.Count(f.Made), plural.Count(f.Recovered), plural.Count(f.Acknowledged), plural.Count(f.Waiting()), plural.Count(f.Dropped)), f.Dropped > 0})
	if n := len(f.Unowned); n > 0 {
		v.Facts = append(v.Facts, factRow{"owners", plural.Things(uint64(n), "partition has no owner", "partitions have no owner"), true})
	}
	v.addDifference(f.Difference)
}

func (v *clusterView) addDifference(n int64) {
	if n != 0 {
		v.Facts = append(v.Facts, factRow{"ledger", fmt.Sprintf("does not balance: off by %+d", n), true})
	}
}
