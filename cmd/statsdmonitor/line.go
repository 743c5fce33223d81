package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/internal/cli"
	"github.com/statsd-ops/statsd/internal/plural"
)

// line is a parsed command line.
type line struct {
	command *command // nil for the old form HOST PORT
	named   bool     // the command line contains the name of the command
	words   []string // arguments of the command; in the old form, host and port
	given   map[string]string
}

func parse(args []string) (*line, error) {
	l := &line{given: map[string]string{}}
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			l.words, args = append(l.words, args...), nil
		case len(arg) > 1 && arg[0] == '-':
			var err error
			if args, err = l.flag(arg, args); err != nil {
				return nil, err
			}
		default:
			l.words = append(l.words, arg)
		}
	}
	return l, l.resolve()
}

// flag parses one flag. args are the arguments after it, and the first of them may be the flag's value. It
// returns the remaining arguments.
func (l *line) flag(arg string, args []string) ([]string, error) {
	f, value, has := known(arg)
	switch {
	case f == nil && strings.HasPrefix(arg, "--"):
		name, _, _ := strings.Cut(arg, "=")
		return nil, errors.New(cli.Suggest("unknown long flag '"+name+"'", flagNames()))
	case f == nil:
		return nil, fmt.Errorf("unknown short flag '%s': if it is an argument, write '--' before it", arg)
	case f.kind == isSwitch && has:
		return nil, fmt.Errorf("%s takes no value", f.spelling())
	case f.kind != isSwitch && !has && !f.optional:
		if len(args) == 0 {
			return nil, fmt.Errorf("%s needs a value: %s", f.spelling(), f.holder)
		}
		value, args = args[0], args[1:]
	}
	l.given[f.name] = value
	return args, nil
}

// known returns the flag that an argument names. It also returns the value if the argument contains one: --n=5,
// -n5, -n=5.
func known(arg string) (f *flag, value string, has bool) {
	if long, ok := strings.CutPrefix(arg, "--"); ok {
		long, value, has = strings.Cut(long, "=")
		if len(long) > 1 {
			f = findFlag(long)
		}
		return f, value, has
	}
	for i := range flags {
		if flags[i].short == rune(arg[1]) {
			value, has = arg[2:], len(arg) > 2
			return &flags[i], strings.TrimPrefix(value, "="), has
		}
	}
	return nil, "", false
}

func flagNames() (names []string) {
	for _, f := range flags {
		if len(f.name) > 1 {
			names = append(names, f.name)
		}
	}
	return names
}

// resolve determines the command, and checks its flags and arguments. A line without a command uses
// the old form if it has a host or a flag of the old form. If it has neither, the command is
// status.
func (l *line) resolve() error {
	if len(l.words) > 0 && l.words[0] == "help" {
		l.words, l.given["help"] = l.words[1:], ""
	}
	switch {
	case len(l.words) > 0 && find(l.words[0]) != nil:
		l.command, l.words, l.named = find(l.words[0]), l.words[1:], true
	case len(l.words) == 0 && !l.oldFlag():
		l.command = find("status")
	case l.on("help") || l.on("version"):
		return nil
	default:
		return l.old()
	}
	if l.on("help") || l.on("version") {
		return nil
	}
	return l.checkCommand()
}

// oldFlag reports whether the line has a flag of the old form.
func (l *line) oldFlag() bool {
	return slices.ContainsFunc(oldReports, func(r oldReport) bool { return l.on(r.flag) })
}

// old checks a line in the old form: HOST PORT with its flags.
func (l *line) old() error {
	for _, name := range slices.Sorted(maps.Keys(l.given)) {
		if !findFlag(name).old {
			word := slices.Concat(l.words, []string{"--" + name})[0]
			return fmt.Errorf("there is no command %s%s", strconv.QuoteToASCII(word), didYouMean(word, commandNames()))
		}
	}
	if text, ok := l.given["timeout"]; ok {
		if err := findFlag("timeout").check(text, bounds{0, day}); err != nil {
			return err
		}
	}
	reports := 0
	for _, r := range oldReports {
		if l.on(r.flag) {
			reports++
		}
	}
	switch {
	case reports > 1:
		return errors.New("only one of --values, --discards, --ledger and --alerts can be given")
	case len(l.words) > 2:
		return fmt.Errorf("unexpected %s", l.words[2])
	}
	return nil
}

// didYouMean suggests the name that is most similar to a word.
func didYouMean(word string, names []string) string {
	if near := cli.Nearest(word, names); near != "" {
		return " (did you mean " + near + "?)"
	}
	return ""
}

func (l *line) checkCommand() error {
	takes := l.command.takes()
	for _, name := range slices.Sorted(maps.Keys(l.given)) {
		f, text := findFlag(name), l.given[name]
		i := slices.IndexFunc(takes, func(u use) bool { return u.name == name })
		if i < 0 {
			return fmt.Errorf("%s has no flag %s%s", l.command.name, f.spelling(), l.takesInstead())
		}
		if f.optional && text == "" {
			continue
		}
		if err := f.check(text, takes[i].bounds(f)); err != nil {
			return err
		}
	}
	switch n := len(l.words); {
	case n < l.command.least:
		return fmt.Errorf("%s needs an argument: statsdmonitor %s %s", l.command.name, l.command.name, l.command.args)
	case n > l.command.most && l.command.most == 0:
		return fmt.Errorf("%s takes no argument: unexpected %s", l.command.name, strconv.QuoteToASCII(l.words[0]))
	case n > l.command.most:
		return fmt.Errorf("%s takes at most %s: unexpected %s", l.command.name, plural.Things(uint64(l.command.most), "argument", "arguments"), strconv.QuoteToASCII(l.words[l.command.most]))
	}
	return nil
}

// takesInstead returns the end of an error about a flag that the command does not have. It lists only the command's own
// flags, and omits the flags that all commands have.
func (l *line) takesInstead() string {
	if len(l.command.flags) == 0 {
		return ""
	}
	var all []string
	for _, u := range l.command.flags {
		all = append(all, findFlag(u.name).spelling())
	}
	return "; it has " + strings.Join(all, ", ")
}

func (l *line) on(name string) bool { _, ok := l.given[name]; return ok }

// text returns the value of a flag, or its default.
func (l *line) text(name string) string {
	if text, ok := l.given[name]; ok {
		return text
	}
	if l.command != nil {
		for _, u := range l.command.takes() {
			if u.name == name {
				return u.fallback
			}
		}
	}
	return ""
}

// The functions whole and duration ignore errors, because the values of all flags were already checked.

func (l *line) whole(name string) int { n, _ := strconv.Atoi(l.text(name)); return n }

func (l *line) duration(name string) time.Duration { d, _ := duration(l.text(name)); return d }

// word returns an argument, or "".
func (l *line) word(i int) string {
	if i < len(l.words) {
		return l.words[i]
	}
	return ""
}
