package operator

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/internal/plural"
	"github.com/statsd-ops/statsd/meta/history"
	"github.com/statsd-ops/statsd/meta/question"
)

// published adds the paths of a name, and their values.
func (e *explanation) published(o aggregate.Origin) {
	paths := e.Scheme.Paths(o, e.Limits.Tagged)
	if len(paths) == 0 {
		e.step("published", "nothing: the settings select no values of a "+o.Kind.String()).OK = false
		return
	}
	e.step("published", folded(paths)).Paths = paths
	if e.Values == nil {
		return
	}
	var values []question.PathValue
	for _, path := range paths {
		if v, ok := e.Values.Path(path); ok {
			values = append(values, pathValue(&v))
		}
	}
	e.values(o.Name, values)
}

// maxNamed is the maximum number of values in the text of a step.
const maxNamed = 3

// values adds the current values of a name's paths, and the averages of these values over the last
// minutes.
func (e *explanation) values(name string, values []question.PathValue) {
	if len(values) == 0 {
		e.step("now", "not published in the last flushes")
		return
	}
	var now, means []string
	var newest time.Time
	held := false
	for _, v := range telling(name, values) {
		stat := statistic(v.Path, name)
		if len(values) == 1 {
			stat = "value"
		}
		now = append(now, stat+" "+rounded(v.Value))
		means = append(means, fmt.Sprintf("%s %s %s %s", stat, rounded(v.M1), rounded(v.M5), rounded(v.M15)))
		held = held || v.History
		if v.Time.After(newest) {
			newest = v.Time
		}
	}
	s := e.step("now", fmt.Sprintf("%s  flush %s ago", strings.Join(now, "  "), plural.Duration(max(e.now.Sub(newest), 0))))
	s.Values = values
	if !held {
		e.step("means", "no history yet; it is recorded from now on, if --history-memory is large enough")
		return
	}
	e.step("means", "means of 1, 5, 15 minutes: "+strings.Join(means, "  "))
}

func pathValue(p *history.Path) question.PathValue {
	return question.PathValue{
		Path: p.Path, Value: question.Number(p.Value), Time: p.Time,
		M1: question.Number(p.M1.Mean), M5: question.Number(p.M5.Mean), M15: question.Number(p.M15.Mean),
		Min: question.Number(p.M15.Min), Max: question.Number(p.M15.Max), History: p.Held == history.Holding,
	}
}

// rounded formats a number for people.
func rounded(n question.Number) string {
	f := float64(n)
	switch {
	case math.IsNaN(f):
		return "-"
	case f == math.Trunc(f) && math.Abs(f) < 1e15:
		digits, negative := strings.CutPrefix(fmt.Sprintf("%.0f", f), "-")
		if negative {
			return "-" + plural.Group(digits)
		}
		return plural.Group(digits)
	case math.Abs(f) >= 100:
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.4g", f)
}

// telling returns the most important values of a name, at most maxNamed.
func telling(name string, values []question.PathValue) []question.PathValue {
	rank := func(v question.PathValue) int {
		stat := statistic(v.Path, name)
		switch {
		case stat == "mean":
			return 0
		case strings.HasPrefix(stat, "upper_"):
			return 1
		case stat == "count":
			return 2
		}
		return 3
	}
	values = slices.Clone(values)
	slices.SortStableFunc(values, func(a, b question.PathValue) int { return cmp.Compare(rank(a), rank(b)) })
	return values[:min(len(values), maxNamed)]
}

// statistic returns the part of a path that is not the name. For stats.timers.NAME.mean it is mean,
// and for stats_counts.NAME it is stats_counts.
func statistic(path, name string) string {
	name, _, _ = strings.Cut(name, ";")
	path, _, _ = strings.Cut(path, ";")
	before, after, found := strings.Cut(path, "."+name)
	switch {
	case !found:
		return lastNode(path)
	case after == "":
		return before
	}
	return strings.TrimPrefix(after, ".")
}

// lastNode returns the last node of a path, without its tags.
func lastNode(path string) string {
	path, _, _ = strings.Cut(path, ";")
	return path[strings.LastIndexByte(path, '.')+1:]
}

// folded writes several paths in a short form, such as stats.timers.a.{lower,upper}.
func folded(paths []string) string {
	if len(paths) == 1 {
		return shown(paths[0])
	}
	begin, end := paths[0], paths[0]
	for _, p := range paths[1:] {
		begin, end = commonBegin(begin, p), commonEnd(end, p)
	}
	begin = begin[:strings.LastIndexByte(begin, '.')+1]
	if i := strings.IndexAny(end, ".;"); i >= 0 {
		end = end[i:]
	} else {
		end = ""
	}
	var parts []string
	for _, p := range paths {
		if len(p) < len(begin)+len(end) {
			return shown(strings.Join(paths, ", "))
		}
		parts = append(parts, p[len(begin):len(p)-len(end)])
	}
	return shown(begin + "{" + strings.Join(parts, ",") + "}" + end)
}

func commonBegin(a, b string) string {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return a[:n]
}

func commonEnd(a, b string) string {
	n := 0
	for n < min(len(a), len(b)) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return a[len(a)-n:]
}

// seen adds a step that says when samples of the name were first and last seen.
func (e *explanation) seen(s *subject) {
	for _, kind := range s.kinds() {
		f := &s.facts.kinds[kind]
		if !f.held {
			e.step("seen", "no sample of this "+kind.String()+" yet, or none recently").OK = false
			continue
		}
		first := "first " + f.seen.First.At.UTC().Format("2006-01-02 15:04Z")
		if f.seen.First.Before {
			first = "first before" + strings.TrimPrefix(first, "first")
		}
		e.step("seen", fmt.Sprintf("%s, %s ago; last seen %s", first, plural.Duration(e.now.Sub(f.seen.First.At)), lastSeen(f.seen.Unseen, e.Interval)))
	}
}

// lastSeen says when a name last had a sample. unseen is a value of aggregate.Seen.Unseen.
func lastSeen(unseen uint32, interval time.Duration) string {
	switch unseen {
	case 0:
		return "in the current interval"
	case 1:
		return "in the interval before"
	}
	missed := unseen - 1
	return fmt.Sprintf("%s ago, %s without a sample", plural.Duration(time.Duration(missed)*interval), plural.Things(uint64(missed), "flush", "flushes"))
}

// sinks adds, for each sink, the last flush whose points the sink has accepted completely.
func (e *explanation) sinks() {
	var words []string
	ok := true
	for _, s := range e.sinksNow(e.now) {
		switch {
		case s.State == sinkRemoved:
			continue
		case s.Published.IsZero() && s.Waiting == 0:
			words = append(words, s.Name+": no points yet")
		case s.Waiting == 0:
			words = append(words, s.Name+": has all points up to "+plural.Duration(e.now.Sub(s.Published))+" ago")
		case s.Published.IsZero():
			words = append(words, s.Name+": has accepted nothing yet, all points wait")
		default:
			words = append(words, s.Name+": has the points up to "+plural.Duration(e.now.Sub(s.Published))+" ago, newer points wait")
		}
		ok = ok && s.State == "ok"
	}
	if len(words) == 0 {
		words, ok = []string{"no sink is configured"}, false
	}
	e.step("sinks", strings.Join(words, "; ")).OK = ok
}
