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
	then string // what happens beyond it
}

// limits lists what is bounded.
func (s *Server) limits(f *flushed) []limit {
	set, members := f.snapshot.Largest(metric.Set)
	timer, samples := f.snapshot.Largest(metric.Timer)
	in := s.in.State()
	all := []limit{
		{"--max-names", s.in.Table().Names(), s.cfg.MaxNames, "", "samples of new names are refused"},
		{"--max-set-members", members, s.cfg.MaxSetMembers, set, "new members are refused"},
		{"--max-timer-samples", samples, s.cfg.MaxTimerSamples, timer, "percentiles are estimates"},
		{"--max-tcp-connections", in.PeakConnections, in.MaxConnections, "", "the connection that is silent longest makes room"},
	}
	for _, st := range f.sinks {
		if st.Recorder != nil && !st.Removed {
			all = append(all, limit{"max-bytes of the sink " + st.Name, st.Recorder.Bytes, st.Recorder.MaxBytes, "", "its oldest minutes are forgotten"})
		}
	}
	return all
}

// warnOfLimits logs, once for each, the limits that are nearly reached.
func (s *Server) warnOfLimits(f *flushed) {
	for _, l := range s.limits(f) {
		if float64(l.used) < nearLimit*float64(l.max) || s.warned[l.flag] {
			continue
		}
		s.warned[l.flag] = true
		e := s.log.Warn().Int("used", l.used).Int("limit", l.max)
		if l.name != "" {
			e = e.Str("name", l.name)
		}
		e.Msgf("%s is nearly reached: beyond it %s", l.flag, l.then)
	}
}
