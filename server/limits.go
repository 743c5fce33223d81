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
	then string // what happens at the limit
}

// limitStage says how near a limit is.
type limitStage int

const (
	limitFar limitStage = iota
	limitNear
	limitReached
)

func (l *limit) stage() limitStage {
	switch {
	case l.used >= l.most:
		return limitReached
	case float64(l.used) >= nearLimit*float64(l.most):
		return limitNear
	}
	return limitFar
}

// warnOfLimits logs which limits are nearly reached or reached, once each. The
// health tells of --max-names, which most are after.
func (s *Server) warnOfLimits(sn *aggregate.Snapshot) {
	set, members := sn.Largest(metric.Set)
	timer, samples := sn.Largest(metric.Timer)
	for _, l := range append(s.recordings.limits(), []limit{
		{"--max-set-members", members, s.cfg.MaxSetMembers, set, "new members are refused"},
		{"--max-timer-samples", samples, s.cfg.MaxTimerSamples, timer, "percentiles are estimates"},
		{"--max-tcp-connections", int(s.streams.peak.Load()), s.streams.limits.Load().most, "", "the connection that was idle longest is cut for a new one"},
	}...) {
		stage := l.stage()
		if stage <= s.warned[l.flag] {
			continue
		}
		s.warned[l.flag] = stage
		e := s.log.Warn().Int("used", l.used).Int("limit", l.most)
		if l.what != "" {
			e = e.Str("name", l.what)
		}
		if stage == limitReached {
			e.Msgf("%s is reached: %s", l.flag, l.then)
			continue
		}
		e.Msgf("%s is nearly reached: at the limit, %s", l.flag, l.then)
	}
}
