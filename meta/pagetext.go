package meta

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/internal/plural"
)

// tile is a number at the top of the page.
type tile struct {
	Label, Value, Note string
	Bad                bool
}

// tiles returns the most important figures. The slice figures must be sorted. The parameter flushed
// is the time of the last flush in Unix seconds.
func tiles(figures []Figure, flushed int64, now time.Time) []tile {
	count := func(label, name string, bad bool) tile {
		f := figure(figures, name)
		return tile{Label: label, Value: grouped(f.Value), Note: rate(f), Bad: bad && f.Value > 0}
	}
	flush, delivery := tile{Label: "last flush", Value: "none yet"}, tile{Label: "last delivery", Value: "none yet"}
	if flushed > 0 {
		flush.Value = span(now.Sub(time.Unix(flushed, 0))) + " ago"
		flush.Note = "took " + span(seconds(valueOf(figures, "flush_duration")))
	}
	if at := valueOf(figures, "last_publish.time"); at > 0 {
		delivery.Value = span(now.Sub(unixTime(at))) + " ago"
		delivery.Note = "took " + span(seconds(valueOf(figures, "last_publish.duration")))
	}
	return []tile{
		count("lines received", "lines.received", false),
		count("samples aggregated", "samples.aggregated", false),
		{Label: "samples since the flush", Value: grouped(valueOf(figures, "pending_stats"))},
		{Label: "points in the last flush", Value: grouped(valueOf(figures, "render.total"))},
		flush,
		delivery,
		{Label: "sinks", Value: grouped(valueOf(figures, "sinks"))},
		count("samples discarded", "metrics.discarded", true),
		count("lost in the kernel", "udp.kernel_dropped", true),
		count("flush errors", "flush_errors", true),
	}
}

// moods maps states to style classes.
var moods = [...]string{OK: "good", Degraded: "warn", Failing: "bad"}

// headline describes the daemon's state. It also returns the style class of the state.
func headline(h Health, now time.Time) (text, mood string) {
	if h.State == OK {
		return "OK: flushes come in time, and no good sample or point was lost in 15 minutes", moods[OK]
	}
	text = strings.ToUpper(h.State.String()) + " for " + spell(now.Sub(h.Since)) + ": " + h.Reasons[0].Text
	switch n := len(h.Reasons) - 1; n {
	case 0:
	case 1:
		text += ", and one more reason"
	default:
		text += fmt.Sprintf(", and %d more reasons", n)
	}
	return text, moods[h.State]
}

func troubleRows(h Health, now time.Time) (rows []troubleRow) {
	for _, r := range h.Reasons {
		rows = append(rows, troubleRow{r.Text, moods[r.State], "for " + spell(now.Sub(r.Since)), r.Effect, r.Next, r.Clears})
	}
	return rows
}

// sinkTable shows the figures whose names have the form sink.NAME.points.COLUMN.
type sinkTable struct {
	Columns []string
	Rows    []sinkRow
}

type sinkRow struct {
	Name  string
	Cells []string
}

// sinkColumns are the columns of the table of sinks, from left to right.
var sinkColumns = []string{"made", "recovered", "delivered", "queued", "spooled", "dropped"}

// sinks makes the table of sinks. It returns nil if no figure belongs to a sink. The slice figures must be sorted, so
// that the figures of each sink are together.
func sinks(figures []Figure) *sinkTable {
	t := &sinkTable{Columns: sinkColumns}
	for _, f := range figures {
		name, column, ok := sinkFigure(f)
		if !ok {
			continue
		}
		if n := len(t.Rows); n == 0 || t.Rows[n-1].Name != name {
			t.Rows = append(t.Rows, sinkRow{Name: name, Cells: make([]string, len(sinkColumns))})
		}
		if i := slices.Index(sinkColumns, column); i >= 0 {
			t.Rows[len(t.Rows)-1].Cells[i] = figureText(f)
		}
	}
	if t.Rows == nil {
		return nil
	}
	return t
}

