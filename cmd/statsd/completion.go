package main

import (
	"io"
	"maps"
	"slices"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/internal/completion"
)

// printCompletion prints a completion script for a shell.
func printCompletion(w io.Writer, shell, program string) error {
	all := completions()
	if program == "gstatsd" {
		all = gstatsdCompletions(all)
	}
	script, err := completion.Script(shell, completion.Program{Name: program, Flags: all})
	if err != nil {
		return usageError(err.Error())
	}
	_, err = io.WriteString(w, script)
	return err
}

// completions returns all flags of statsd.
func completions() (all []completion.Flag) {
	for i := range flags {
		f := &flags[i]
		c := completion.Flag{Name: f.name, Short: f.short, Help: f.help, Path: completion.IsPath(f.holder)}
		c.Choices, c.List, c.Open = f.suggestions()
		if f.kind != isSwitch {
			c.Value = f.holder
		}
		all = append(all, c)
		for _, alias := range f.aliases {
			c.Name, c.Short = alias, 0
			all = append(all, c)
		}
	}
	return all
}

// suggestions returns the words that the shell offers as the value of a flag. If the result list is true, the value can
// be several of these words, separated by commas. If the result open is true, each word is only the beginning of a
// value.
func (f *flag) suggestions() (words []string, list, open bool) {
	switch f.kind {
	case isTagStyles:
		return append(slices.Sorted(maps.Keys(tagStyles)), allTagStyles), true, false
	case isTimerStats:
		return append(aggregate.AllTimerStats(), noTimerStats), true, false
	case isCounterStats:
		return counterStats, true, false
	case isSink:
		return urls(schemeNames()...), false, true
	case isListener:
		return urls(listenSchemeNames()...), false, true
	case isForward, isCollect:
		return urls(clusterSchemeNames()...), false, true
	case isURL:
		return urls("https", "http"), false, true
	case isPort, isConsole:
		return []string{"off"}, false, false
	}
	return f.choices, false, false
}

// urls returns the beginnings of URLs with these schemes.
func urls(schemes ...string) (begins []string) {
	for _, scheme := range schemes {
		begins = append(begins, scheme+"://")
	}
	return begins
}

// gstatsdCompletions returns all flags of gstatsd, and the long flags of statsd that its command line also
// accepts.
func gstatsdCompletions(long []completion.Flag) (all []completion.Flag) {
	for _, f := range gstatsdFlags {
		c := completion.Flag{Name: f.long, Short: rune(f.short), Help: f.help, Value: f.holder}
		if f.long == "type" {
			c.Choices = gstatsdTypes
		}
		all = append(all, c)
	}
	for _, c := range long {
		if !slices.ContainsFunc(all, func(own completion.Flag) bool { return own.Name == c.Name }) {
			c.Short = 0
			all = append(all, c)
		}
	}
	return all
}
