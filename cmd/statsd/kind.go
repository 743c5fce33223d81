package main

import (
	"fmt"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/units"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/internal/allow"
	"github.com/statsd-ops/statsd/internal/cli"
	"github.com/statsd-ops/statsd/notify/post"
	"github.com/statsd-ops/statsd/statvent/pipes"
)

// kind is the syntax of a setting's value.
type kind int

const (
	isText kind = iota
	isSwitch
	isCount
	isNumbers // numbers, separated by commas
	isDuration
	isBytes
	isPort // a port number, or "off"
	isGlob
	isConsole  // an address, a port, or "off"
	isPositive // a duration greater than 0
	isSink
	isListener
	isMode  // the mode of a file, in octal
	isUsers // names or numbers of users, separated by commas
	isNetworks
	isGlobs // patterns, separated by commas
	isTimerStats
	isCounterStats
	isHistogram
	isURL
	isTagStyles
	isForward
	isCollect
	isTime
)

// check returns an error if a value does not have the syntax of its kind.
func (k kind) check(text string) (err error) {
	switch k {
	case isText, isUsers:
	case isSwitch:
		_, err = parseSwitch(text)
	case isCount:
		_, err = parseCount(text)
	case isNumbers:
		err = checkNumbers(text)
	case isDuration:
		_, err = cli.Duration(text)
	case isBytes:
		_, err = parseBytes(text)
	case isPort:
		_, err = parsePort(text)
	case isGlob:
		_, err = pipes.ParseGlob(text)
	case isConsole:
		_, err = parseConsole(text)
	case isPositive:
		err = checkPositive(text)
	case isSink:
		_, err = parseEndpoint(text)
	case isListener:
		_, err = parseDoor(text)
	case isMode:
		_, err = parseMode(text)
	case isNetworks:
		_, err = allow.Parse(text)
	case isGlobs:
		_, err = parseGlobs(text)
	case isTimerStats:
		if err = checkWords(text, aggregate.AllTimerStats(), noTimerStats); err != nil && strings.ContainsAny(text, "0123456789") {
			err = fmt.Errorf("%w; write N as a letter, --pct sets the percentiles", err)
		}
	case isCounterStats:
		err = checkWords(text, counterStats)
	case isHistogram:
		_, err = aggregate.ParseHistogram(text)
	case isTagStyles:
		err = checkWords(text, slices.Sorted(maps.Keys(tagStyles)), allTagStyles)
	case isForward:
		_, err = parseForward(text)
	case isCollect:
		_, err = parseCollect(text)
	case isTime:
		_, err = parseTime(text)
	case isURL:
		_, err = post.Parse(text)
	}
	return err
}

// counterStats are the valid words for --counters.
var counterStats = []string{"rate", "count"}

func parseSwitch(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true", "1", "yes", "on":
		return true, nil
	case "false", "0", "no", "off":
		return false, nil
	}
	return false, fmt.Errorf("must be true or false, not %q", text)
}

// parseTime parses a time in RFC 3339 format or in Unix seconds.
func parseTime(text string) (time.Time, error) {
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil && seconds > 0 && seconds < 1<<33 {
		return time.Unix(seconds, 0), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.Unix() <= 0 || at.Unix() >= 1<<33 {
		return time.Time{}, fmt.Errorf("must be a time such as 2026-12-01T12:00:00Z, or Unix seconds, not %q", text)
	}
	return at, nil
}

func parseCount(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("must be a whole number, not %q", text)
	}
	return n, nil
}

func parseNumber(text string) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("must be a number, not %q", text)
	}
	return v, nil
}

// checkNumbers checks a comma-separated list of numbers.
func checkNumbers(text string) error {
	for word := range strings.SplitSeq(text, ",") {
		if _, err := parseNumber(word); err != nil {
			return err
		}
	}
	return nil
}

// checkPositive checks that a duration is greater than 0.
func checkPositive(text string) error {
	d, err := cli.Duration(text)
	if err == nil && d <= 0 {
		return fmt.Errorf("must be more than 0, not %q", text)
	}
	return err
}

func parseBytes(text string) (int, error) {
	if n, err := strconv.Atoi(text); err == nil {
		return n, nil
	}
	n, err := units.ParseBase2Bytes(text)
	if err != nil {
		return 0, fmt.Errorf("must be a number of bytes, or a size such as 64KiB or 8MiB, not %q", text)
	}
	return int(n), nil
}

func parseMode(text string) (fs.FileMode, error) {
	n, err := strconv.ParseUint(text, 8, 32)
	if err != nil || n > 0o777 {
		return 0, fmt.Errorf("must be a mode such as 0660, not %q", text)
	}
	return fs.FileMode(n), nil
}

// noPort is the port number that stands for the value "off".
const noPort = -1

func parsePort(text string) (int, error) {
	if text == "off" {
		return noPort, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("must be a port or off, not %q", text)
	}
	return n, nil
}

// oneOf formats a list of choices as text: "a, b or c".
func oneOf(choices []string) string {
	last := len(choices) - 1
	if last == 0 {
		return choices[0]
	}
	return strings.Join(choices[:last], ", ") + " or " + choices[last]
}
