package server

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink"
)

// recording is a Recorder that runs, or has run.
type recording struct {
	NamedRecorder
	before sink.State         // counts of predecessors of that name
	cancel context.CancelFunc // ends it
	ended  chan struct{}
}

// state tells how things stand, predecessors included.
func (r *recording) state() sink.State {
	st := r.Recorder.State()
	st.Made += r.before.Made
	st.Delivered += r.before.Delivered
	st.Dropped += r.before.Dropped
	return st
}

// recordings are all that run, and the last of each name that was removed, for its
// figures. The flush loop changes them while a reload waits.
type recordings struct {
	running, removed []*recording
	begun            []*recording // by the plan, not started yet
}

// planRecordings works out what a configuration makes of the recordings there are,
// and opens new ones. It returns the sinks that differ and need a restart, and
// leaves them in cfg as they are.
func (s *Server) planRecordings(cfg *Config) (p recordings, restart []string, err error) {
	p.removed = slices.Clone(s.recordings.removed)
	gone := slices.Clone(s.recordings.running)
	for i, n := range cfg.Recorders {
		called := func(r *recording) bool { return r.Name == n.Name }
		if at := slices.IndexFunc(gone, called); at >= 0 {
			r := gone[at]
			gone = slices.Delete(gone, at, at+1)
			if !reflect.DeepEqual(r.Config, n.Config) {
				restart = append(restart, "--sink of "+n.Name)
				cfg.Recorders = slices.Clone(cfg.Recorders)
				cfg.Recorders[i] = r.NamedRecorder
			}
			p.running = append(p.running, r)
			continue
		}
		r := &recording{NamedRecorder: n, ended: make(chan struct{})}
		if at := slices.IndexFunc(p.removed, called); at >= 0 {
			if err = r.succeed(p.removed[at]); err != nil {
				break
			}
			p.removed = slices.Delete(p.removed, at, at+1)
		}
		if err = n.Recorder.Open(); err != nil {
			err = fmt.Errorf("sink %s: %w", n.Name, err)
			break
		}
		p.running, p.begun = append(p.running, r), append(p.begun, r)
	}
	if err != nil {
		return p, nil, errors.Join(err, p.undo())
	}
	p.removed = append(p.removed, gone...)
	return p, restart, nil
}

// succeed takes over the counts of one that was removed, once it has ended.
func (r *recording) succeed(before *recording) error {
	select {
	case <-before.ended:
		r.before = before.state()
		return nil
	case <-time.After(closePatience):
		return fmt.Errorf("sink %s: was removed, and is still being closed: try again", r.Name)
	}
}

// undo closes what the plan has opened.
func (p *recordings) undo() (err error) {
	for _, r := range p.begun {
		err = errors.Join(err, r.Recorder.Close())
	}
	return err
}

// changeRecordings carries a plan out.
func (s *Server) changeRecordings(p recordings) {
	s.recordings = p
	s.startRecordings()
	for _, r := range s.recordings.removed {
		r.cancel()
	}
	if over := len(s.recordings.removed) - mostRetired; over > 0 {
		s.recordings.removed = s.recordings.removed[over:]
	}
}

// startRecordings starts those that are new.
func (s *Server) startRecordings() {
	for _, r := range s.recordings.begun {
		log := s.log.With().Str("sink", r.Name).Logger()
		log.Info().Str("address", r.Address).Msg("serving")
		ctx, cancel := context.WithCancel(s.running.background)
		r.cancel = cancel
		s.running.others.Go(func() {
			defer close(r.ended)
			defer cancel()
			if err := r.Recorder.Run(ctx); err != nil {
				log.Error().Err(err).Msg("the sink has ended: it needs a restart")
			}
		})
	}
	s.recordings.begun = nil
	s.warnOfMinutes()
}

// warnOfMinutes says what recorders, which count by minutes, make of an interval that
// does not divide one.
func (s *Server) warnOfMinutes() {
	if len(s.recordings.running) > 0 && time.Minute%s.cfg.FlushInterval != 0 {
		s.log.Warn().Stringer("flush_interval", s.cfg.FlushInterval).
			Msg("the flush interval does not divide a minute: an interval counts for the minute in which it ends")
	}
}

// record lets the recorders see an interval when it is summarised.
func (s *Server) record(iv *aggregate.Interval) {
	running := s.recordings.running
	switch len(running) {
	case 0:
	case 1:
		iv.Record = running[0].Recorder.Record
	default:
		iv.Record = func(c *metric.Collected) {
			for _, r := range running {
				r.Recorder.Record(c)
			}
		}
	}
}

// endInterval tells the recorders that they have seen it all.
func (s *Server) endInterval(at int64) {
	for _, r := range s.recordings.running {
		r.Recorder.EndInterval(sink.Interval{End: time.Unix(0, at), Percentiles: s.cfg.Layout.Percentiles})
	}
}

// limits are the memory limits of recorders.
func (rs *recordings) limits() (all []limit) {
	for _, r := range rs.running {
		st := r.state()
		all = append(all, limit{"max-bytes of the sink " + r.Name, st.Bytes, st.MaxBytes, "", "its oldest minutes are forgotten"})
	}
	return all
}

// addRecordings lists how recording goes, for each recorder, those that were removed
// included.
func (l *figures) addRecordings(rs *recordings) {
	for _, r := range slices.Concat(rs.running, rs.removed) {
		st := r.state()
		name := "sink." + r.Name + "."
		l.count(name+"points.made", st.Made)
		l.count(name+"points.delivered", st.Delivered)
		l.value(name+"points.queued", float64(st.Made-st.Delivered-st.Dropped))
		l.count(name+"points.dropped", st.Dropped)
		l.count(name+"points.dropped.full", st.Dropped)
		l.value(name+"history.names", float64(st.Names))
		l.value(name+"history.minutes", float64(st.Minutes))
		l.value(name+"history.bytes", float64(st.Bytes))
	}
}
