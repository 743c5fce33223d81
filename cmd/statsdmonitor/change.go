package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/statsd-ops/statsd/cmd/statsdmonitor/report"
)

// changes are the commands that change the running daemon. Each of them needs a token.
var changes = []command{
	{name: "debug", group: changing, args: "on GLOB|off", least: 1, most: 2, words: []string{"on", "off"}, flags: []use{{"for", "10m", hour}},
		help: "Log the lines of the names that match GLOB for a few minutes.", run: debug},
	{name: "mute", group: changing, args: "GLOB", least: 1, most: 1, flags: []use{{"for", "1h", day}},
		help: "Count the samples of names that match GLOB, and drop these samples.", run: change("names/mute", muteArgs, report.Mutes)},
	{name: "unmute", group: changing, args: "GLOB", least: 1, most: 1, help: "Accept the samples of a muted pattern again. GLOB must be exactly the muted pattern.", run: change("names/unmute", matchArgs, report.Mutes)},
	{name: "delete", group: changing, args: "GLOB", least: 1, most: 1, flags: []use{{"kind", "all", 0}, {name: "yes"}},
		help: "Delete the names that match GLOB. Without --yes, only show how many names would be deleted.", run: change("names/delete", deleteArgs, report.Deleted)},
	{name: "flush", group: changing, help: "Flush now. The points get the time of the next regular flush, which is then skipped.", run: change("flush", noArgs, report.Flushed)},
	{name: "reload", group: changing, flags: []use{{name: "dry-run"}}, help: "Read the configuration again, as after SIGHUP.", run: change("reload", reloadArgs, report.Reloaded)},
	{name: "drain", group: changing, args: "[off]", most: 1, words: []string{"off"}, flags: []use{{"for", "10m", hour}},
		help: "Make /readyz respond with status 503, so that load balancers select other daemons.", run: drain},
}

const hour = 60 * 60

// changeArgs returns the arguments of a change.
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

// holds returns the duration of a change, in whole seconds.
func (s *session) holds() int {
	seconds, _ := s.watching()
	return seconds
}

// change returns the function for a command that requests the named change.
func change[T any](name string, args changeArgs, write show[T]) func(context.Context, *session) error {
	return func(ctx context.Context, s *session) error { return changed(ctx, s, name, args(s), write) }
}

func debug(ctx context.Context, s *session) error {
	switch on, match := s.word(0), s.word(1); {
	case on == "off" && match == "":
		return changed(ctx, s, "debug", map[string]any{"off": true}, report.Debugged)
	case on == "on" && match != "":
		return changed(ctx, s, "debug", map[string]any{"match": match, "seconds": s.holds()}, report.Debugged)
	}
	return &exit{exitUsage, errors.New("debug: write \"debug on GLOB\" or \"debug off\", try debug --help")}
}

func drain(ctx context.Context, s *session) error {
	switch s.word(0) {
	case "off":
		return changed(ctx, s, "drain", map[string]any{"off": true}, report.Drained)
	case "":
		return changed(ctx, s, "drain", map[string]any{"seconds": s.holds()}, report.Drained)
	}
	return &exit{exitUsage, errors.New("drain: write \"drain\" or \"drain off\", try drain --help")}
}

// changed requests a change, and prints the response of the daemon.
func changed[T any](ctx context.Context, s *session, name string, args map[string]any, write show[T]) error {
	if s.client.Token == "" {
		return fmt.Errorf("%s at %s: a change needs a token with the role \"operate\": give the file of the token with --token-file", s.command.name, s.client.Address)
	}
	var data T
	a, err := s.client.Change(ctx, name, args, &data)
	if err != nil {
		return coded(err)
	}
	a.Data = data
	text := func(p report.Page) string { return write(p, a.Answer, data) }
	return s.print(result{now: a.Now, json: frame{1, a.Answer}, text: text})
}
