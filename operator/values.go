package operator

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/internal/glob"
	"github.com/statsd-ops/statsd/internal/plural"
	"github.com/statsd-ops/statsd/meta/history"
	"github.com/statsd-ops/statsd/meta/question"
)

// findTime is the time limit of a search. A search that needs the points of the next flush waits
// for this flush, but not longer than findWait. This wait is a part of findTime.
const (
	findTime = question.AnswerTime - 200*time.Millisecond
	findWait = question.AnswerTime - 2*time.Second
)

// orders maps the values of the parameter sort to the orders of a search.
var orders = map[string]history.Order{"name": history.ByPath, "value": history.ByValue, "age": history.ByAge}

// values returns the published paths that match a glob.
func (d *Desk) values(ctx context.Context, args question.Arguments) (question.Answer, error) {
	start := time.Now()
	s, err := newSearch(args)
	if err != nil {
		return question.Answer{}, err
	}
	if d.Values == nil {
		return question.Answer{Complete: true, Data: question.PathValues{Values: []question.PathValue{}}}, nil
	}
	limited, cancel := context.WithTimeout(ctx, findTime)
	defer cancel()
	found := d.Values.Find(limited, s)
	data := question.PathValues{
		Values: make([]question.PathValue, len(found.Paths)), Matched: found.Matched,
		// Paths of earlier flushes are also kept. So the search can look at more paths than the last
		// flush published.
		Held:      max(found.Published, found.Looked, found.Matched),
		Histories: found.Histories, Looked: found.Looked, Next: found.Next,
	}
	paths := make([]string, len(found.Paths))
	for i := range found.Paths {
		paths[i] = found.Paths[i].Path
	}
	kinds, err := d.kinds(ctx, paths)
	if err != nil {
		return question.Answer{}, err
	}
	for i := range found.Paths {
		data.Values[i] = pathValue(&found.Paths[i])
		data.Values[i].Kind = kinds[i]
	}
	return question.Answer{AsOf: found.AsOf, TookMillis: millis(start), Complete: found.Complete, Data: data}, nil
}

// newSearch makes a search from the arguments. A glob without wildcards is a single path.
func newSearch(args question.Arguments) (history.Search, error) {
	text := args.Text("match")
	g, err := glob.Parse(text)
	if err != nil {
		return history.Search{}, question.Errorf(question.BadParameter, "match", "match: %v", err)
	}
	order := orders[args.Text("sort")]
	if args.Text("after") != "" && order != history.ByPath {
		return history.Search{}, question.Errorf(question.BadParameter, "after", "after: is allowed only with sort=name")
	}
	plain := len(text)
	if i := strings.IndexAny(text, `*?[\/`); i >= 0 {
		plain = i
	}
	return history.Search{Match: g.Match, Prefix: text[:plain], Limit: args.Int("limit"), After: args.Text("after"), Order: order, Wait: findWait}, nil
}

// kindStep is the number of paths that are looked up in the table at a time.
const kindStep = 128

// kinds returns the kind of each path's name. It is "" if the name is not in the table, as for the
// daemon's own figures.
func (d *Desk) kinds(ctx context.Context, paths []string) (kinds []string, err error) {
	for step := range slices.Chunk(paths, kindStep) {
		err := d.onLoop(ctx, func(r *Running) {
			for _, path := range step {
				kinds = append(kinds, kindOf(r, path))
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return kinds, nil
}

func kindOf(r *Running, path string) string {
	for _, o := range r.Scheme.Origins(path, r.Limits.Tagged) {
		if _, held := r.Table.Seen(o.Kind, []byte(o.Name)); held {
			return o.Kind.String()
		}
	}
	return ""
}

// notHeld describes why a path has no history.
func (d *Desk) notHeld(path string, held history.Held) string {
	with, all := d.Values.Histories()
	text := fmt.Sprintf("no history of %s (%s of %s paths have one)", shown(path), plural.Count(uint64(with)), plural.Count(uint64(all)))
	switch held {
	case history.FromNow:
		return text + "; a history is kept from now on"
	case history.NoPlace:
		return text + "; the memory for histories is used by paths that were queried in the last hour: raise --history-memory"
	}
	return fmt.Sprintf("no history of %s: --history-memory or --keep-values is 0", shown(path))
}

func (d *Desk) valuesQuestion() question.Question {
	return question.Question{
		Name: "values", Method: "find", Answer: question.PathValues{}, Ask: d.values,
		Parameters: []question.Parameter{
			{Name: "match", Default: "*", Help: "a pattern (glob) for published paths"},
			{Name: "limit", Kind: question.Int, Default: 50, Min: 1, Max: 1000, Help: "the maximum number of paths"},
			{Name: "after", Help: "continue after this path: the value of the field \"next\" in the previous answer"},
			{Name: "sort", Default: "name", Choices: []string{"name", "value", "age"}, Help: "the order: by name, the greatest value first, or the newest first"},
		},
		Help: "Published paths that match: the newest value of each, and exact means over 1, 5 and 15 minutes.",
	}
}
