//go:build linux

package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// quietLoad is the maximum load average at which the machine counts as idle before the run.
const quietLoad = 0.5

// quiet returns a text that says how reliable the measured times are.
func (r *report) quiet() string {
	text := "The machine was quiet."
	if r.load > quietLoad {
		text = fmt.Sprintf("**The machine was busy with other programs (load %.1f): compare ratios, not times.**", r.load)
	}
	if slices.Contains(r.command, "-scale") {
		text += " **This run was shortened, so the costs of starting count for more: `make bench` makes a complete run.**"
	}
	return text
}

// headlines returns the main results of the run in a few lines.
func (r *report) headlines() string {
	var b strings.Builder
	line := func(format string, values ...string) {
		if !slices.Contains(values, "") {
			fmt.Fprintf(&b, "- "+format+"\n", toAny(values)...)
		}
	}
	floor := func(w string) string { return r.in(w).times("statsd", "floor", paced, steady) }
	line("**CPU**: statsd needs %s × the CPU time of a receiver that only counts newlines with one line a datagram (W1), %s × with packed lines (W2), %s × with all kinds of metrics (W3).",
		floor("W1"), floor("W2"), floor("W3"))
	next := func(w string) string { return r.in(w).next() }
	line("**The next best daemon** needs this CPU time for each metric: %s in W1, %s in W2, and %s in W3.", next("W1"), next("W2"), next("W3"))
	line("**At most** statsd reads %s million packed lines a second on one core (W2), and %s million over one TCP connection (W5).",
		r.in("W2").value("%.1f", "statsd", drained, millions), r.in("W5").value("%.1f", "statsd", drained, millions))
	line("**Memory**: %s bytes a name of mixed kinds, %s of them (W4); %s MiB at rest.",
		r.in("W4").value("%.0f", "statsd", paced, r.in("W4").perName), r.in("W4").names(), r.in("idle").value("%.0f", "statsd", paced, func(m *measured) float64 { return mib(m.rss) }))
	line("**Lost**: %s.", r.lost())
	return b.String()
}

func toAny(values []string) (all []any) {
	for _, v := range values {
		all = append(all, v)
	}
	return all
}

func millions(m *measured) float64 { return measuredOnly(m.rate / 1e6) }

// in returns the table of a workload. If the workload was not measured, the table is empty.
func (r *report) in(workload string) *table {
	for _, t := range r.tables {
		if t.workload.name == workload {
			return t
		}
	}
	return &table{}
}

func (t *table) row(peer string) *row {
	i := slices.IndexFunc(t.rows, func(r *row) bool { return r.peer.name == peer })
	if i < 0 {
		return &row{}
	}
	return t.rows[i]
}

func (t *table) names() string { return fmt.Sprint(t.workload.traffic.names) }

func (t *table) perName(m *measured) float64 {
	return measuredOnly(float64(m.rss-m.idleRSS) / float64(t.workload.traffic.names))
}

// value returns the median of the values of a peer, as text.
func (t *table) value(format, peer string, of func(round) *measured, value func(*measured) float64) string {
	return median(format, each(t.row(peer), of, value))
}

// times divides, in each round, the value of one peer by the value of another peer. The parameters peer and base are
// the names of these two peers. times returns the median of the ratios, as text.
func (t *table) times(peer, base string, of func(round) *measured, value func(*measured) float64) string {
	return median("%.2f", t.ratios(t.row(peer), base, of, value))
}

// next returns the name of the daemon that needs the least CPU time, among the daemons of other
// projects. It also returns this time as a multiple of the time of this project's daemon.
func (t *table) next() string {
	least, name := math.Inf(1), ""
	for _, r := range t.rows {
		all := t.ratios(r, "statsd", paced, t.settled())
		if r.peer.counters == nil || strings.HasPrefix(r.peer.name, "statsd,") || r.peer.name == "statsd" || len(all) == 0 {
			continue
		}
		if m := middle(all); m < least {
			least, name = m, r.peer.name
		}
	}
	if name == "" {
		return ""
	}
	return fmt.Sprintf("%.1f × as much (%s)", least, name)
}

// settled returns a function that selects the CPU time for comparisons. It is the time with known names if this
// time was measured, otherwise the time including new names.
func (t *table) settled() func(*measured) float64 {
	if t.workload.steady {
		return steady
	}
	return cpu
}

// lost lists the workloads in which this project's daemon lost metrics.
func (r *report) lost() string {
	var all []string
	for _, t := range r.tables {
		for _, row := range t.rows {
			parts := each(row, paced, func(m *measured) float64 { return measuredOnly(m.received) })
			ours := row.peer.name == "statsd" || strings.HasPrefix(row.peer.name, "statsd,")
			if ours && t.workload.network != "none" && len(parts) > 0 && middle(parts) < 1-1e-6 {
				all = append(all, fmt.Sprintf("%s %.3f %% (%s)", t.workload.name, 100*(1-middle(parts)), row.peer.name))
			}
		}
	}
	if all == nil {
		return "nothing, in any workload"
	}
	return "in " + strings.Join(all, ", ")
}

// glance returns a table with one line for each daemon in each workload.
func (r *report) glance() string {
	var b strings.Builder
	b.WriteString("## At a glance\n\n| workload | daemon | CPU cold, µs | CPU steady, µs | × floor | × statsd | drained, M/s | received, % |\n|---|---|---:|---:|---:|---:|---:|---:|\n")
	for _, t := range r.tables {
		for _, row := range t.rows {
			name := row.peer.name
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", t.workload.name, name,
				t.value("%.3f", name, paced, cpu), t.value("%.3f", name, paced, steady),
				t.times(name, "floor", paced, t.settled()), t.times(name, "statsd", paced, t.settled()),
				t.value("%.2f", name, drained, millions),
				t.value("%.2f", name, paced, func(m *measured) float64 { return 100 * measuredOnly(m.received) }))
		}
	}
	return b.String()
}
