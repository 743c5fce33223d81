package server

import (
	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/intake"
	"github.com/statsd-ops/statsd/metric"
)

// nearLimit is the fraction of a limit at which the first warning is logged.
const nearLimit = 0.9

// limit is a limited resource, with its limit and its current use.
type limit struct {
	flag string
	used int
	max  int
	name string // the name that uses most of the resource, or ""
	then string // what happens when the limit is reached
}

// limits returns the limited resources with their current use, for warnings.
func limits(cfg *Config, in intake.State, f *flushed) []limit {
	set, members := f.snapshot.Largest(metric.Set)
	timer, samples := f.snapshot.Largest(metric.Timer)
	connections := "--max-tcp-connections"
	if in.MaxConnections < cfg.MaxTCPConnections {
		connections = "the number of tcp connections that the limit on open files (ulimit -n) allows"
	}
	all := []limit{
		{"--max-set-members", members, cfg.MaxSetMembers, set, "new members are refused"},
		{"--max-timer-samples", samples, cfg.MaxTimerSamples, timer, "percentiles are estimates"},
		{connections, in.PeakConnections, in.MaxConnections, "", "a new connection replaces the connection that was idle longest"},
	}
	for _, st := range f.sinks {
		if st.Recorder != nil && st.Recorder.MaxBytes > 0 && !st.Removed {
			all = append(all, limit{"max-bytes of the sink " + st.Name, st.Recorder.Bytes, st.Recorder.MaxBytes, "", "the sink deletes the data of its oldest minutes"})
		}
	}
	return all
}

// limitStage says how close the use is to the limit.
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

// limitWarnings contains the stage of the last warning about each limit, by flag.
type limitWarnings map[string]limitStage

// warn logs a warning when a limit is nearly reached, and another warning when it is reached. It
// logs each of the two only once for a limit. The function limits omits --max-names, because the
// daemon's health reports that limit.
func (w limitWarnings) warn(log zerolog.Logger, limits []limit) {
	for _, l := range limits {
		stage := l.stage()
		if stage <= w[l.flag] {
			continue
		}
		w[l.flag] = stage
		e := log.Warn().Int("used", l.used).Int("limit", l.max)
		if l.name != "" {
			e = e.Str("name", l.name)
		}
		if stage == limitReached {
			e.Msgf("%s is reached: %s", l.flag, l.then)
			continue
		}
		e.Msgf("%s is nearly reached; when it is reached, %s", l.flag, l.then)
	}
}
