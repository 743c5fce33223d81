package server

import (
	"github.com/statsd-ops/statsd/metric"
)

// nearLimit is the part of a limit that is warned of.
const nearLimit = 0.9

// limit is something that is bounded, and how much of it is in use.
type limit struct {
	flag string
	used int
	max  int
	name string // the name that uses most, where there is one
	then string // what happens at the limit
}

// limits lists what is bounded.
func (s *Server) limits(f *flushed) []limit {
	set, members := f.snapshot.Largest(metric.Set)
	timer, samples := f.snapshot.Largest(metric.Timer)
	in := s.in.State()
	connections := "--max-tcp-connections"
	if in.MaxConnections < s.cfg.MaxTCPConnections {
		connections = "the number of tcp connections that the limit on open files (ulimit -n) allows"
	}
	all := []limit{
		{"--max-set-members", members, s.cfg.MaxSetMembers, set, "new members are refused"},
		{"--max-timer-samples", samples, s.cfg.MaxTimerSamples, timer, "percentiles are estimates"},
		{connections, in.PeakConnections, in.MaxConnections, "", "the connection that was idle longest is cut for a new one"},
	}
	for _, st := range f.sinks {
		if st.Recorder != nil && !st.Removed {
			all = append(all, limit{"max-bytes of the sink " + st.Name, st.Recorder.Bytes, st.Recorder.MaxBytes, "", "its oldest minutes are forgotten"})
		}
	}
	return all
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
	case l.used >= l.max:
		return limitReached
	case float64(l.used) >= nearLimit*float64(l.max):
		return limitNear
	}
	return limitFar
}

// warnOfLimits logs which limits are nearly reached or reached, once each. The
// health tells of --max-names.
func (s *Server) warnOfLimits(f *flushed) {
	for _, l := range s.limits(f) {
		stage := l.stage()
		if stage <= s.warned[l.flag] {
			continue
		}
		s.warned[l.flag] = stage
		e := s.log.Warn().Int("used", l.used).Int("limit", l.max)
		if l.name != "" {
			e = e.Str("name", l.name)
		}
		if stage == limitReached {
			e.Msgf("%s is reached: %s", l.flag, l.then)
			continue
		}
		e.Msgf("%s is nearly reached: at the limit, %s", l.flag, l.then)
	}
}
