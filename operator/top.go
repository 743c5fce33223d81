package operator

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/intake/probe"
	"github.com/statsd-ops/statsd/meta/question"
	"github.com/statsd-ops/statsd/metric"
)

func (d *Desk) topQuestion() question.Question {
	return question.Question{
		Name: "top", Answer: question.Top{}, Ask: d.watched(d.top), Watch: "seconds", Guarded: true,
		Parameters: []question.Parameter{
			{Name: "by", Default: "name", Choices: []string{"name", "prefix", "sender", "kind"}, Help: "count the samples of each name, prefix (names up to their second dot), sender or kind of metric"},
			secondsParameter(5),
			{Name: "limit", Kind: question.Int, Default: 20, Min: 1, Max: 200, Help: "the maximum number of entries"},
			{Name: "match", Default: "*", Help: "a pattern (glob): only names that match are counted"},
		},
		Help: "The names, prefixes, senders or kinds with the most samples: samples per second, and the possible error of each rate. Entries with a rate below the value of the field \"unseen_below\" may be missing.",
	}
}

func (d *Desk) top(ctx context.Context, args question.Arguments, lasts time.Duration) (any, *probe.Looked, error) {
	t, err := d.Probes.Top(ctx, probe.TopQuery{By: probe.By(args.Text("by")), Match: args.Text("match"), For: lasts})
	if err != nil {
		return nil, nil, err
	}
	published, err := d.patterns(ctx)
	if err != nil {
		return nil, nil, err
	}
	answer := question.Top{By: string(t.By), Entries: []question.TopRow{}, UnseenBelow: t.UnseenBelow, Forgotten: t.Forgotten}
	for _, row := range t.Rows[:min(len(t.Rows), args.Int("limit"))] {
		r := question.TopRow{Name: row.Name, Kind: row.Kind, Rate: row.Rate, Error: row.Error, Share: row.Share}
		switch t.By {
		case probe.ByName:
			r.Published = published[row.Kind]
		case probe.ByKind:
			r.Name = row.Kind
		case probe.BySender:
			r.Name, r.Kind = clientName(row.Name, row.Over), ""
		}
		answer.Entries = append(answer.Entries, r)
	}
	if len(t.Rows) > 0 {
		answer.Error = relative(t.Rows[0].Error, t.Rows[0].Rate)
	}
	return answer, &t.Looked, nil
}

// clientName returns the text that an answer shows as the name of a sender.
func clientName(name string, over probe.Transport) string {
	if over == probe.Pipe {
		return "stat pipes"
	}
	return cmp.Or(name, unknownSender)
}

// patterns returns how the paths of each kind begin, such as stats.timers.NAME.
func (d *Desk) patterns(ctx context.Context) (map[string]string, error) {
	patterns := map[string]string{}
	err := d.onLoop(ctx, func(r *Running) {
		for kind := range metric.Kind(metric.Kinds) {
			const name = "NAME"
			paths := r.Scheme.Paths(aggregate.Origin{Kind: kind, Name: name}, r.Limits.Tagged)
			if len(paths) > 0 {
				before, _, _ := strings.Cut(paths[0], name)
				patterns[kind.String()] = before + name
			}
		}
	})
	return patterns, err
}
