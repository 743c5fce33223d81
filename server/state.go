package server

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/internal/state"
	"github.com/statsd-ops/statsd/metric"
)

const (
	// stateEvery is the time between two saves, and so what a crash costs.
	stateEvery = time.Minute
	// statePatience is how long a save may hold up the flush loop. Then it is
	// given up: the next one may find the disk in a better state.
	statePatience = time.Second
	stateChunk    = 64 << 10
	stateLine     = 128 // more than a line has besides the name
)

var errSlow = errors.New("the disk is too slow")

// stateFile keeps the values of gauges, and when flushes were, over a restart. It is for the flush loop, which alone can read them: it encodes them and hands the bytes to a goroutine of
// each save, so that it does not wait for the disk for long.
type stateFile struct {
	path    string // "" for none
	log     zerolog.Logger
	begun   time.Time  // when a save was last begun
	running *stateSave // nil when it is over
	gauges  int        // of the last save
	faults  uint64     // saves that failed
	fault   string     // of the last one, "" if it did not fail
}

// loadState gives the table the gauges of the state file. What is wrong with it
// stops nobody.
func (s *Server) loadState() {
	f := &s.state
	f.path, f.log = s.cfg.StateFile, s.log.With().Str("file", s.cfg.StateFile).Logger()
	if f.path == "" {
		return
	}
	var remembered, expired, refused int
	flushes, err := state.Load(f.path, func(g state.Gauge) {
		age := max(time.Since(time.Unix(g.Seen, 0)), 0)
		unseen := uint32(min(age/s.cfg.FlushInterval, 1<<31))
		switch {
		case age >= s.cfg.GaugeExpire:
			expired++
		case !bytes.Equal(s.cfg.Clean(g.Name), g.Name):
			refused++ // a series, and tags make none any more
		case s.in.Table().Remember(aggregate.Remembered{Name: g.Name, Value: g.Value, Set: g.Set, Unseen: unseen}) == metric.None:
			remembered++
		default:
			refused++
		}
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.log.Info().Msg("there is no state file yet: gauges begin at 0")
	case errors.Is(err, state.ErrDamaged):
		aside := f.path + ".damaged"
		f.log.Error().Err(errors.Join(err, os.Rename(f.path, aside))).
			Msgf("the state file is damaged: put aside as %s, gauges begin at 0", aside)
	case err != nil:
		f.log.Error().Err(err).Msg("the state file cannot be read: gauges begin at 0")
	default:
		s.flushes.schedule.given = flushes
		f.log.Info().Int("gauges", remembered).Int("expired", expired).Int("refused", refused).Msg("took the gauges from the state file")
	}
}

// saveState saves the gauges as of a flush, if a save is due.
func (s *Server) saveState(now time.Time) {
	f := &s.state
	if f.path == "" {
		return
	}
	f.settle(now) // a failure is told at the next flush
	if !f.begun.IsZero() && now.Sub(f.begun) < stateEvery {
		return
	}
	f.begun = now
	if f.running != nil {
		f.note(errSlow)
		return
	}
	f.running = beginSave(f.path)
	f.gauges = f.running.encode(s.flushes.schedule.given, s.gauges(now))
}

// saveLastState saves the gauges at the end, if that can be done by a moment.
func (s *Server) saveLastState(until time.Time) {
	f := &s.state
	if f.path == "" {
		return
	}
	f.settle(until)
	f.begun = time.Time{}
	s.saveState(time.Now())
	if f.settle(until); f.running != nil {
		f.note(errSlow)
	}
}

// gauges yields what is remembered.
func (s *Server) gauges(now time.Time) iter.Seq[state.Gauge] {
	return func(yield func(state.Gauge) bool) {
		for r := range s.in.Table().Remembered() {
			seen := now.Add(-time.Duration(r.Unseen) * s.cfg.FlushInterval).Unix()
			if !yield(state.Gauge{Name: r.Name, Value: r.Value, Seen: seen, Set: r.Set}) {
				return
			}
		}
	}
}

// settle takes over what came of the save under way, if that is over by a moment.
func (f *stateFile) settle(until time.Time) {
	if f.running == nil {
		return
	}
	t := time.NewTimer(time.Until(until))
	defer t.Stop()
	select {
	case <-f.running.ended:
	default:
		select {
		case <-f.running.ended:
		case <-t.C:
			return
		}
	}
	f.note(f.running.err)
	f.running = nil
}

// note counts a save that failed, and logs it unless the one before did.
func (f *stateFile) note(err error) {
	switch {
	case err != nil:
		f.faults++
		if f.fault == "" {
			f.log.Error().Err(err).Msg("saving the gauges failed: the state file stays as it was; trying again each minute")
		}
	case f.fault != "":
		f.log.Warn().Msg("saving the gauges works again")
	}
	f.fault = errorText(err)
}

// stateSave is one save.
type stateSave struct {
	chunks chan []byte
	slow   bool          // set before chunks is closed
	ended  chan struct{} // closed when the save is over
	err    error         // then
}

func beginSave(path string) *stateSave {
	v := &stateSave{chunks: make(chan []byte, 4), ended: make(chan struct{})}
	go func() {
		defer close(v.ended)
		v.err = state.Save(path, v.write)
	}()
	return v
}

func (v *stateSave) write(w io.Writer) error {
	for chunk := range v.chunks {
		if _, err := w.Write(chunk); err != nil {
			return err
		}
	}
	if v.slow {
		return errSlow
	}
	return nil
}

// encode brings flushes and gauges to the file, and returns how many. It
// stops when the save has failed or takes too long.
func (v *stateSave) encode(flushes []state.Span, gauges iter.Seq[state.Gauge]) (n int) {
	defer close(v.chunks)
	patience := time.NewTimer(statePatience)
	defer patience.Stop()
	put := func(chunk []byte) bool {
		if len(v.chunks) < cap(v.chunks) {
			v.chunks <- chunk // nobody else sends
			return true
		}
		select {
		case v.chunks <- chunk:
			return true
		case <-v.ended:
		case <-patience.C:
			v.slow = true
		}
		return false
	}
	var e state.Encoder
	chunk := e.AppendHead(make([]byte, 0, stateChunk), flushes)
	for g := range gauges {
		if len(chunk)+len(g.Name)+stateLine > stateChunk {
			if !put(chunk) {
				return n
			}
			chunk = make([]byte, 0, stateChunk)
		}
		chunk = e.AppendGauge(chunk, g)
		n++
	}
	put(e.AppendEnd(chunk))
	return n
}
