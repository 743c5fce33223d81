package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/internal/plural"
	"github.com/statsd-ops/statsd/meta/question"
)

// Cluster formats the state of a cluster: who owns the partitions, up to which interval they are
// published, the edge daemons, and what this daemon forwards.
func Cluster(p Page, a question.Answer, c question.Cluster) string {
	s := &sheet{Page: &p}
	if !c.Collects && !c.Forwards {
		s.text(span{}, 0, "this daemon is in no cluster: it has neither --collect nor --forward; ask a daemon of the cluster: statsdmonitor --at HOST cluster")
	}
	if c.Collects {
		s.owner(&c)
	}
	for i, f := range c.Forwarding() {
		if c.Collects || i > 0 {
			s.line()
		}
		s.forward(&c, f)
	}
	s.foot(a)
	return s.String()
}

// owner writes the state of the cluster as an owner knows it.
func (s *sheet) owner(c *question.Cluster) {
	s.groups("cluster", labels, []span{{c.Address, bold}, {text: "owner " + c.ID}, {text: plural.Things(uint64(len(c.Partitions)), "partition", "partitions")}, {text: "interval " + plural.Duration(seconds(c.Interval))}}, "")
	if c.Fault != "" {
		s.text(span{"! ", bad}, 2, "the cluster cannot be joined: "+c.Fault)
		return
	}
	s.limits(c)
	s.partitions(c)
	s.line()
	s.edges(c)
	s.line()
	s.balance(c)
}

// limits writes which intervals the cluster publishes. It writes nothing if no other cluster publishes earlier or later
// intervals.
func (s *sheet) limits(c *question.Cluster) {
	var groups []span
	if !c.After.IsZero() {
		groups = append(groups, span{text: "the intervals after " + s.clock(c.After)})
	}
	if !c.Until.IsZero() {
		own, over := 0, 0
		for i := range c.Partitions {
			if p := &c.Partitions[i]; p.Here {
				if own++; p.HandedOver {
					over++
				}
			}
		}
		groups = append(groups, span{text: "the intervals until " + s.clock(c.Until)}, span{text: fmt.Sprintf("handed over %d of %d partitions", over, own)})
	}
	if len(groups) > 0 {
		s.groups("publishes", labels, groups, "")
	}
}

func (s *sheet) partitions(c *question.Cluster) {
	columns := []column{
		{head: "part", right: true}, {head: "owner", flex: true}, {head: "since", from: wide}, {head: "head"}, {head: "lag", right: true}, {head: "held", right: true, from: wide},
		{head: "edges", right: true}, {head: "corrected", right: true, from: narrow}, {head: "late", right: true, from: narrow}, {head: "twice", right: true, from: narrow},
		{head: "missing", right: true, from: narrow}, {head: "fenced", right: true, from: narrow}, {head: "full", right: true, from: wide},
	}
	rows := make([][]span, len(c.Partitions))
	for i := range c.Partitions {
		p := &c.Partitions[i]
		owner, head, since := span{text: p.Owner}, "none", "-"
		switch {
		case p.Unowned:
			if owner = (span{"! NONE", bad}); s.width() >= wide {
				owner.text += ", was " + p.Owner
			}
		case p.Owner == "":
			owner = span{"none yet", warn}
		}
		if !p.Epoch.IsZero() {
			since = s.since(p.Epoch)
		}
		if !p.Head.IsZero() {
			head = lasting(seconds(p.HeadAge))
		}
		rows[i] = []span{
			{text: fmt.Sprint(p.Partition)}, owner, {text: since}, {text: head}, {text: count(p.Lag)}, {text: count(p.Held)}, {text: count(p.Edges)}, {text: count(p.Corrected)},
			{text: count(p.Late)}, {text: count(p.Duplicates)}, lossOf(p.Missing), {text: count(p.Fenced)}, {text: fmt.Sprintf("%.0f %%", 100*p.Full)},
		}
	}
	s.table(columns, rows)
	for i := range c.Partitions {
		if p := &c.Partitions[i]; p.Fault != "" {
			s.text(span{"! ", warn}, 2, fmt.Sprintf("partition %d: %s", p.Partition, p.Fault))
		}
	}
}

