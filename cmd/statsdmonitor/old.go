package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/statsd-ops/statsd/cmd/statsdmonitor/ask"
	"github.com/statsd-ops/statsd/internal/ascii"
)

// oldReport is a report that statsdmonitor prints if its command line has the old form: statsdmonitor HOST PORT. The
// field flag is the flag that requests the report. The output of these reports never changes, because scripts parse it.
type oldReport struct {
	flag string
	run  func(context.Context, *session) error
}

var oldReports = []oldReport{
	{"values", publishedValues}, {"discards", discarded}, {"ledger", oldLedger}, {"alerts", alerted},
}

// oldTimeout is the default of --timeout in the old form.
const oldTimeout = 5 * time.Second

// runOld prints the report that the flags of the old form request.
func runOld(ctx context.Context, s *session) error {
	for _, r := range oldReports {
		if s.on(r.flag) {
			return r.run(ctx, s)
		}
	}
	return figures(ctx, s)
}

// Maximum sizes of answers. By default, a daemon stores 100,000 values, which are about 20 MB with names of 40
// bytes.
const (
	answerLimit = 1 << 20
	valuesLimit = 128 << 20
)

// figures prints the daemon's own metrics in the format of the reference implementation.
func figures(ctx context.Context, s *session) error {
	var text string
	if err := s.client.Call(ctx, ask.Call{Method: "istats", Limit: answerLimit}, &text); err != nil {
		return err
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		return fmt.Errorf("the answer of %s to the query istats is not a JSON object: %s", s.client.Address, ascii.Safe(err.Error()))
	}
	if s.on("json") {
		return ascii.WriteJSON(s.out, object)
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if _, err := fmt.Fprintf(s.out, "%s: %s\n", ascii.Safe(name), ascii.Safe(string(object[name]))); err != nil {
			return err
		}
	}
	return nil
}

// value is the latest published value of a name.
type value struct {
	Path  string  `xmlrpc:"path" json:"path"`
	Value float64 `xmlrpc:"value" json:"value"`
	Time  int64   `xmlrpc:"time" json:"time"` // in Unix seconds
}

// publishedValues prints the latest published values as lines for Graphite. The monitor has sorted them by path.
func publishedValues(ctx context.Context, s *session) error {
	values := []value{}
	if err := s.client.Call(ctx, ask.Call{Method: "values", Limit: valuesLimit}, &values); err != nil {
		return err
	}
	if s.on("json") {
		return ascii.WriteJSON(s.out, values)
	}
	for _, v := range values {
		if _, err := fmt.Fprintf(s.out, "%s %s %d\n", ascii.Safe(v.Path), strconv.FormatFloat(v.Value, 'f', -1, 64), v.Time); err != nil {
			return err
		}
	}
	return nil
}

// discards contains the discarded samples by reason.
type discards struct {
	Reasons    map[string]any `xmlrpc:"reasons" json:"reasons"`
	Lines      []badLine      `xmlrpc:"lines" json:"lines"`
	Refused    []refusal      `xmlrpc:"refused" json:"refused"`
	Collisions []string       `xmlrpc:"collisions" json:"collisions"`
}

// refusal says how many samples were refused because of a limit: between Min and Max samples of names with this Prefix.
type refusal struct {
	Limit  string `xmlrpc:"limit" json:"limit"`
	Prefix string `xmlrpc:"prefix" json:"prefix"`
	Min    any    `xmlrpc:"least" json:"least"`
	Max    any    `xmlrpc:"most" json:"most"`
}

// decimal formats a number without an exponent. v is an int or a double.
func decimal(v any) string {
	if f, ok := v.(float64); ok {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

type badLine struct {
	Time   float64 `xmlrpc:"time" json:"time"` // in Unix seconds
	Sender string  `xmlrpc:"sender" json:"sender"`
	Reason string  `xmlrpc:"reason" json:"reason"`
	Line   string  `xmlrpc:"line" json:"line"` // quoted text
}

// discarded prints four lists: the counts by reason, the last bad lines with the latest first, the names with the
// most refused samples, and the paths that several names share.
func discarded(ctx context.Context, s *session) error {
	d := discards{Reasons: map[string]any{}, Lines: []badLine{}, Refused: []refusal{}, Collisions: []string{}}
	if err := s.client.Call(ctx, ask.Call{Method: "discards", Limit: answerLimit}, &d); err != nil {
		return err
	}
	if s.on("json") {
		return ascii.WriteJSON(s.out, d)
	}
	for _, reason := range slices.Sorted(maps.Keys(d.Reasons)) {
		if _, err := fmt.Fprintf(s.out, "%s: %s\n", ascii.Safe(reason), ascii.Safe(decimal(d.Reasons[reason]))); err != nil {
			return err
		}
	}
	for _, l := range d.Lines {
		at := time.UnixMilli(int64(l.Time * 1000)).UTC().Format("2006-01-02T15:04:05.000Z")
		if _, err := fmt.Fprintln(s.out, at, ascii.Safe(l.Reason), ascii.Safe(l.Sender), ascii.Safe(l.Line)); err != nil {
			return err
		}
	}
	for _, r := range d.Refused {
		count := decimal(r.Max)
		if least := decimal(r.Min); least != count {
			count = least + " to " + count
		}
		if _, err := fmt.Fprintf(s.out, "refused by --%s: %s %s\n", ascii.Safe(r.Limit), ascii.Safe(count), ascii.Safe(r.Prefix)); err != nil {
			return err
		}
	}
	for _, path := range d.Collisions {
		if _, err := fmt.Fprintf(s.out, "shared path: %s\n", ascii.Safe(path)); err != nil {
			return err
		}
	}
	return nil
}
