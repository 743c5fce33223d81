package operator

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/internal/plural"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/meta/history"
	"github.com/statsd-ops/statsd/meta/question"
)

// maxSeries is the maximum number of names in one query about past values.
const maxSeries = 8

// theHealth is the name of the figure that says whether the daemon is healthy.
const theHealth = "health"

// history returns past values of figures and paths.
func (d *Desk) history(ctx context.Context, args question.Arguments) (any, error) {
	names := strings.Split(args.Text("name"), ",")
	if len(names) > maxSeries {
		return nil, question.Errorf(question.BadParameter, "name", "name: %d names are too many: give at most %d", len(names), maxSeries)
	}
	ctx, cancel := context.WithTimeout(ctx, findTime)
	defer cancel()
	p := past{Desk: d}
	for _, name := range names {
		if err := p.sort(ctx, name); err != nil {
			return nil, err
		}
	}
	_, last := d.Flushed()
	q := history.Query{Since: last.Add(-time.Duration(args.Int("seconds")) * time.Second), Points: args.Int("points")}
	p.ask(q)
	return p.answer(), nil
}

// past builds an answer about past values.
type past struct {
	*Desk
	figures, paths []string
	ofFigures      history.Series // the daemon's own metrics; the last of the Lines is the metric "health"
	ofPaths        history.Series
	held           []history.Held
}

// sort adds a name to the figures or to the paths of the answer.
func (p *past) sort(ctx context.Context, name string) error {
	isIt := func(f meta.Figure) bool { return f.Name == name }
	if p.Past != nil && (p.Past.Known(name) || slices.ContainsFunc(p.Daemon.Figures(), isIt)) {
		p.figures = append(p.figures, name)
		return nil
	}
	if p.Values != nil {
		_, known := p.Values.Path(name)
		if known || p.isPublished(ctx, name) {
			p.paths = append(p.paths, name)
			return nil
		}
	}
	err := question.Errorf(question.NotFound, "name", "%s is neither one of the daemon's own metrics nor a recently published path", shown(name))
	err.Next = searchFor(name)
	return err
}

// searchFor returns a command that searches for paths with the last node of a name. It returns ""
// if the node contains characters that are special in a shell or a pattern.
func searchFor(name string) string {
	node := lastNode(name)
	odd := func(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune(`*?[]\'`, c) }
	if node == "" || strings.ContainsFunc(node, odd) {
		return ""
	}
	return "statsdmonitor values '*" + node + "*'"
}

// isPublished reports whether the last flush published the path. It also finds paths whose values
// are not kept.
func (p *past) isPublished(ctx context.Context, path string) bool {
	is := func(other string) bool { return other == path }
	return p.Values.Find(ctx, history.Search{Match: is, Prefix: path, Limit: 1, Wait: findWait}).Matched > 0
}

// ask reads all series. It makes sure that all of them have the same step: the time between two
// values.
func (p *past) ask(q history.Query) {
	figures, paths := q, q
	figures.Names, paths.Names = append(slices.Clone(p.figures), theHealth), p.paths
	if len(p.paths) > 0 {
		p.ofPaths, p.held = p.Values.Series(paths)
		figures.Step = p.ofPaths.Step
	}
	if p.Past == nil {
		return
	}
	if p.ofFigures = p.Past.Series(figures); len(p.paths) > 0 && p.ofFigures.Step > p.ofPaths.Step {
		paths.Step = p.ofFigures.Step
		p.ofPaths, p.held = p.Values.Series(paths)
	}
}

// answer combines the series of figures and of paths. A flush can happen after the paths are read and before the
// figures are read. The series of figures can then be longer than the series of a path. In this case, answer leaves out
// the last values of the figures.
func (p *past) answer() question.History {
	first := p.ofFigures
	if len(p.figures) == 0 {
		first = p.ofPaths
	}
	h := question.History{
		From: first.T0.UTC(), Step: first.Step.Seconds(), Flushes: first.Held, Missing: first.Missing,
		Series: map[string][]question.Number{}, Greatest: map[string][]question.Number{}, Worst: map[string][]question.Number{},
		Kinds: map[string]string{}, Sums: map[string]question.HistorySum{}, Notes: []string{},
	}
	var worst []float64
	if n := len(p.figures); p.Past != nil {
		worst = p.ofFigures.Lines[n].Greatest
		p.ofFigures.Lines = p.ofFigures.Lines[:n]
	}
	for _, l := range append(slices.Clone(p.ofFigures.Lines), p.ofPaths.Lines...) {
		addLine(&h, &l, worst)
	}
	for i, path := range p.paths {
		if p.held[i] != history.Holding {
			h.Notes = append(h.Notes, p.notHeld(path, p.held[i]))
		}
	}
	if h.Missing > 0 {
		h.Notes = append(h.Notes, fmt.Sprintf("%s missing", plural.Things(uint64(h.Missing), "flush", "flushes")))
	}
	return h
}

// addLine adds a series to the answer.
func addLine(h *question.History, l *history.Line, worst []float64) {
	h.Series[l.Name], h.Greatest[l.Name] = numbers(l.Values), numbers(l.Greatest)
	h.Worst[l.Name] = numbers(worst[:min(len(worst), len(l.Values))])
	if h.Kinds[l.Name] = "value"; l.Rate {
		h.Kinds[l.Name] = "rate"
	}
	s := &l.Sum
	h.Sums[l.Name] = question.HistorySum{
		Min: question.Number(s.Min), Mean: question.Number(s.Mean), Max: question.Number(s.Max), Last: question.Number(s.Last), MaxAt: s.MaxAt.UTC(),
	}
}

func numbers(values []float64) []question.Number {
	all := make([]question.Number, len(values))
	for i, v := range values {
		all[i] = question.Number(v)
	}
	return all
}

func (d *Desk) historyQuestion() question.Question {
	return question.Question{
		Name: "history", Answer: question.History{}, Ask: d.flushed(d.history),
		Parameters: []question.Parameter{
			{Name: "name", Required: true, Min: 1, Max: 8 * 1024, Help: "the name of one of the daemon's own metrics, or a published path; up to 8 names or paths with commas between them"},
			{Name: "seconds", Kind: question.Int, Default: 3600, Min: 1, Max: 604800, Help: "how many seconds to look back"},
			{Name: "points", Kind: question.Int, Default: 360, Min: 1, Max: 2000, Help: "the maximum number of values"},
		},
		Help: "The past values of the daemon's own metrics (one week) or of published paths (one hour). Counters are shown as growth per second.",
	}
}