// lossOf formats a count of losses. It marks a count that is not 0 as a warning.
func lossOf(n uint64) span {
	if n > 0 {
		return span{count(n), warn}
	}
	return span{text: "0"}
}

func (s *sheet) edges(c *question.Cluster) {
	if len(c.Edges) == 0 {
		s.line(span{"no edge daemon has sent anything yet", warn})
		s.hint("statsd --forward " + forwardAddress(c.Address))
		return
	}
	columns := []column{
		{head: "edge", flex: true}, {head: "state"}, {head: "heard"}, {head: "interval", right: true, from: narrow}, {head: "samples", right: true, from: narrow},
		{head: "clock", right: true}, {head: "started", from: wide},
	}
	rows := make([][]span, len(c.Edges))
	for i := range c.Edges {
		e := &c.Edges[i]
		state := span{"ok", good}
		if e.Silent {
			state = span{"SILENT", bad}
		}
		rows[i] = []span{
			{e.Edge, bold}, state, {text: s.ago(e.Heard)}, {text: count(e.Number)}, {text: count(e.Samples)}, {text: clockOff(e.Ahead)}, {text: s.ago(e.Epoch)},
		}
	}
	s.table(columns, rows)
}

// forwardAddress returns the address that an edge daemon needs for --forward.
func forwardAddress(address string) string {
	scheme, host, _ := strings.Cut(address, "://")
	if strings.HasPrefix(host, ":") {
		host = "HOST" + host
	}
	return scheme + "://" + host
}

// clockOff formats by how much the clock of an edge daemon is ahead or behind. It does not report a
// small difference, because messages take some time.
func clockOff(ahead float64) string {
	d := time.Duration(ahead * float64(time.Second)).Round(10 * time.Millisecond)
	switch {
	case d.Abs() < 100*time.Millisecond:
		return "ok"
	case d > 0:
		return brief(d.Seconds()) + " ahead"
	}
	return brief(-d.Seconds()) + " behind"
}

// balance writes the sums of the ledger.
func (s *sheet) balance(c *question.Cluster) {
	l := &c.Ledger
	groups := []span{{text: "stored " + count(l.Stored)}}
	for _, part := range partsOf(l) {
		if part.n > 0 || part.what == "merged" {
			groups = append(groups, span{text: part.what + " " + count(part.n)})
		}
	}
	s.groups("messages", labels, groups, "")
	s.groups("samples", labels, []span{{text: "merged " + count(l.Samples)}, {"lost " + count(l.Lost), lossOf(l.Lost).style}}, "")
	if n := c.Refused; n > 0 {
		s.text(span{"! ", warn}, 2, plural.Things(n, "connection was", "connections were")+" refused: the log says why")
	}
	if n := c.Evicted; n > 0 {
		s.text(span{"! ", warn}, 2, plural.Things(n, "connection was", "connections were")+" closed to accept other connections: the log says why")
	}
	if l.Missing > 0 {
		s.text(span{"! ", warn}, 2, plural.Things(l.Missing, "message of an edge daemon", "messages of edge daemons")+" never came: see what the edge daemons dropped")
	}
	if l.Difference != 0 {
		s.text(span{"! ", bad}, 2, fmt.Sprintf("THE LEDGER DOES NOT BALANCE: it is off by %s", signed(int(l.Difference))))
	}
	if l.Missing > 0 || l.Difference != 0 {
		s.hint(s.ask("cluster --ledger"))
	}
}

type part struct {
	what string
	n    uint64
}

// partsOf returns the counts that add up to the number of stored messages.
func partsOf(l *question.ClusterLedger) []part {
	return []part{
		{"merged", l.Merged}, {"duplicates", l.Duplicates}, {"late", l.Late}, {"damaged", l.Damaged}, {"foreign", l.Foreign}, {"future", l.Future},
		{"held", l.Held}, {"lag", l.Lag},
	}
}

