package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/internal/cli"
	"github.com/statsd-ops/statsd/internal/plural"
)

// kind is the type of a flag's value.
type kind uint8

const (
	isSwitch kind = iota
	isText
	isWhole    // whole number
	isDuration // seconds, or a duration such as 1m30s
)

// flag is a flag of one or more commands. It has the same meaning for all of them.
type flag struct {
	name     string
	short    rune
	holder   string // placeholder for the value in the help text
	kind     kind
	optional bool // both --watch and --watch=2s are valid
	help     string
	choices  []string
	// Bounds of a whole number, or of a duration in seconds.
	least, most float64
	old         bool // the flag belongs to the old form HOST PORT
}

const day = 24 * 60 * 60

// flags lists all flags, in the order of the help.
var flags = []flag{
	{name: "at", holder: "HOST[:PORT]", kind: isText, help: "Monitor to ask. Default: $STATSDMONITOR_AT if set, else localhost:8135. Put https:// in front for TLS."},
	{name: "json", old: true, help: "Print JSON, on one line."},
	{name: "watch", holder: "2s", kind: isDuration, optional: true, least: 0.1, most: day, help: "Repeat the command every 2 seconds until Ctrl-C."},
	{name: "for", holder: "DURATION", kind: isDuration, least: 0.001, most: 30, help: "How long to watch traffic, or how long a change lasts."},
	{name: "since", holder: "DURATION", kind: isDuration, least: 1, most: 7 * day, help: "Length of the history to show."},
	{name: "limit", holder: "N", kind: isWhole, least: 1, most: 1000, help: "Maximum number of paths to show."},
	{name: "n", short: 'n', holder: "N", kind: isWhole, least: 1, most: 1000, help: "Maximum number of entries to show."},
	{name: "sort", holder: "ORDER", kind: isText, choices: []string{"name", "value", "age"}, help: "Order of values: name, value or age."},
	{name: "by", holder: "WHAT", kind: isText, choices: []string{"name", "prefix", "sender", "kind"}, help: "Count the samples of each name, prefix, sender or kind of metric."},
	{name: "sender", holder: "ADDRESS", kind: isText, help: "Show only lines of this sender."},
	{name: "bad", help: "Show only bad lines."},
	{name: "all", help: "Show all settings, including defaults."},
	{name: "diff", help: "Show only settings that a reload or a restart would change."},
	{name: "audit", help: "Show the changes that operators requested, not the problems."},
	{name: "warn", holder: "STATE", kind: isText, choices: states, help: "Report WARNING if the daemon is in this state or in a worse one: degraded or failing. With never, report no WARNING."},
	{name: "crit", holder: "STATE", kind: isText, choices: states, help: "Report CRITICAL if the daemon is in this state or in a worse one: degraded or failing. With never, report no CRITICAL."},
	{name: "kind", holder: "KIND", kind: isText, choices: []string{"all", "counter", "gauge", "timer", "set"}, help: "Delete only names of this kind: counter, gauge, timer or set."},
	{name: "yes", help: "Delete the names. Without this flag, only show how many names would be deleted."},
	{name: "dry-run", help: "Only show what would change."},
	{name: "token-file", holder: "FILE", kind: isText, help: "File with the token to send."},
	{name: "ca", holder: "FILE", kind: isText, help: "Certificates to trust for https, in PEM format."},
	{name: "timeout", holder: "DURATION", kind: isDuration, least: 0.001, most: day, old: true, help: "Seconds to wait for an answer, or a duration such as 500ms."},
	{name: "values", old: true, help: "Print the values published last: path, value and Unix time."},
	{name: "discards", old: true, help: "Print how many samples were discarded for each reason, and the last bad lines."},
	{name: "ledger", old: true, help: "Print the ledger of all samples and points; exit with status 3 if the ledger does not balance."},
	{name: "alerts", old: true, help: "Print the daemon's problems, the latest first, and which notifiers were informed of them."},
	{name: "help", short: 'h', old: true, help: "Print this help and exit."},
	{name: "version", old: true, help: "Print the version and exit."},
}

var states = []string{"degraded", "failing", "never"}

func findFlag(name string) *flag {
	i := slices.IndexFunc(flags, func(f flag) bool { return f.name == name })
	if i < 0 {
		return nil
	}
	return &flags[i]
}

// spelling returns the flag as users type it, with dashes.
func (f *flag) spelling() string {
	if len(f.name) == 1 {
		return "-" + f.name
	}
	return "--" + f.name
}

// check returns an error if a value is not valid.
func (f *flag) check(text string, b bounds) error {
	switch f.kind {
	case isText:
		if len(f.choices) > 0 && !slices.Contains(f.choices, text) {
			err := fmt.Errorf("%s: must be %s, not %s", f.spelling(), list(f.choices), strconv.QuoteToASCII(text))
			if near := cli.Nearest(text, f.choices); near != "" {
				err = fmt.Errorf("%w (did you mean %s?)", err, near)
			}
			return err
		}
	case isWhole:
		n, err := strconv.Atoi(text)
		if err != nil || float64(n) < b.least || float64(n) > b.most {
			return fmt.Errorf("%s: must be a number from %g to %g, not %s", f.spelling(), b.least, b.most, strconv.QuoteToASCII(text))
		}
	case isDuration:
		return f.checkDuration(text, b)
	}
	return nil
}

func (f *flag) checkDuration(text string, b bounds) error {
	d, err := duration(text)
	switch s := d.Seconds(); {
	case err != nil:
		return fmt.Errorf("%s: %w", f.spelling(), err)
	case f.name == "timeout" && d <= 0:
		return errors.New("--timeout must be more than 0")
	case s < b.least || s > b.most:
		second := float64(time.Second)
		return fmt.Errorf("%s: must be a duration from %s to %s, not %s", f.spelling(), plural.Duration(time.Duration(b.least*second)),
			plural.Duration(time.Duration(b.most*second)), strconv.QuoteToASCII(text))
	}
	return nil
}

// duration parses seconds, a Go duration, or days such as 7d.
func duration(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	return cli.Duration(text)
}

// list formats choices as part of a sentence: a, b or c.
func list(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