// sinkFigure splits the name of a figure, such as sink.graphite.points.made or forward.rows.made.
func sinkFigure(f Figure) (name, column string, ok bool) {
	if column, ok := strings.CutPrefix(f.Name, "forward.rows."); ok {
		return "forward", column, true
	}
	rest, ok := strings.CutPrefix(f.Name, "sink.")
	if !ok {
		return "", "", false
	}
	return strings.Cut(rest, ".points.")
}

func figureRows(figures []Figure) (rows []figureRow) {
	for _, f := range figures {
		rows = append(rows, figureRow{f.Name, figureText(f), rate(f)})
	}
	return rows
}

// reasonRows returns the reasons with a count above 0, largest first.
func reasonRows(reasons []Figure) (rows []figureRow) {
	slices.SortStableFunc(reasons, func(a, b Figure) int { return cmp.Compare(b.Value, a.Value) })
	for _, r := range reasons {
		if r.Value > 0 {
			rows = append(rows, figureRow{Name: r.Name, Value: grouped(r.Value)})
		}
	}
	return rows
}

func refusalRows(refused []Refusal) (rows []refusalRow) {
	for _, r := range refused {
		count := grouped(float64(r.Max))
		if r.Min < r.Max {
			count = grouped(float64(r.Min)) + " to " + count
		}
		rows = append(rows, refusalRow{"--" + r.Limit, r.Prefix, count})
	}
	return rows
}

func figure(figures []Figure, name string) Figure {
	i, ok := slices.BinarySearchFunc(figures, name, func(f Figure, name string) int { return cmp.Compare(f.Name, name) })
	if !ok {
		return Figure{}
	}
	return figures[i]
}

func valueOf(figures []Figure, name string) float64 { return figure(figures, name).Value }

// figureText formats a figure. Times are formatted as dates, and durations have a unit.
func figureText(f Figure) string {
	switch {
	case strings.HasSuffix(f.Name, "duration"), strings.HasSuffix(f.Name, ".behind"), f.Name == "render.time", f.Name == "flush.swap", f.Name == "cpu.used":
		return span(seconds(f.Value))
	case f.Name == "start_time", f.Name == "last_publish.time", f.Name == "publish_error.time", f.Name == "ledger.time", strings.HasSuffix(f.Name, ".accepted.time"):
		if f.Value == 0 {
			return "never"
		}
		return unixTime(f.Value).UTC().Format(time.DateTime)
	}
	return grouped(f.Value)
}

// rate formats the growth of f per second with at least three digits.
func rate(f Figure) string {
	switch {
	case !f.Count || f.Rate == 0:
		return ""
	case f.Rate < 100:
		return fmt.Sprintf("%.3g/s", f.Rate)
	}
	return grouped(math.Round(f.Rate)) + "/s"
}

// grouped formats f as a decimal number, with commas between thousands.
func grouped(f float64) string {
	whole, fraction, _ := strings.Cut(decimal(math.Abs(f)), ".")
	whole = plural.Group(whole)
	if fraction != "" {
		whole += "." + fraction
	}
	if f < 0 {
		return "-" + whole
	}
	return whole
}

// span formats a duration with about three digits.
func span(d time.Duration) string {
	days := d / (24 * time.Hour)
	switch {
	case days > 0:
		return fmt.Sprintf("%d d %d h", days, d%(24*time.Hour)/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	case d >= 10*time.Second:
		return fmt.Sprintf("%d s", d/time.Second)
	case d >= time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= time.Millisecond:
		return fmt.Sprintf("%.3g ms", d.Seconds()*1e3)
	case d > 0:
		return fmt.Sprintf("%.3g us", d.Seconds()*1e6)
	}
	return "0 s"
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func unixTime(s float64) time.Time { return time.UnixMilli(int64(s * 1000)) }

// shownText describes how many of the values the page shows.
func shownText(shown, found, missed int) string {
	text := "Nothing matches."
	switch {
	case shown < found:
		text = fmt.Sprintf("The latest %d of %s. Filter to see others.", shown, grouped(float64(found)))
	case shown > 0:
		text = fmt.Sprintf("%d in all.", shown)
	}
	if missed > 0 {
		text += fmt.Sprintf(" %s more points of the last flush were published, but the monitor does not keep them (see --keep-values).", grouped(float64(missed)))
	}
	return text
}
