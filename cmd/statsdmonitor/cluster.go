package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/statsd-ops/statsd/cmd/statsdmonitor/ask"
	"github.com/statsd-ops/statsd/cmd/statsdmonitor/report"
	"github.com/statsd-ops/statsd/internal/clock"
	"github.com/statsd-ops/statsd/meta/question"
)

func readCluster(ctx context.Context, s *session) (result, error) {
	if s.on("ledger") {
		return readClusterLedger(ctx, s)
	}
	if len(s.words) > 0 {
		return result{}, &exit{exitUsage, errors.New("cluster: edge daemons can be arguments only with --ledger; give the address of the daemon to ask with --at")}
	}
	r, c, err := answered(ctx, s, ask.Question{Method: "cluster"}, report.Cluster)
	if err == nil && !c.Collects && !c.Forwards {
		r.verdict = &exit{code: exitNotThere}
	}
	return r, err
}

const (
	// An owner and its edge daemons are queried up to ledgerTries times, with pauses of ledgerPause,
	// until no messages are in transit between them.
	ledgerTries = 10
	ledgerPause = 300 * time.Millisecond
)

// clusterBook is the JSON output of "cluster --ledger".
type clusterBook struct {
	report.ClusterBook
	Cluster frame `json:"cluster"`
}

// readClusterLedger reads the ledger of a daemon, and compares it to the ledgers of edge daemons.
func readClusterLedger(ctx context.Context, s *session) (result, error) {
	edges := make([]*ask.Client, len(s.words))
	for i := range edges {
		t, err := at(s.words[i])
		if err != nil {
			return result{}, &exit{exitUsage, fmt.Errorf("edge daemon %s: %w", s.words[i], err)}
		}
		edge := *s.client
		edge.Address = t.address
		if !t.tls {
			edge.TLS = nil
		} else if edge.TLS, err = trust(s.text("ca")); err != nil {
			return result{}, err
		}
		edges[i] = &edge
	}
	accounts := make([]report.EdgeAccount, len(edges))
	for try := 1; ; try++ {
		r, c, err := answered(ctx, s, ask.Question{Method: "cluster"}, report.Cluster)
		if err != nil {
			return result{}, err
		}
		if !c.Collects && !c.Forwards {
			r.verdict = &exit{code: exitNotThere}
			return r, nil
		}
		if len(edges) > 0 && !c.Collects {
			return result{}, &exit{exitUsage, fmt.Errorf("%s is not an owner: to compare an owner with edge daemons, give the address of the owner with --at", s.client.Address)}
		}
		settled := true
		for i := range edges {
			if !accounts[i].Settled {
				if accounts[i], err = compareEdge(ctx, edges[i], &c); err != nil {
					return result{}, err
				}
			}
			settled = settled && accounts[i].Settled
		}
		if settled || try == ledgerTries || !clock.Sleep(ctx, ledgerPause) {
			return balanced(r, &c, accounts), nil
		}
	}
}

// balanced returns r with a report of all accounts. If an account does not balance, the verdict of
// the result is an error.
func balanced(r result, c *question.Cluster, edges []report.EdgeAccount) result {
	book := report.ClusterBook{Edges: edges}
	if c.Ledger.Difference != 0 {
		book.Fault = "messages of all edge daemons"
	}
	for _, f := range c.Forwarding() {
		if book.Fault == "" && f.Difference != 0 {
			book.Fault = "rows of this daemon"
		}
	}
	for i := range edges {
		if e := &edges[i]; book.Fault == "" && !e.Balances {
			book.Fault = "edge daemon " + e.Edge
		}
	}
	book.Balances = book.Fault == ""
	f := r.json.(frame)
	if len(edges) > 0 {
		r.json = clusterBook{book, f}
	}
	r.text = func(p report.Page) string { return report.ClusterLedger(book)(p, f.Answer, *c) }
	if !book.Balances {
		r.verdict = unbalanced(book.Fault)
	}
	return r
}

// compareEdge queries an edge daemon, and compares its answer to the owner's earlier answer.
func compareEdge(ctx context.Context, client *ask.Client, owner *question.Cluster) (report.EdgeAccount, error) {
	var c question.Cluster
	if _, err := client.Ask(ctx, ask.Question{Name: "cluster", Method: "cluster"}, &c); err != nil {
		return report.EdgeAccount{}, err
	}
	if !c.Forwards {
		return report.EdgeAccount{}, &exit{exitUsage, fmt.Errorf("%s is not an edge daemon", client.Address)}
	}
	a := compared(sameCluster(&c, owner), owner)
	a.Address = client.Address
	return a, nil
}

// sameCluster returns the edge daemon's counts for the owner's cluster. An edge daemon can forward to two clusters
// while a new cluster replaces an old one.
func sameCluster(edge, owner *question.Cluster) *question.ClusterForward {
	all := edge.Forwarding()
	for _, f := range all {
		if f.After.Equal(owner.After) {
			return f
		}
	}
	for _, f := range all {
		if slices.ContainsFunc(owner.Edges, func(e question.ClusterEdge) bool { return e.Edge == f.Edge && e.Epoch.Equal(f.Epoch) }) {
			return f
		}
	}
	return all[0]
}

// compared compares the counts of an edge daemon to the counts of its owner.
func compared(f *question.ClusterForward, owner *question.Cluster) report.EdgeAccount {
	a := report.EdgeAccount{Edge: f.Edge, Number: f.Number, Samples: f.Samples, Dropped: f.Dropped, Forward: *f}
	for i := range owner.Edges {
		if e := &owner.Edges[i]; e.Edge == f.Edge && e.Epoch.Equal(f.Epoch) {
			a.Complete, a.Counted = e.Complete, e.Samples
		}
	}
	resting := owner.Ledger.Held == 0 && owner.Ledger.Lag == 0
	a.Settled = resting && f.Waiting() == 0 && a.Complete == a.Number
	// the owner may have counted fewer samples if the edge daemon has counted dropped rows, or if rows are still on
	// their way
	equal := a.Counted == a.Samples || a.Counted < a.Samples && (f.Dropped > 0 || !a.Settled)
	// the owners have acknowledged all samples, but have not counted all of them
	gone := resting && f.Waiting() == 0 && f.Dropped == 0 && a.Complete+unseen < a.Number
	a.Balances = f.Difference == 0 && equal && !gone
	return a
}

// unseen is the number of intervals that the edge daemon may send between the answer of the owner
// and its own answer.
const unseen = 2
