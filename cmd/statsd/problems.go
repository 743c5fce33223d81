package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/spool"
)

// problems lists all faults of the settings, one line each.
type problems []error

func (p problems) Error() string {
	var lines []string
	for _, err := range p {
		lines = append(lines, err.Error())
	}
	return strings.Join(lines, "; ")
}

func (p problems) Unwrap() []error { return p }

// err returns p as an error, or nil if it is empty.
func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

// checkNeeds refuses settings that have no effect.
func (all settings) checkNeeds() (found problems) {
	for _, s := range all {
		if s.needs == "" || !s.given() || s.off() || s.text() == s.def {
			continue
		}
		works := func(name string) bool { return name != "" && all.get(name).given() && !all.get(name).off() }
		if !works(s.needs) && !works(s.orNeeds) {
			needed := "--" + s.needs
			if s.orNeeds != "" {
				needed += " or --" + s.orNeeds
			}
			found = append(found, s.locate("", fmt.Errorf("--%s: needs %s too", s.name, needed)))
		}
	}
	return found
}

// checkMeaning returns the faults in the meaning of the settings: values out of range, and
// contradictions. After each fault it continues with the default for the wrong value, to find the
// next one.
func (all settings) checkMeaning() (found problems) {
	for {
		err := all.tryConfig()
		if err == nil {
			break
		}
		found = append(found, all.locate(err))
		fault, ok := errors.AsType[*metric.FlagError](err)
		if !ok || !all.forgive(fault) {
			break
		}
	}
	if len(found) > 0 {
		return found
	}
	return append(all.checkPorts(), all.checkPaths()...)
}

// tryConfig makes the configuration and discards it.
func (all settings) tryConfig() error {
	sinks, err := all.endpoints(nil)
	if err != nil {
		return err
	}
	cfg, err := all.config(zerolog.Nop(), sinks)
	if err != nil || cfg.SpoolDir == "" {
		return err
	}
	return spool.Config{Dir: cfg.SpoolDir, MaxBytes: cfg.SpoolMaxBytes, FsyncEvery: cfg.SpoolFsync}.Validate()
}

// forgive drops the value that an error is about. It returns false if there is no value to drop.
func (all settings) forgive(fault *metric.FlagError) bool {
	s := all.get(strings.TrimPrefix(fault.Flag, "--"))
	if s == nil || !s.given() || len(s.values) == 0 {
		return false
	}
	i := s.find(fault.Value)
	s.values = slices.Delete(s.values, i, i+1)
	for _, s := range all {
		if !s.given() {
			s.values = nil // its value may derive from the dropped one
		}
	}
	return all.setDefaults() == nil
}

// locate prefixes an error about a flag's value with the place where the flag was set.
func (all settings) locate(err error) error {
	if _, located := errors.AsType[problems](err); located {
		return err
	}
	fault, ok := errors.AsType[*metric.FlagError](err)
	if !ok {
		return err
	}
	s := all.get(strings.TrimPrefix(fault.Flag, "--"))
	if s == nil {
		return err
	}
	return s.locate(fault.Value, err)
}

// locate prefixes an error about the setting with the place where it got its value.
func (s *setting) locate(text string, err error) error {
	if len(s.values) == 0 {
		return err
	}
	return s.values[s.find(text)].locate(err)
}

// find returns the index of a value: the last one that contains text.
func (s *setting) find(text string) (found int) {
	for i, v := range s.values {
		if v.means(text) {
			found = i
		}
	}
	return found
}

// means reports whether text, which an error shows as a value, is v or a part of v.
func (v value) means(text string) bool {
	if v.text == text || strings.HasPrefix(v.text, text+":") {
		return true
	}
	want, err := parseNumber(text)
	return slices.ContainsFunc(strings.Split(v.text, ","), func(word string) bool {
		n, notNumber := parseNumber(word)
		return word == text || err == nil && notNumber == nil && n == want
	})
}
