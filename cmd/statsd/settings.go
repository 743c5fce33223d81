package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Origins of values. Other origins are an environment variable, "file:line", and the words on
// gstatsd's command line.
const (
	fromCommandLine = "command line"
	fromDefault     = "default"
)

// value is a value of a setting, and its origin.
type value struct {
	text   string
	origin string
}

// locate prefixes an error about the value with its origin, unless it came from the command line.
func (v value) locate(err error) error {
	if v.origin == fromCommandLine || v.origin == fromDefault {
		return err
	}
	return fmt.Errorf("%s: %w", v.origin, err)
}

// setting is a flag and its values.
type setting struct {
	flag
	values []value // more than one only if many are allowed
	wrong  bool    // a wrong value was dropped
}

// variable returns the name of the setting's environment variable.
func (s *setting) variable() string {
	return "STATSD_DAEMON_" + strings.ToUpper(strings.ReplaceAll(s.name, "-", "_"))
}

// text returns the setting's value, or "".
func (s *setting) text() string {
	if len(s.values) == 0 {
		return ""
	}
	return s.values[0].text
}

// effective returns the setting's values. An unset switch is false.
func (s *setting) effective() []value {
	if len(s.values) == 0 && s.kind == isSwitch {
		return []value{{"false", fromDefault}}
	}
	return s.values
}

// given reports whether a value other than the default was set.
func (s *setting) given() bool {
	return s.wrong || len(s.values) > 0 && s.values[0].origin != fromDefault
}

// off reports whether the setting is a switch that is not on.
func (s *setting) off() bool {
	on, _ := parseSwitch(s.text())
	return s.kind == isSwitch && !on
}

// check returns the faults of the values and drops these values.
func (s *setting) check() (found problems) {
	s.values = slices.DeleteFunc(s.values, func(v value) bool {
		err := s.checkValue(v)
		if err != nil {
			found, s.wrong = append(found, err), true
		}
		return err != nil
	})
	return found
}

func (s *setting) checkValue(v value) error {
	err := s.checkText(v.text)
	switch {
	case err == nil:
		return nil
	case s.kind == isSink, s.kind == isListener:
		return v.locate(fmt.Errorf("--%s %s: %w", s.name, printable(v.text), err))
	}
	return v.locate(fmt.Errorf("--%s: %w", s.name, err))
}

// printable returns a text for a message, quoted if it must be.
func printable(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return strconv.Quote(text)
	}
	return text
}

// checkText returns an error about a value of the wrong form.
func (s *setting) checkText(text string) error {
	for _, r := range text {
		if unicode.IsControl(r) {
			return fmt.Errorf("no value has control characters, and this one has %q", r)
		}
	}
	if err := s.kind.check(text); err != nil {
		return err
	}
	if len(s.choices) > 0 && !slices.Contains(s.choices, text) {
		return fmt.Errorf("must be %s, not %q", oneOf(s.choices), text)
	}
	return nil
}

// settings are all settings, in the order of the help.
type settings []*setting

func newSettings(flags []flag) settings {
	var all settings
	for _, f := range flags {
		all = append(all, &setting{flag: f})
	}
	return all
}

// get returns the setting with a name or alias, or nil.
func (all settings) get(name string) *setting {
	for _, s := range all {
		if s.name == name || slices.Contains(s.aliases, name) {
			return s
		}
	}
	return nil
}

// text returns a setting's value, or "".
func (all settings) text(name string) string { return all.get(name).text() }

// given reports whether a value other than the default was set.
func (all settings) given(name string) bool { return all.get(name).given() }

// resolve sets all settings: from the command line, or else the environment, or else the
// configuration file, or else to their defaults. It returns all faults.
func (all settings) resolve(line arguments, getenv func(string) string) error {
	if err := all.parse(line); err != nil {
		return err
	}
	for _, s := range all {
		if len(s.values) == 0 {
			s.readEnvironment(getenv)
		}
	}
	var found problems
	if path := all.text("config"); path != "" {
		found = append(found, all.readConfig(path)...)
	}
	for _, s := range all {
		found = append(found, s.check()...)
	}
	found = append(found, all.checkNeeds()...)
	if err := all.setDefaults(); err != nil {
		found = append(found, err)
	}
	return append(found, all.checkMeaning()...).err()
}

// setDefaults sets the settings that are not set yet.
func (all settings) setDefaults() error {
	all.followDialect()
	all.followNaming()
	for _, s := range all {
		if s.def != "" {
			all.setDefault(s.name, s.def)
		}
	}
	return all.derive()
}

// readEnvironment sets the setting from its variable, unless that is empty. A repeatable setting
// has its values separated by spaces.
func (s *setting) readEnvironment(getenv func(string) string) {
	text := getenv(s.variable())
	if text == "" || isServiceLink(s.variable(), text) {
		return
	}
	texts := []string{text}
	if s.many {
		texts = strings.Fields(text)
	}
	for _, text := range texts {
		s.values = append(s.values, value{text, s.variable()})
	}
}

// setDefault sets a setting that has no value yet.
func (all settings) setDefault(name, text string) {
	if s := all.get(name); len(s.values) == 0 {
		s.values = []value{{text, fromDefault}}
	}
}
