package server

import (
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/internal/state"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
)

const (
	// stateEvery is the time between two saves. After a crash, the changes since the last save are
	// lost.
	stateEvery = time.Minute
	// statePatience limits how long a save may delay the flush loop. A save that takes longer is
	// cancelled. The first flush that comes at least stateEvery after the beginning of the
	// cancelled save tries again.
	statePatience = time.Second
	stateChunk    = 64 << 10
	stateLine     = 128 // maximum length of a line, without the name
)

var errSlow = errors.New("the disk is too slow: the file was not saved in time")

// stateFile keeps the values of gauges and the flush times over a restart. Only the flush loop uses
// it. The flush loop encodes the content, and each save has a goroutine that writes the file. So
// the flush loop does not wait long for the disk.
type stateFile struct {
	path    string // "" if no state file is configured
	log     zerolog.Logger
	begun   time.Time  // when the last save began
	running *stateSave // nil when no save is running
	gauges  int        // number of gauges in the last save
	faults  uint64     // number of failed saves
	fault   string     // why the last save failed; "" if it succeeded
}

// loadState restores the gauges from the state file. If the file is damaged or unreadable, the
// daemon starts without it.
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
		case !s.cfg.NameForm().Keeps(g.Name):
			refused++ // e.g. a tagged series, when tags are no longer configured
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
			Msgf("the state file is damaged: moved to %s, gauges begin at 0", aside)
	case errors.Is(err, state.ErrOther):
		f.path = ""
		f.log.Error().Err(err).Msg("the file is not a state file, and is left unchanged: gauges begin at 0, and are not saved")
	case err != nil:
		f.log.Error().Err(err).Msg("the state file cannot be read: gauges begin at 0")
	default:
		s.flushes.schedule.given = flushes
		f.log.Info().Int("gauges", remembered).Int("expired", expired).Int("refused", refused).Msg("restored the gauges from the state file")
	}
}

// saveState starts a save of the gauges as of this flush, if a save is due.
func (s *Server) saveState(now time.Time) {
	f := &s.state
	if f.path == "" {
		return
	}
	f.settle(now) // logs the failure of the previous save
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

// leastSave is the minimum time for the last save of the gauges, even if the grace period is shorter.
const leastSave = time.Second

// saveLastState saves the gauges when the daemon ends. The parameter until is the end of the grace period. Then, but not
// before leastSave, saveLastState returns even if the file is not written yet.
func (s *Server) saveLastState(until time.Time) {
	f := &s.state
	if f.path == "" {
		return
	}
	if least := time.Now().Add(leastSave); until.Before(least) {
		until = least
	}
	f.settle(until)
	f.begun = time.Time{}
	s.saveState(time.Now())
	if f.settle(until); f.running != nil {
		f.note(errSlow)
	}
	if f.fault != "" {
		f.log.Error().Str("error", f.fault).Msg("the last values of the gauges are not saved: after a restart, gauges begin with the values in the state file")
	}
}

// gauges yields all gauges that the table keeps.
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

// settle waits for the running save, until the given time at most. If the save has ended, settle
// notes its result.
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

// note counts a failed save. It logs the first failure, and the first success after failures.
func (f *stateFile) note(err error) {
	switch {
	case err != nil:
		f.faults++
		if f.fault == "" {
			f.log.Error().Err(err).Msg("saving the gauges failed: the state file is unchanged; trying again each minute")
		}
	case f.fault != "":
		f.log.Warn().Msg("saving the gauges works again")
	}
	f.fault = meta.ErrorText(err)
}

type stateSave struct {
	chunks chan []byte
	slow   bool          // written before chunks is closed
	ended  chan struct{} // closed when the save has ended
	err    error         // written before ended is closed
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

// encode encodes the spans and gauges, and passes the chunks to the writing goroutine. It returns
// the number of gauges. It stops if the save fails or is too slow.
func (v *stateSave) encode(flushes []state.Span, gauges iter.Seq[state.Gauge]) (n int) {
	defer close(v.chunks)
	patience := time.NewTimer(statePatience)
	defer patience.Stop()
	put := func(chunk []byte) bool {
		if len(v.chunks) < cap(v.chunks) {
			v.chunks <- chunk // does not block: the channel chunks has room, and no other goroutine sends to it
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
