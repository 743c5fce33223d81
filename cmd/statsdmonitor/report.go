package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"
)

// The largest answers. By default a daemon keeps 100,000 values: about 20 MB with names
// of 40 bytes.
const (
	answerLimit = 1 << 20
	valuesLimit = 128 << 20
)

// figures prints the daemon's own figures, in the format of the reference.
func figures(ctx context.Context, o *options, w io.Writer) error {
	var text string
	if err := o.ask(ctx, "istats", answerLimit, &text); err != nil {
		return err
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		return fmt.Errorf("istats from %s: the answer is not a JSON object: %s", o.addr, safe(err.Error()))
	}
	if o.json {
		return printJSON(w, object)
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if _, err := fmt.Fprintf(w, "%s: %s\n", safe(name), safe(string(object[name]))); err != nil {
			return err
		}
	}
	return nil
}

// value is the newest published value of a name.
type value struct {
	Path  string  `xmlrpc:"path" json:"path"`
	Value float64 `xmlrpc:"value" json:"value"`
	Time  int64   `xmlrpc:"time" json:"time"` // Unix seconds
}

// publishedValues prints the values published last, as Graphite's lines. The monitor has
// sorted them by path.
func publishedValues(ctx context.Context, o *options, w io.Writer) error {
	values := []value{}
	if err := o.ask(ctx, "values", valuesLimit, &values); err != nil {
		return err
	}
	if o.json {
		return printJSON(w, values)
	}
	for _, v := range values {
		if _, err := fmt.Fprintf(w, "%s %s %d\n", safe(v.Path), strconv.FormatFloat(v.Value, 'f', -1, 64), v.Time); err != nil {
			return err
		}
	}
	return nil
}

// discards are the discarded samples and the reasons.
type discards struct {
	Reasons    map[string]any `xmlrpc:"reasons" json:"reasons"`
	Lines      []badLine      `xmlrpc:"lines" json:"lines"`
	Refused    []refusal      `xmlrpc:"refused" json:"refused"`
	Collisions []string       `xmlrpc:"collisions" json:"collisions"`
}

// refusal is a group of names that a limit refused: between Min and Max samples.
type refusal struct {
	Limit  string `xmlrpc:"limit" json:"limit"`
	Prefix string `xmlrpc:"prefix" json:"prefix"`
	Min    any    `xmlrpc:"least" json:"least"`
	Max    any    `xmlrpc:"most" json:"most"`
}

// decimal formats a number of an answer, an int or a double, without an exponent.
func decimal(v any) string {
	if f, ok := v.(float64); ok {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

type badLine struct {
	Time   float64 `xmlrpc:"time" json:"time"` // Unix seconds
	Sender string  `xmlrpc:"sender" json:"sender"`
	Reason string  `xmlrpc:"reason" json:"reason"`
	Line   string  `xmlrpc:"line" json:"line"` // quoted
}

// discarded prints the counts by reason, then the last bad lines, newest first, then the names that
// limits refused most, then the paths that two kinds of names share.
func discarded(ctx context.Context, o *options, w io.Writer) error {
	d := discards{Reasons: map[string]any{}, Lines: []badLine{}, Refused: []refusal{}, Collisions: []string{}}
	if err := o.ask(ctx, "discards", answerLimit, &d); err != nil {
		return err
	}
	if o.json {
		return printJSON(w, d)
	}
	for _, reason := range slices.Sorted(maps.Keys(d.Reasons)) {
		if _, err := fmt.Fprintf(w, "%s: %s\n", safe(reason), safe(decimal(d.Reasons[reason]))); err != nil {
			return err
		}
	}
	for _, l := range d.Lines {
		at := time.UnixMilli(int64(l.Time * 1000)).UTC().Format("2006-01-02T15:04:05.000Z")
		if _, err := fmt.Fprintln(w, at, safe(l.Reason), safe(l.Sender), safe(l.Line)); err != nil {
			return err
		}
	}
	for _, r := range d.Refused {
		count := decimal(r.Max)
		if least := decimal(r.Min); least != count {
			count = least + " to " + count
		}
		if _, err := fmt.Fprintf(w, "refused by --%s: %s %s\n", safe(r.Limit), safe(count), safe(r.Prefix)); err != nil {
			return err
		}
	}
	for _, path := range d.Collisions {
		if _, err := fmt.Fprintf(w, "two kinds: %s\n", safe(path)); err != nil {
			return err
		}
	}
	return nil
}
