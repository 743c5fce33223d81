package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/statsd-ops/statsd/internal/ask"
	"github.com/statsd-ops/statsd/internal/report"
	"github.com/statsd-ops/statsd/meta/question"
)

// tail prints lines as they come in.
func tail(ctx context.Context, s *session) error {
	seconds, watches := s.watching()
	q := ask.Question{Method: "tail", Args: []any{s.glob(), s.text("sender"), s.on("bad"), seconds, s.whole("n")}, Watches: watches}
	var data question.Tail
	a, err := s.client.Ask(ctx, q, &data)
	if err != nil {
		return err
	}
	if s.on("json") {
		return s.printJSON(frame{1, a.Answer})
	}
	_, err = s.out.WriteString(report.Tail(s.page(a.Now), a.Answer, data))
	if err := cmp.Or(err, s.out.Flush()); err != nil {
		return err
	}
	fmt.Fprintln(s.errs, report.TailEnd(a.Answer, data, s.whole("n")))
	return nil
}
