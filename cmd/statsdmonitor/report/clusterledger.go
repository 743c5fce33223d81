package report

import (
	"fmt"
	"maps"
	"slices"

	"github.com/statsd-ops/statsd/internal/plural"
	"github.com/statsd-ops/statsd/meta/question"
)

// EdgeAccount compares two counts: what an edge daemon has forwarded since its start, and what the
// owners have received from it.
type EdgeAccount struct {
	Edge    string `json:"edge"`
	Address string `json:"address"` // address that the edge daemon was queried at
	// Number is the edge daemon's latest interval, and Complete is the latest interval that the owners
	// have completed. Settled means that Number equals Complete and that the owners have processed all
	// messages. If Settled is true, Samples and Counted must be equal.
	Number   uint64 `json:"number"`
	Complete uint64 `json:"complete"`
	Settled  bool   `json:"settled"`
	Samples  uint64 `json:"samples"` // number of samples, according to the edge daemon
	Counted  uint64 `json:"counted"` // number of samples, according to the owners
	Dropped  uint64 `json:"dropped"` // number of dropped rows, according to the edge daemon
	Balances bool   `json:"balances"`
	// Forward is the ledger of the edge daemon itself.
	Forward question.ClusterForward `json:"forward"`
}

// ClusterBook says whether all accounts of a cluster balance. It contains the accounts of the queried edge daemons.
type ClusterBook struct {
	Balances bool          `json:"balances"`
	Fault    string        `json:"fault"` // the account that does not balance, or ""
	Edges    []EdgeAccount `json:"edges"` // the edge daemons that were queried
}

// ClusterLedger returns a function that formats the ledger of a daemon in a cluster, and the accounts of edge daemons in b.
func ClusterLedger(b ClusterBook) func(Page, question.Answer, question.Cluster) string {
	return func(p Page, a question.Answer, c question.Cluster) string {
		s := &sheet{Page: &p}
		if c.Collects {
			s.messages(&c)
		}
		for _, f := range c.Forwarding() {
			s.rows("rows of this daemon, as edge daemon "+f.Edge, f)
		}
		for i := range b.Edges {
			e := &b.Edges[i]
			s.rows("rows of edge daemon "+e.Edge+" at "+e.Address, &e.Forward)
			s.across(e)
		}
		if c.Collects && len(b.Edges) == 0 {
			s.line(span{text: "to compare the samples of edge daemons, give their monitors"})
			s.hint(s.ask("cluster --ledger EDGE..."))
		}
		s.foot(a)
		return s.String()
	}
}

// messages writes the account of an owner: the messages that it has received from edge daemons.
func (s *sheet) messages(c *question.Cluster) {
	l := &c.Ledger
	s.line(span{"messages of all edge daemons: \"stored\" is the sum of the other counts", bold})
	s.entry("stored", l.Stored)
	for _, part := range partsOf(l) {
		s.entry("  "+part.what, part.n)
	}
	s.verdict(l.Difference == 0, l.Difference, "messages")
	s.line(span{"samples of all edge daemons: committed or lost", bold})
	s.entry("committed", l.Samples)
	s.entry("lost", l.Lost)
	if l.Missing > 0 {
		s.line(span{"! " + plural.Things(l.Missing, "message of an edge daemon", "messages of edge daemons") + " never came: see what the edge daemons dropped", warn})
	}
	s.line()
}

// rows writes the account of an edge daemon: the rows that it has forwarded.
func (s *sheet) rows(title string, f *question.ClusterForward) {
	s.line(span{title, bold})
	s.entry("made", f.Made)
	s.entry("recovered", f.Recovered)
	s.entry("  acknowledged", f.Acknowledged)
	s.entry("  waiting", f.Waiting())
	s.entry("  dropped", f.Dropped)
	for _, reason := range slices.Sorted(maps.Keys(f.Reasons)) {
		s.entry("    "+reason, f.Reasons[reason])
	}
	s.verdict(f.Difference == 0, f.Difference, "rows")
	s.line()
}

// across writes how many samples an edge daemon has forwarded, how many of them the owners have counted, and whether the
// two numbers agree.
func (s *sheet) across(e *EdgeAccount) {
	s.line(span{"samples of edge daemon " + e.Edge + " since its start", bold})
	s.entry("forwarded", e.Samples)
	s.entry("  at the owners", e.Counted)
	switch {
	case e.Balances && e.Settled && e.Samples == e.Counted:
		s.line(span{"  balances, up to interval " + count(e.Number), good})
	case e.Balances && e.Settled:
		s.line(span{"  the difference is in the " + plural.Things(e.Dropped, "row", "rows") + " that the edge daemon dropped", warn})
	case e.Balances:
		s.line(span{text: fmt.Sprintf("  the samples of intervals %s to %s are on their way", count(e.Complete+1), count(max(e.Number, e.Complete+1)))})
	default:
		s.line(span{fmt.Sprintf("  DOES NOT BALANCE: the owners completed interval %s; the latest is %s", count(e.Complete), count(e.Number)), bad})
	}
	s.line()
}

// entry writes one line of an account.
func (s *sheet) entry(name string, n uint64) {
	s.line(span{text: pad("  "+name, 20)}, span{text: fmt.Sprintf("%15s", count(n))})
}

func (s *sheet) verdict(ok bool, difference int64, unit string) {
	if ok {
		s.line(span{"  balances", good})
		return
	}
	s.line(span{fmt.Sprintf("  DOES NOT BALANCE: off by %s %s", signed(int(difference)), unit), bad})
}
