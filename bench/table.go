//go:build linux

package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// table holds the results of all daemons in one workload.
type table struct {
	workload workload
	rows     []*row
	failures []string
	text     string // output of Go benchmarks; empty if the workload measures daemons
}

type row struct {
	peer   peer
	rounds []round
	max    limit
}

// round holds the results of one daemon in one round. A part is nil if it was not measured or
// failed.
type round struct{ paced, drained *measured }

func (t *table) failed(err error) bool {
	if err == nil {
		return false
	}
	if text := err.Error(); !slices.Contains(t.failures, text) {
		t.failures = append(t.failures, text)
	}
	return true
}

// The following functions select a part of a round, or a value of a part.
func paced(r round) *measured      { return r.paced }
func drained(r round) *measured    { return r.drained }
func cpu(m *measured) float64      { return measuredOnly(m.cpu) }
func steady(m *measured) float64   { return measuredOnly(m.steadyCPU) }
func drainCPU(m *measured) float64 { return measuredOnly(m.drainCPU) }
func grown(m *measured) float64    { return measuredOnly(float64(m.rss - m.idleRSS)) }

// column is one value of each row. A column without values is omitted.
type column struct {
	title string
	cell  func(*row) string
}

func (t *table) columns() []column {
	cell := func(format string, of func(round) *measured, value func(*measured) float64) func(*row) string {
		return func(r *row) string { return spread(format, each(r, of, value)) }
	}
	ratio := func(base string, of func(round) *measured, value func(*measured) float64) func(*row) string {
		return func(r *row) string { return median("%.2f", t.ratios(r, base, of, value)) }
	}
	rate := func(m *measured) float64 { return measuredOnly(m.rate) }
	bytes := func(value func(*measured) float64) func(r *row) string {
		return func(r *row) string { return spread("%.0f", t.bytesPerName(r, value)) }
	}
	return []column{
		{"CPU cold, µs a metric", cell("%.3f", paced, cpu)},
		{"× floor", ratio("floor", paced, cpu)},
		{"CPU steady, µs", cell("%.3f", paced, steady)},
		{"× floor, steady", ratio("floor", paced, steady)},
		{"× statsd, no sink", ratio("statsd, no sink", paced, steady)},
		{"× statsd_exporter, steady", func(r *row) string {
			if !t.workload.mapping {
				return ""
			}
			return median("%.2f", t.ratios(r, "statsd_exporter", paced, steady))
		}},
		{"received, %", cell("%.2f", paced, func(m *measured) float64 { return 100 * measuredOnly(m.received) })},
		{"longest queue, MiB", cell("%.2f", paced, func(m *measured) float64 { return measuredOnly(mib(m.queue)) })},
		{"drained, M/s", cell("%.2f", drained, func(m *measured) float64 { return rate(m) / 1e6 })},
		{"× " + t.drainBase(), ratio(t.drainBase(), drained, rate)},
		{"CPU when drained, µs", cell("%.3f", drained, drainCPU)},
		{"× statsd", ratio("statsd", drained, drainCPU)},
		{"received when drained, %", cell("%.2f", drained, func(m *measured) float64 { return 100 * m.received })},
		{"max without loss, M/s", func(r *row) string { return r.max.String() }},
		{"idle CPU, %", cell("%.3f", paced, t.idleCPU)},
		{"RSS, MiB", cell("%.1f", paced, func(m *measured) float64 { return measuredOnly(mib(m.rss)) })},
		{"bytes a name", bytes(grown)},
		{"× statsd_exporter", func(r *row) string {
			if t.bytesPerName(r, grown) == nil {
				return ""
			}
			return median("%.2f", t.ratios(r, "statsd_exporter", paced, grown))
		}},
		{"bytes a name after the last packet", bytes(func(m *measured) float64 { return float64(m.sentRSS - m.idleRSS) })},
		{"longest flush, s", cell("%.2f", paced, func(m *measured) float64 { return measuredOnly(m.flush.Seconds()) })},
		{"published after, ms", cell("%.0f", paced, func(m *measured) float64 { return measuredOnly(1e3 * m.after.Seconds()) })},
		{"CPU a page, ms", cell("%.0f", paced, func(m *measured) float64 { return measuredOnly(1e3 * m.scrapeCPU) })},
		{"× statsd_exporter", ratio("statsd_exporter", paced, func(m *measured) float64 { return measuredOnly(m.scrapeCPU) })},
		{"replay, × real time", cell("%.1f", paced, func(m *measured) float64 { return measuredOnly(m.replay) })},
		{"lines published", cell("%.0f", paced, func(m *measured) float64 { return measuredOnly(float64(m.lines)) })},
	}
}

