package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/statsd-ops/statsd/internal/ascii"
	"github.com/statsd-ops/statsd/internal/report"
)

// changes are the commands that change the running daemon. Each needs a token.
var changes = []command{
	{name: "debug", group: changing, args: "on GLOB|off", least: 1, most: 2, words: []string{"on", "off"}, flags: []use{{"for", "10m", hour}},
		help: "Log the lines of these names for some minutes.", run: debug},
	{name: "mute", group: changing, args: "GLOB", least: 1, most: 1, flags: []use{{"for", "1h", day}},
		help: "Count samples of these names, but do not keep them.", run: change("names/mute", muteArgs)},
	{name: "unmute", group: changing, args: "GLOB", least: 1, most: 1, help: "End a mute.", run: change("names/unmute", matchArgs)},
	{name: "delete", group: changing, args: "GLOB", least: 1, most: 1, flags: []use{{"kind", "all", 0}, {name: "yes"}},
		help: "Delete names. Without --yes only say how many.", run: change("names/delete", deleteArgs)},
	{name: "flush", group: changing, help: "Flush now.", run: change("flush", noArgs)},
	{name: "reload", group: changing, flags: []use{{name: "dry-run"}}, help: "Read the configuration again, as after SIGHUP.", run: change("reload", reloadArgs)},
	{name: "drain", group: changing, args: "[off]", most: 1, words: []string{"off"}, flags: []use{{"for", "10m", hour}},
		help: "Let /readyz say no, so that senders go elsewhere.", run: drain},
}

const hour = 60 * 60

// changeArgs makes the arguments of a change.
type changeArgs func(*session) map[string]any

func noArgs(*session) map[string]any      { return map[string]any{} }
func matchArgs(s *session) map[string]any { return map[string]any{"match": s.word(0)} }

func muteArgs(s *session) map[string]any {
	return map[string]any{"match": s.word(0), "seconds": s.holds()}
}

func deleteArgs(s *session) map[string]any {
	return map[string]any{"match": s.word(0), "kind": s.text("kind"), "dry_run": !s.on("yes")}
}

func reloadArgs(s *session) map[string]any { return map[string]any{"dry_run": s.on("dry-run")} }

// holds is how long a change holds, in seconds.
func (s *session) holds() int { return int(s.duration("for") / time.Second) }

// change returns the function of a command that makes the named change.
func change(name string, args changeArgs) func(context.Context, *session) error {
	return func(ctx context.Context, s *session) error { return s.change(ctx, name, args(s)) }
}

func debug(ctx context.Context, s *session) error {
	switch on, match := s.word(0), s.word(1); {
	case on == "off" && match == "":
		return s.change(ctx, "debug", map[string]any{"off": true})
	case on == "on" && match != "":
		return s.change(ctx, "debug", map[string]any{"match": match, "seconds": s.holds()})
	}
	return &exit{exitUsage, errors.New("debug: want debug on GLOB, or debug off, try debug --help")}
}

func drain(ctx context.Context, s *session) error {
	switch s.word(0) {
	case "off":
		return s.change(ctx, "drain", map[string]any{"off": true})
	case "":
		return s.change(ctx, "drain", map[string]any{"seconds": s.holds()})
	}
	return &exit{exitUsage, errors.New("drain: want drain, or drain off, try drain --help")}
}

// change makes a change, and prints what the daemon says of it.
func (s *session) change(ctx context.Context, name string, args map[string]any) error {
	if s.client.Token == "" {
		return fmt.Errorf("%s at %s: a change needs a token of the role operate: give its file with --token-file", s.command.name, s.client.Address)
	}
	data, err := s.client.Change(ctx, name, args)
	if err != nil {
		return err
	}
	if s.on("json") {
		err = ascii.WriteJSON(s.out, data)
	} else {
		_, err = s.out.WriteString(report.Change(s.page(time.Now()), s.command.name, bytes.TrimSpace(data)))
	}
	if args["dry_run"] == true && s.command.name == "delete" && err == nil && !s.on("json") {
		_, err = s.out.WriteString("nothing is deleted yet: add --yes to delete them\n")
	}
	return cmp.Or(err, s.out.Flush())
}
