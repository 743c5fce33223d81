package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/cmd/statsdmonitor/ask"
	"github.com/statsd-ops/statsd/cmd/statsdmonitor/report"
	"github.com/statsd-ops/statsd/internal/ascii"
	"github.com/statsd-ops/statsd/meta/question"
)

// frame is an answer in the format of the JSON API.
type frame struct {
	API int `json:"api"`
	question.Answer
}

// show formats the data of an answer.
type show[T any] func(report.Page, question.Answer, T) string

// answered sends a query. It returns the answer as a result, and the data of the answer as a
// value of the type T.
func answered[T any](ctx context.Context, s *session, q ask.Question, write show[T]) (result, T, error) {
	var data T
	q.Name = s.command.name
	a, err := s.client.Ask(ctx, q, &data)
	if err != nil {
		return result{}, data, coded(err)
	}
	text := func(p report.Page) string { return write(p, a.Answer, data) }
	return result{now: a.Now, json: frame{1, a.Answer}, text: text}, data, nil
}

// coded adds an exit code to an error of the daemon.
func coded(err error) error {
	switch {
	case ask.NotFound(err):
		return &exit{exitNotThere, err}
	case ask.BadArgument(err):
		return &exit{exitUsage, err}
	}
	return err
}

// plainly sends a query, and returns the answer as a result.
func plainly[T any](ctx context.Context, s *session, q ask.Question, write show[T]) (result, error) {
	r, _, err := answered(ctx, s, q, write)
	return r, err
}

func readStatus(ctx context.Context, s *session) (result, error) {
	return plainly(ctx, s, ask.Question{Method: "status"}, report.Status)
}

func readExplain(ctx context.Context, s *session) (result, error) {
	seconds, watches := s.watching()
	q := ask.Question{Method: "explain", Args: []any{s.word(0), seconds}, Watches: watches}
	r, data, err := answered(ctx, s, q, report.Explain)
	if err == nil && !data.Known {
		r.verdict = &exit{code: exitNotThere}
	}
	return r, err
}

// watching returns the value of --for in whole seconds, as the daemon requires.
func (s *session) watching() (seconds int, d time.Duration) {
	d = s.duration("for")
	seconds = int((d + time.Second - 1) / time.Second)
	return seconds, time.Duration(seconds) * time.Second
}

// since returns the value of --since in whole seconds.
func (s *session) since() int { return int(s.duration("since") / time.Second) }

// glob returns the first argument, or "*" for all names.
func (s *session) glob() string { return cmp.Or(s.word(0), "*") }

func readValues(ctx context.Context, s *session) (result, error) {
	q := ask.Question{Method: "find", Args: []any{s.glob(), s.whole("limit"), "", s.text("sort")}}
	r, data, err := answered(ctx, s, q, report.Values)
	if err == nil && data.Matched == 0 && !strings.ContainsAny(s.glob(), "*?[{") {
		r.verdict = &exit{code: exitNotThere}
	}
	return r, err
}

func readTop(ctx context.Context, s *session) (result, error) {
	seconds, watches := s.watching()
	q := ask.Question{Method: "top", Args: []any{s.text("by"), seconds, s.whole("n"), s.glob()}, Watches: watches}
	return plainly(ctx, s, q, report.Top)
}

func readSenders(ctx context.Context, s *session) (result, error) {
	seconds, watches := s.watching()
	q := ask.Question{Method: "senders", Args: []any{s.glob(), seconds, s.whole("n")}, Watches: watches}
	return plainly(ctx, s, q, report.Senders)
}

func readPrefixes(ctx context.Context, s *session) (result, error) {
	q := ask.Question{Method: "prefixes", Args: []any{s.word(0), s.since(), s.whole("n")}}
	return plainly(ctx, s, q, report.Prefixes)
}

func readDiscards(ctx context.Context, s *session) (result, error) {
	return plainly(ctx, s, ask.Question{Method: "discarded"}, report.Discards(s.whole("n")))
}

func readRules(ctx context.Context, s *session) (result, error) {
	return plainly(ctx, s, ask.Question{Method: "rules"}, report.Rules)
}

func readSinks(ctx context.Context, s *session) (result, error) {
	var names []string
	name := s.word(0)
	write := func(p report.Page, a question.Answer, sinks []question.Sink) string {
		return report.Sinks(p, a, named(sinks, name))
	}
	r, data, err := answered(ctx, s, ask.Question{Method: "sinks"}, write)
	if err != nil || name == "" {
		return r, err
	}
	for i := range data {
		names = append(names, data[i].Name)
	}
	if !slices.Contains(names, name) {
		return r, &exit{exitNotThere, fmt.Errorf("sinks from %s: there is no sink %s%s; the sinks are: %s", s.client.Address,
			strconv.QuoteToASCII(name), didYouMean(name, names), ascii.Safe(strings.Join(names, ", ")))}
	}
	f := r.json.(frame)
	f.Data = named(data, name)
	r.json = f
	return r, nil
}

// named returns the sink with this name. If name is empty, it returns all sinks.
func named(sinks []question.Sink, name string) []question.Sink {
	if name == "" {
		return sinks
	}
	return slices.DeleteFunc(slices.Clone(sinks), func(k question.Sink) bool { return k.Name != name })
}

func readAlerts(ctx context.Context, s *session) (result, error) {
	write := report.Alerts
	if s.on("audit") {
		write = report.Audit
	}
	return plainly(ctx, s, ask.Question{Method: "alerts", Args: []any{s.whole("n")}}, write)
}

func readConfig(ctx context.Context, s *session) (result, error) {
	which := report.Set
	switch {
	case s.on("all"):
		which = report.All
	case s.on("diff"):
		which = report.Differing
	}
	return plainly(ctx, s, ask.Question{Method: "config"}, report.Config(which))
}

func readCost(ctx context.Context, s *session) (result, error) {
	return plainly(ctx, s, ask.Question{Method: "cost"}, report.Cost)
}

// mostPoints is the maximum number of values in a history that a daemon sends. It is large enough for one value per
// flush in the last hour, if the flush interval is at least 2 s.
const mostPoints = 2000

func readHistory(ctx context.Context, s *session) (result, error) {
	q := ask.Question{Method: "history", Args: []any{strings.Join(s.words, ","), s.since(), mostPoints}}
	return plainly(ctx, s, q, report.History)
}
