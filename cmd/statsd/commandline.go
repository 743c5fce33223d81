package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"github.com/statsd-ops/statsd/internal/cli"
	"github.com/statsd-ops/statsd/internal/completion"
)

// errHelp requests the short help.
var errHelp = errors.New("help")

// errFullHelp requests the help with all flags.
var errFullHelp = errors.New("help-all")

// completionError requests the completion script for a shell.
type completionError string

func (completionError) Error() string { return "completion script" }

// usageError is an error in the syntax of the command line.
type usageError string

func (e usageError) Error() string { return string(e) }

// arguments is a command line of statsd. It may be the translation of a gstatsd command line.
type arguments struct {
	args []string
	// typed maps a translated argument to the text that the user typed, if the two differ.
	typed map[string]string
}

// argument collects the values of a flag on the command line. It is a kingpin.Value that accepts any text. The
// values are checked later, together with the values from other sources.
type argument struct {
	*setting
	line arguments
}

func (a argument) Set(text string) error {
	if !a.many {
		a.values = nil
	}
	typed := a.line.typed["--"+a.name+"="+text]
	a.values = append(a.values, value{text, cmp.Or(typed, fromCommandLine)})
	return nil
}

func (a argument) String() string     { return a.text() }
func (a argument) IsBoolFlag() bool   { return a.kind == isSwitch }
func (a argument) IsCumulative() bool { return a.many }

func (all settings) parse(line arguments) error {
	app := kingpin.New("statsd", "")
	help := false
	app.UsageWriter(io.Discard).ErrorWriter(io.Discard).Terminate(func(int) {})
	app.HelpFlag.Short('h').PreAction(func(*kingpin.ParseContext) error {
		help = true
		return nil
	})
	for _, s := range all {
		if s.name == "help" {
			continue // kingpin itself defines this flag
		}
		for _, name := range append([]string{s.name}, s.aliases...) {
			clause := app.Flag(name, "")
			if s.short != 0 && name == s.name {
				clause = clause.Short(s.short)
			}
			clause.SetValue(argument{s, line})
		}
	}
	if shell := completion.Shell(line.args); shell != "" {
		return completionError(shell)
	}
	if flag := kingpinFlag(line.args); flag != "" {
		return all.usage("unknown long flag '" + flag + "'")
	}
	_, err := app.Parse(joinDash(line.args))
	switch {
	case help:
		return errHelp
	case err == nil && all.on("help-all"):
		return errFullHelp
	case err == nil:
		return nil
	}
	return all.usage(err.Error())
}

// kingpinFlag returns the first argument that is a flag of kingpin's own. statsd does not have these flags. Without this
// check, kingpin would print a text of its own, and the daemon would start.
func kingpinFlag(args []string) string {
	for _, arg := range args {
		flag, _, _ := strings.Cut(arg, "=")
		switch strings.TrimPrefix(strings.TrimPrefix(flag, "--"), "no-") {
		case "help-long", "help-man", "completion-bash":
			return flag
		}
	}
	return ""
}

// joinDash joins a flag and a value that is only a dash, as in --names-from -, because kingpin would ignore this
// value.
func joinDash(args []string) (joined []string) {
	for _, arg := range args {
		last := len(joined) - 1
		if arg == "-" && last >= 0 && strings.HasPrefix(joined[last], "--") && !strings.Contains(joined[last], "=") {
			joined[last] += "=-"
		} else {
			joined = append(joined, arg)
		}
	}
	return joined
}

// usage rewrites an error text of kingpin in the style of this program's errors.
func (all settings) usage(text string) error {
	if flag, ok := strings.CutPrefix(text, "expected argument for flag '"); ok {
		flag = strings.TrimSuffix(flag, "'")
		long := flag
		for _, s := range all {
			if flag == "-"+string(s.short) {
				long = "--" + s.name
			}
		}
		return usageError(fmt.Sprintf("%s needs a value (if the value starts with a minus sign, write = before it, as in %s=-1)", flag, long))
	}
	if word, ok := strings.CutPrefix(text, "unexpected "); ok {
		return usageError(fmt.Sprintf("the command accepts only flags, not %q", word))
	}
	var names []string
	for _, s := range all {
		names = append(names, s.name)
	}
	return usageError(cli.Suggest(text, names))
}
