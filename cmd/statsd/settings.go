package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kingpin/v2"
)

// setting is a flag, and what it was set to. It is a kingpin.Value that takes
// any text: what a text means is looked at once it is known which of command
// line, environment, configuration file and default counts.
type setting struct {
	flag
	values []string
	origin string // "command line", an environment variable, "file:line" or "default"
}

func (s *setting) Set(text string) error {
	if !s.many {
		s.values = nil
	}
	s.values = append(s.values, text)
	return nil
}

func (s *setting) String() string     { return strings.Join(s.values, " ") }
func (s *setting) IsBoolFlag() bool   { return s.kind == isSwitch }
func (s *setting) IsCumulative() bool { return s.many }

// variable is the name of the setting's environment variable.
func (s *setting) variable() string {
	return "STATSD_DAEMON_" + strings.ToUpper(strings.ReplaceAll(s.name, "-", "_"))
}

// check says what is wrong with the setting's values, and where that stands.
func (s *setting) check() error {
	for _, text := range s.values {
		err := s.kind.check(text)
		switch {
		case err == nil:
		case s.origin == "command line":
			return fmt.Errorf("--%s: %w", s.name, err)
		default:
			return fmt.Errorf("%s: %s: %w", s.origin, s.name, err)
		}
	}
	return nil
}

// settings are all of them, in the order of the help.
type settings []*setting

func newSettings(flags []flag) settings {
	var all settings
	for _, f := range flags {
		all = append(all, &setting{flag: f})
	}
	return all
}

// get returns the setting of a name or an alias, nil when there is none.
func (all settings) get(name string) *setting {
	for _, s := range all {
		if s.name == name || slices.Contains(s.aliases, name) {
			return s
		}
	}
	return nil
}

// text returns a setting's value, "" when it has none.
func (all settings) text(name string) string { return all.get(name).String() }

// given reports whether somebody set it.
func (all settings) given(name string) bool { return all.get(name).origin != "default" }

var (
	// errHelp asks for the help.
	errHelp = errors.New("help")
	// errUsage is a command line that cannot be understood.
	errUsage = errors.New("usage")
)

// resolve sets all settings: from the command line, or else the environment,
// or else the configuration file, or else to their defaults.
func (all settings) resolve(args []string, getenv func(string) string) error {
	if err := all.parse(args); err != nil {
		return err
	}
	for _, s := range all {
		if len(s.values) > 0 {
			s.origin = "command line"
		} else if text := getenv(s.variable()); text != "" {
			s.values, s.origin = []string{text}, s.variable()
			if s.many {
				s.values = strings.Fields(text)
			}
		}
	}
	if path := all.text("config"); path != "" {
		if err := all.readConfig(path); err != nil {
			return err
		}
	}
	for _, s := range all {
		if s.origin == "" {
			s.origin = "default"
			if s.def != "" {
				s.values = []string{s.def}
			}
		}
		if err := s.check(); err != nil {
			return err
		}
	}
	return nil
}

// parse reads the command line.
func (all settings) parse(args []string) error {
	app := kingpin.New("statsd", "")
	help := false
	app.UsageWriter(io.Discard).ErrorWriter(io.Discard).Terminate(func(int) { help = true })
	app.HelpFlag.Short('h')
	for _, s := range all {
		for _, name := range append([]string{s.name}, s.aliases...) {
			clause := app.Flag(name, "")
			if s.short != 0 && name == s.name {
				clause = clause.Short(s.short)
			}
			clause.SetValue(s)
		}
	}
	_, err := app.Parse(args)
	switch {
	case help:
		return errHelp
	case err == nil:
		return nil
	}
	text := err.Error()
	if name, ok := strings.CutPrefix(text, "expected argument for flag '"); ok {
		name = strings.TrimSuffix(name, "'")
		text = fmt.Sprintf("%s needs a value; one that starts with a minus sign is written with =, as in %s=-1", name, name)
	} else if word, ok := strings.CutPrefix(text, "unexpected "); ok {
		text = "it takes flags only, not " + word
	}
	return fmt.Errorf("%w: %s (statsd --help lists the flags)", errUsage, text)
}

// readConfig reads a configuration file, and sets what is not set yet: a flag
// without its dashes and its value on each line, empty lines, and comments that
// start with #.
func (all settings) readConfig(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	defer file.Close()
	first := map[*setting]string{} // where each was first found
	lines := bufio.NewScanner(file)
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		at := fmt.Sprintf("%s:%d", path, number)
		s, text, err := all.parseLine(line)
		if err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		if err := s.kind.check(text); err != nil {
			return fmt.Errorf("%s: %s: %w", at, s.name, err)
		}
		if first[s] == "" {
			first[s] = at
		} else if !s.many {
			return fmt.Errorf("%s: %s is set in %s already", at, s.name, first[s])
		}
		if s.origin == "" {
			s.origin = at
		}
		if s.origin == first[s] {
			s.values = append(s.values, text)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("--config: read %s: %w", path, err)
	}
	return nil
}

func (all settings) parseLine(line string) (s *setting, text string, err error) {
	name, text := line, ""
	if i := strings.IndexAny(line, " \t"); i >= 0 {
		name, text = line[:i], strings.TrimSpace(line[i:])
	}
	s = all.get(name)
	switch {
	case s == nil || s.group == groupAbout:
		return nil, "", fmt.Errorf("there is no setting %q; a line is a flag without its dashes, and its value", name)
	case text == "" && s.kind == isSwitch:
		text = "true"
	case text == "":
		return nil, "", fmt.Errorf("%s has no value", name)
	}
	return s, text, nil
}

// print lists all settings, as a configuration file would have them, with
// where they come from.
func (all settings) print(w io.Writer) error {
	for _, s := range all {
		values := s.values
		switch {
		case s.group == groupAbout:
			continue
		case len(values) == 0 && s.kind == isSwitch:
			values = []string{"false"}
		case len(values) == 0:
			values = []string{"(not set)"}
		}
		for _, text := range values {
			if _, err := fmt.Fprintf(w, "%-18s %-16s # %s\n", s.name, text, s.origin); err != nil {
				return err
			}
		}
	}
	return nil
}
