package server

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Reload replaces the settings in Live while Run is running. It replaces all of them at once,
// between two flushes, so the next flush is the first that uses them. A sink that remains keeps its
// queue, even if its configuration changed. A removed sink delivers its queue within the grace
// period.
//
// Reload returns the flags of changed settings that need a restart. Those settings keep their old
// values. If Reload returns an error, nothing has changed.
func (s *Server) Reload(cfg Config) (restart []string, err error) { return s.reload(cfg, false) }

// TryReload returns what Reload would return, but changes nothing.
func (s *Server) TryReload(cfg Config) (restart []string, err error) { return s.reload(cfg, true) }

func (s *Server) reload(cfg Config, dry bool) (restart []string, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s.reloading.Lock()
	defer s.reloading.Unlock()
	restart = slices.Compact(differing(reflect.ValueOf(s.cfg.Fixed), reflect.ValueOf(cfg.Fixed)))
	cfg.Fixed = s.cfg.Fixed
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("the new settings do not fit the old values of %s, and only a restart can change these values: %w", strings.Join(restart, ", "), err)
	}
	cfg.Sinks = s.withForward(cfg.Sinks)
	change, err := s.out.Plan(cfg.Publish)
	if err != nil {
		return nil, err
	}
	if dry {
		return append(restart, change.Restart()...), change.Undo()
	}
	apply := func() {
		s.adopt(cfg.Live)
		change.Apply()
		s.warnOfMinutes()
	}
	if err := s.loop.do(context.Background(), apply); err != nil {
		return nil, errors.Join(err, change.Undo())
	}
	return append(restart, change.Restart()...), nil
}

// adopt applies the settings of a reload. Only the flush loop calls it.
func (s *Server) adopt(live Live) {
	before := s.cfg.Rules
	s.cfg.Live = live
	if live.Rules != nil && !live.Rules.Same(before) {
		s.warnOfRules()
	}
	s.flushes.layout = s.cfg.layout()
	s.flushes.scheme = s.flushes.layout.Scheme()
	table := s.cfg.table()
	s.in.Table().SetLimits(table)
	s.member.SetLimits(table)
	s.in.Change(s.intakeLimits())
	s.alerts.Follow(live.service(), live.Audience)
	if had := s.guard.HasTokens(); had != (live.MonitorTokens != nil) {
		defer s.warnOfMonitor()
	}
	s.guard.Replace(live.MonitorTokens)
	clear(s.warned)
}

// differing returns the flags of all fields that differ between two structs of the same type.
func differing(is, wanted reflect.Value) (flags []string) {
	for i := range is.NumField() {
		field := is.Type().Field(i)
		flag := field.Tag.Get("flag")
		switch {
		case field.Anonymous:
			flags = append(flags, differing(is.Field(i), wanted.Field(i))...)
		case flag != "" && !reflect.DeepEqual(is.Field(i).Interface(), wanted.Field(i).Interface()):
			flags = append(flags, flag)
		}
	}
	return flags
}
