package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Sources of values. Other sources are the name of an environment variable, "file:line", and the text on a
// gstatsd command line.
const (
	fromCommandLine = "command line"
	fromDefault     = "default"
)

// value is a value of a setting, with its source.
type value struct {
	text   string
	origin string
}

// locate adds the source of the value to an error, unless the source is the command line.
func (v value) locate(err error) error {
	if v.origin == fromCommandLine || v.origin == fromDefault {
		return err
	}
	return fmt.Errorf("%s: %w", v.origin, err)
}

// setting is a flag and its values.
type setting struct {
	flag
	values []value // several values only if the flag may be repeated
	wrong  bool    // an invalid value was removed
}

// variable returns the name of the setting's environment variable.
func (s *setting) variable() string {
	return "STATSD_DAEMON_" + strings.ToUpper(strings.ReplaceAll(s.name, "-", "_"))
}

// text returns the value of the setting, or "".
func (s *setting) text() string {
	if len(s.values) == 0 {
		return ""
	}
	return s.values[0].text
}

// effective returns the values of the setting. For a switch that is not set, it returns the value "false".
func (s *setting) effective() []value {
	if len(s.values) == 0 && s.kind == isSwitch {
		return []value{{"false", fromDefault}}
	}
	return s.values
}

// given reports whether the setting has a value that is not a default.
func (s *setting) given() bool {
	return s.wrong || len(s.values) > 0 && s.values[0].origin != fromDefault
}

// off reports whether the setting is a switch that is off.
func (s *setting) off() bool {
	on, _ := parseSwitch(s.text())
	return s.kind == isSwitch && !on
}

// check returns the errors in the values, and removes the invalid values.
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

// printable returns text for use in a message. It quotes the text if necessary.
func printable(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return strconv.Quote(text)
	}
	return text
}

// checkText returns an error if a value has the wrong syntax.
func (s *setting) checkText(text string) error {
	for _, r := range text {
		if unicode.IsControl(r) {
			return fmt.Errorf("a value must not contain control characters, and this one contains %q", r)
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

// settings contains all settings, in the order of the help.
type settings []*setting

func newSettings(flags []flag) settings {
	var all settings
	for _, f := range flags {
		all = append(all, &setting{flag: f})
	}
	return all
}

// get returns the setting with this name or alias, or nil.
func (all settings) get(name string) *setting {
	for _, s := range all {
		if s.name == name || slices.Contains(s.aliases, name) {
			return s
		}
	}
	return nil
}

// text returns the value of a setting, or "".
func (all settings) text(name string) string { return all.get(name).text() }

// given reports whether a setting has a value that is not a default.
func (all settings) given(name string) bool { return all.get(name).given() }

// resolve sets all settings. A value on the command line has priority, then a value in the environment, and then
// a value in the configuration file. The remaining settings get their defaults. It returns all errors.
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

// setDefaults sets the settings that have no value.
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

// readEnvironment sets the setting from its environment variable, unless the variable is empty. For a setting
// with several values, the values are separated by spaces.
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

// setDefault sets a setting if it has no value yet.
func (all settings) setDefault(name, text string) {
	if s := all.get(name); len(s.values) == 0 {
		s.values = []value{{text, fromDefault}}
	}
}
