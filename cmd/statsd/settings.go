package main

import (
	"fmt"
	"slices"
	"strings"
)

// Where a value comes from, besides an environment variable, "file:line", and what was typed
// on another command line than statsd's.
const (
	fromCommandLine = "command line"
	fromDefault     = "default"
)

// value is what a setting was set to, and where.
type value struct {
	text   string
	origin string
}

// locate puts where the value stands in front of an error about it, unless it
// is one that the user has before his eyes.
func (v value) locate(err error) error {
	if v.origin == fromCommandLine || v.origin == fromDefault {
		return err
	}
	return fmt.Errorf("%s: %w", v.origin, err)
}

// setting is a flag, and what it was set to.
type setting struct {
	flag
	values []value // more than one only where many are allowed
}

// variable is the name of the setting's environment variable.
func (s *setting) variable() string {
	return "STATSD_DAEMON_" + strings.ToUpper(strings.ReplaceAll(s.name, "-", "_"))
}

// text returns the setting's value, "" when it has none.
func (s *setting) text() string {
	if len(s.values) == 0 {
		return ""
	}
	return s.values[0].text
}

// effective returns the setting's values, and false for a switch that nobody set.
func (s *setting) effective() []value {
	if len(s.values) == 0 && s.kind == isSwitch {
		return []value{{"false", fromDefault}}
	}
	return s.values
}

// given reports whether somebody set it.
func (s *setting) given() bool { return len(s.values) > 0 && s.values[0].origin != fromDefault }

// off reports whether the setting is a switch that is not on.
func (s *setting) off() bool {
	on, _ := parseSwitch(s.text())
	return s.kind == isSwitch && !on
}

// check says what is wrong with a value, and where it stands.
func (s *setting) check(v value) error {
	err := s.kind.check(v.text)
	if err == nil && len(s.choices) > 0 && !slices.Contains(s.choices, v.text) {
		err = fmt.Errorf("want %s, not %q", oneOf(s.choices), v.text)
	}
	if err != nil {
		return v.locate(fmt.Errorf("--%s: %w", s.name, err))
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
func (all settings) text(name string) string { return all.get(name).text() }

// given reports whether somebody set it.
func (all settings) given(name string) bool { return all.get(name).given() }

// resolve sets all settings: from the command line, or else the environment,
// or else the configuration file, or else to their defaults.
func (all settings) resolve(line arguments, getenv func(string) string) error {
	if err := all.parse(line); err != nil {
		return err
	}
	for _, s := range all {
		if len(s.values) == 0 {
			s.readEnvironment(getenv)
		}
	}
	if path := all.text("config"); path != "" {
		if err := all.readConfig(path); err != nil {
			return err
		}
	}
	all.followDialect()
	all.followNaming()
	for _, s := range all {
		if s.def != "" {
			all.setDefault(s.name, s.def)
		}
		for _, v := range s.values {
			if err := s.check(v); err != nil {
				return err
			}
		}
	}
	if err := all.checkNeeds(); err != nil {
		return err
	}
	return all.derive()
}

// readEnvironment sets the setting from its variable, unless that is empty. One
// that may be given more than once has its values between spaces.
func (s *setting) readEnvironment(getenv func(string) string) {
	text := getenv(s.variable())
	if text == "" {
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

// setDefault sets a setting that was not set otherwise.
func (all settings) setDefault(name, text string) {
	if s := all.get(name); len(s.values) == 0 {
		s.values = []value{{text, fromDefault}}
	}
}

// checkNeeds refuses what was asked for but would do nothing.
func (all settings) checkNeeds() error {
	for _, s := range all {
		if s.needs == "" || !s.given() || s.off() || s.text() == s.def {
			continue
		}
		if needed := all.get(s.needs); !needed.given() || needed.off() {
			return fmt.Errorf("--%s: needs --%s too", s.name, s.needs)
		}
	}
	return nil
}

// locate puts where a flag was set in front of an error that begins with the
// flag, as those about a configuration do.
func (all settings) locate(err error) error {
	text := err.Error()
	word, _, _ := strings.Cut(text, " ")
	name, isFlag := strings.CutPrefix(strings.TrimSuffix(word, ":"), "--")
	if !isFlag {
		return err
	}
	s := all.get(name)
	if s == nil || len(s.values) == 0 {
		return err
	}
	at := s.values[0]
	for _, v := range s.values {
		if strings.Contains(text, " "+v.text) {
			at = v // the last one that the error quotes
		}
	}
	return at.locate(err)
}