// drainBase returns the name of the floor, the minimal server with which drains are compared. The blocking floor
// exists only for UDP.
func (t *table) drainBase() string {
	if t.workload.network == "udp" {
		return "floor-blocking"
	}
	return "floor"
}

// bytesPerName returns the memory per name in each round. It returns nil if the workload does not send every name. It
// also returns nil if there are few names, because other data then uses most of the memory.
func (t *table) bytesPerName(r *row, bytes func(*measured) float64) []float64 {
	names := float64(r.peer.adapt(t.workload).traffic.names)
	if names < manyNames || t.workload.traffic.zipf || r.peer.counters == nil {
		return nil
	}
	return each(r, paced, func(m *measured) float64 { return measuredOnly(bytes(m) / names) })
}

// idleCPU returns the CPU usage of a daemon without traffic, as a percentage of a core. Here 0 is a measured value. If
// the workload has traffic, idleCPU returns NaN.
func (t *table) idleCPU(m *measured) float64 {
	if t.workload.network != "none" {
		return math.NaN()
	}
	return 100 * m.idleCPU
}

// measuredOnly returns the value, or NaN if the value is 0 or infinite. A value of 0 was not measured. An infinite
// value was divided by the number of received metrics, but no metric was received.
func measuredOnly(value float64) float64 {
	if value == 0 || math.IsInf(value, 0) {
		return math.NaN()
	}
	return value
}

// each returns the values of all rounds in which the value was measured.
func each(r *row, of func(round) *measured, value func(*measured) float64) []float64 {
	var all []float64
	for _, round := range r.rounds {
		if m := of(round); m != nil && !math.IsNaN(value(m)) {
			all = append(all, value(m))
		}
	}
	return all
}

// ratios divides each value of a daemon by the value of another daemon in the same round. The parameter base is the
// name of this other daemon.
func (t *table) ratios(r *row, base string, of func(round) *measured, value func(*measured) float64) []float64 {
	i := slices.IndexFunc(t.rows, func(r *row) bool { return r.peer.name == base })
	if i < 0 {
		return nil
	}
	var all []float64
	for n, round := range r.rounds {
		m, b := of(round), of(t.rows[i].rounds[n])
		if m != nil && b != nil && !math.IsNaN(value(m)/value(b)) {
			all = append(all, value(m)/value(b))
		}
	}
	return all
}

func median(format string, all []float64) string {
	if len(all) == 0 {
		return ""
	}
	return fmt.Sprintf(format, middle(all))
}

// middle returns the median of the values.
func middle(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

// spread formats the median. If the minimum and the maximum differ, it adds them.
func spread(format string, all []float64) string {
	text := median(format, all)
	if len(all) > 1 {
		least, greatest := fmt.Sprintf(format, slices.Min(all)), fmt.Sprintf(format, slices.Max(all))
		if least != greatest {
			text += fmt.Sprintf(" (%s–%s)", least, greatest)
		}
	}
	return text
}

func mib(bytes int) float64 { return float64(bytes) / (1 << 20) }

// String returns the table as a Markdown text.
func (t *table) String() string {
	if t.text != "" {
		return fmt.Sprintf("### %s: %s\n\n%s", t.workload.name, t.workload.title, t.text)
	}
	heads, cells := []string{"daemon"}, make([][]string, len(t.rows))
	for i, r := range t.rows {
		cells[i] = []string{r.peer.name}
	}
	for _, c := range t.columns() {
		texts := make([]string, len(t.rows))
		for i, r := range t.rows {
			texts[i] = c.cell(r)
		}
		if strings.Join(texts, "") == "" {
			continue
		}
		heads = append(heads, c.title)
		for i, text := range texts {
			cells[i] = append(cells[i], text)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "### %s: %s\n\n", t.workload.name, t.workload.title)
	line := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	line(heads)
	fmt.Fprintf(&b, "|---%s|\n", strings.Repeat("|---:", len(heads)-1))
	for _, c := range cells {
		line(c)
	}
	if t.workload.absent != "" {
		fmt.Fprintf(&b, "\nNot here: %s.\n", t.workload.absent)
	}
	for _, failure := range t.failures {
		fmt.Fprintf(&b, "\nFailed: %s\n", failure)
	}
	return b.String()
}
