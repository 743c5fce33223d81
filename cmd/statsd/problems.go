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

// problems is a list of all errors in the settings. Each error is one line.
type problems []error

func (p problems) Error() string {
	var lines []string
	for _, err := range p {
		lines = append(lines, err.Error())
	}
	return strings.Join(lines, "; ")
}

func (p problems) Unwrap() []error { return p }

// err returns p as an error, or nil if p is empty.
func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

// checkNeeds returns an error for each setting that has no effect because another flag is missing.
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

// checkMeaning returns the errors in settings whose syntax is correct: values out of range, and settings that
// contradict each other. After each error it replaces the invalid value by the default and continues, so that it finds
// all errors.
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

// tryConfig creates the configuration to find errors, and discards it.
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

// forgive removes the value that an error is about. It returns false if there is no such value.
func (all settings) forgive(fault *metric.FlagError) bool {
	s := all.get(strings.TrimPrefix(fault.Flag, "--"))
	if s == nil || !s.given() || len(s.values) == 0 {
		return false
	}
	i := s.find(fault.Value)
	s.values = slices.Delete(s.values, i, i+1)
	for _, s := range all {
		if !s.given() {
			s.values = nil // this default may depend on the removed value, so setDefaults sets it again
		}
	}
	return all.setDefaults() == nil
}

// locate adds the source of a flag's value to an error about this flag.
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

// locate adds the source of the setting's value to an error.
func (s *setting) locate(text string, err error) error {
	if len(s.values) == 0 {
		return err
	}
	return s.values[s.find(text)].locate(err)
}

// find returns the index of the last value that contains text.
func (s *setting) find(text string) (found int) {
	for i, v := range s.values {
		if v.means(text) {
			found = i
		}
	}
	return found
}

// means reports whether text, which is a value in an error message, is v or a part of v.
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
