package server

import (
	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
)

// nearLimit is the part of a limit that is warned of.
const nearLimit = 0.9

// limit is something that is bounded, and how much of it is in use.
type limit struct {
	flag string
	used int
	most int
	what string // the name that uses most, where there is one
	then string // what happens beyond it
}

// warnOfLimits logs, once for each, the limits that are nearly reached.
func (s *Server) warnOfLimits(sn *aggregate.Snapshot) {
	set, members := sn.Largest(metric.Set)
	timer, samples := sn.Largest(metric.Timer)
	for _, l := range append(s.recordings.limits(), []limit{
		{"--max-names", s.table.Names(), s.cfg.MaxNames, "", "samples of new names are refused"},
		{"--max-set-members", members, s.cfg.MaxSetMembers, set, "new members are refused"},
		{"--max-timer-samples", samples, s.cfg.MaxTimerSamples, timer, "percentiles are estimates"},
		{"--max-tcp-connections", int(s.streams.peak.Load()), s.streams.limits.Load().most, "", "the connection that is silent longest makes room"},
	}...) {
		if float64(l.used) < nearLimit*float64(l.most) || s.warned[l.flag] {
			continue
		}
		s.warned[l.flag] = true
		e := s.log.Warn().Int("used", l.used).Int("limit", l.most)
		if l.what != "" {
			e = e.Str("name", l.what)
		}
		e.Msgf("%s is nearly reached: beyond it %s", l.flag, l.then)
	}
}
