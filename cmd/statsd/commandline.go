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

// errHelp is returned to print the help.
var errHelp = errors.New("help")

// errFullHelp is returned to print the help with all flags.
var errFullHelp = errors.New("help-all")

// completionError is returned to print the completion script of a shell.
type completionError string

func (completionError) Error() string { return "completion script" }

// usageError is an error of the command line itself.
type usageError string

func (e usageError) Error() string { return string(e) }

// arguments is a command line of statsd, possibly translated from gstatsd's.
type arguments struct {
	args []string
	// typed holds the user's text for an argument, if it differs.
	typed map[string]string
}

// argument receives the values of a flag from the command line. As a kingpin.Value it accepts any
// text. Values are checked once all their sources are known.
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

// parse reads the command line.
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
			continue // kingpin defines it
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

// joinDash joins a value that is only a dash to its flag, as in --names-from -, because kingpin would drop it.
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

// usage rewords an error of kingpin to the style of the other errors.
func (all settings) usage(text string) error {
	if flag, ok := strings.CutPrefix(text, "expected argument for flag '"); ok {
		flag = strings.TrimSuffix(flag, "'")
		long := flag
		for _, s := range all {
			if flag == "-"+string(s.short) {
				long = "--" + s.name
			}
		}
		return usageError(fmt.Sprintf("%s needs a value (write a value that starts with a minus sign with =, as in %s=-1)", flag, long))
	}
	if word, ok := strings.CutPrefix(text, "unexpected "); ok {
		return usageError(fmt.Sprintf("it takes flags only, not %q", word))
	}
	var names []string
	for _, s := range all {
		names = append(names, s.name)
	}
	return usageError(cli.Suggest(text, names))
}
