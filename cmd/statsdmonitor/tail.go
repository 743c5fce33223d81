package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/statsd-ops/statsd/cmd/statsdmonitor/ask"
	"github.com/statsd-ops/statsd/cmd/statsdmonitor/report"
	"github.com/statsd-ops/statsd/meta/question"
)

// tail prints lines as the daemon receives them, until the time in --for is over or the user stops
// it. At the end it prints, on standard error, which fraction of the traffic was examined.
func tail(ctx context.Context, s *session) error {
	t := &tailing{session: s}
	err := t.stream(ctx)
	if errors.Is(err, ask.ErrNoStream) || ask.NotFound(err) {
		err = t.collect(ctx)
	}
	if err != nil && ctx.Err() == nil {
		return coded(err)
	}
	fmt.Fprintln(s.errs, report.TailEnd(t.looked, t.shown, s.whole("n")))
	return nil
}

// tailing is the state of a running tail.
type tailing struct {
	*session
	shown  uint64
	looked question.TailLooked
}

// stream requests a stream of lines.
func (t *tailing) stream(ctx context.Context) error {
	seconds, watches := t.watching()
	args := url.Values{
		"match": {t.glob()}, "sender": {t.text("sender")}, "bad": {strconv.FormatBool(t.on("bad"))},
		"seconds": {strconv.Itoa(seconds)}, "limit": {t.text("n")},
	}
	return t.client.Stream(ctx, "tail", args, watches, func(event string, data []byte) error {
		switch event {
		case "line":
			var line question.Line
			return cmp.Or(json.Unmarshal(data, &line), t.line(line))
		case "looked", "end":
			return json.Unmarshal(data, &t.looked)
		}
		return nil
	})
}

func (t *tailing) line(line question.Line) error {
	t.shown++
	if t.on("json") {
		return t.printJSON(line)
	}
	_, err := t.out.WriteString(report.TailLine(t.page(time.Now()), line))
	return cmp.Or(err, t.out.Flush())
}

// collect queries a daemon that does not support streams. All lines arrive at the end.
func (t *tailing) collect(ctx context.Context) error {
	seconds, watches := t.watching()
	q := ask.Question{Method: "tail", Args: []any{t.glob(), t.text("sender"), t.on("bad"), seconds, t.whole("n")}, Watches: watches}
	var data question.Tail
	a, err := t.client.Ask(ctx, q, &data)
	if err != nil {
		return err
	}
	for _, line := range data.Lines {
		if err := t.line(line); err != nil {
			return err
		}
	}
	t.looked = question.TailLooked{Matched: data.Matched, NotShown: data.NotShown}
	if a.LookedAt != nil {
		t.looked.LookedAt = *a.LookedAt
	}
	return nil
}