// forward writes the state of forwarding as an edge daemon knows it.
func (s *sheet) forward(c *question.Cluster, f *question.ClusterForward) {
	s.groups("forwards", labels, []span{{"to " + f.Address, bold}, {text: "as " + f.Edge}, {f.State, ofState(f.State)}}, "")
	switch {
	case !f.Until.IsZero():
		s.groups("gets", labels, []span{{text: "the intervals until " + s.clock(f.Until)}}, "")
	case !f.After.IsZero():
		s.groups("gets", labels, []span{{text: "the intervals after " + s.clock(f.After)}}, "")
	}
	s.clusterSettings(c, f)
	s.groups("rows", labels, []span{{text: "made " + count(f.Made)}, {text: "recovered " + count(f.Recovered)}, {text: "acknowledged " + count(f.Acknowledged)},
		{text: "waiting " + count(f.Waiting())}, {"dropped " + count(f.Dropped), lossOf(f.Dropped).style}}, "")
	s.groups("intervals", labels, []span{{text: count(f.Number)}, {text: "with " + plural.Things(f.Samples, "sample", "samples")}, {text: "started " + s.ago(f.Epoch)}}, "")
	if f.Waiting() > 0 {
		text := fmt.Sprintf("queue %s, spool %s", count(f.Queued), count(f.Spooled))
		if f.SpoolMax > 0 {
			text += fmt.Sprintf(" (%s of %s)", memory(float64(f.SpoolBytes)), memory(float64(f.SpoolMax)))
		} else {
			text += ", no spool: waiting rows are lost when the daemon ends (set --spool-dir)"
		}
		s.groups("waiting", labels, []span{{text: text}, {text: "the oldest is " + lasting(seconds(f.Behind)) + " old"}}, "")
	}
	if f.Dropped > 0 {
		var reasons []span
		for _, reason := range slices.Sorted(maps.Keys(f.Reasons)) {
			reasons = append(reasons, span{reason + " " + count(f.Reasons[reason]), warn})
		}
		s.groups("dropped", labels, reasons, "")
	}
	s.forwardFaults(f)
}

// clusterSettings writes the settings of the cluster.
func (s *sheet) clusterSettings(c *question.Cluster, f *question.ClusterForward) {
	if f.Partitions == 0 {
		s.text(span{"! ", bad}, 2, "the settings of the cluster are not known, so no sample is taken: "+f.Waits)
		return
	}
	names := "all names"
	if f.Part {
		names = "names of --forward-match"
	}
	s.groups("settings", labels, []span{{text: plural.Things(uint64(f.Partitions), "partition", "partitions")}, {text: "interval " + plural.Duration(seconds(c.Interval))},
		{text: "horizon " + plural.Duration(seconds(f.Horizon))}, {text: "tags " + f.Tags}, {text: names}}, "")
}

func (s *sheet) forwardFaults(f *question.ClusterForward) {
	switch {
	case f.State == "FAILING":
		s.text(span{"! ", bad}, 2, fmt.Sprintf("failing since %s, %s: %s", s.clock(f.FailingSince), s.ago(f.FailingSince), f.Error))
		s.hint(s.ask("sinks " + f.Sink))
	case f.Accepted.IsZero() && f.Partitions > 0:
		s.line(span{text: "the cluster has accepted nothing yet"})
	}
	if n := len(f.Unowned); n > 0 {
		s.text(span{"! ", bad}, 2, fmt.Sprintf("%s no owner: start one (statsd --collect %s)", plural.Things(uint64(n), "partition has", "partitions have"), f.Address))
	}
	if f.Difference != 0 {
		s.text(span{"! ", bad}, 2, "THE LEDGER DOES NOT BALANCE: it is off by "+signed(int(f.Difference)))
	}
}
