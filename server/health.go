package server

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
)

// lookEvery is how often the health is looked at.
const lookEvery = time.Second

// health gathers the facts that the daemon's health is worked out from.
type health struct {
	mu        sync.Mutex
	tracker   *meta.Tracker
	facts     meta.Facts             // as of the last flush
	discarded [metric.Reasons]uint64 // samples, as of the last flush
	told      [metric.Reasons]uint64 // those that the log was told of; watchHealth's own
	watched   bool                   // the log is told of each discard anyway

	// notes wait to be logged by watchHealth: nothing else waits for the log.
	notes  []meta.Note
	missed int // notes that did not fit
}

// maxNotes is how many notes may wait to be logged.
const maxNotes = 200

// Health implements meta.Source: it looks at everything now. Changes since the last
// look are logged soon.
func (s *Server) Health() meta.Health {
	h := &s.health
	h.mu.Lock()
	defer h.mu.Unlock()
	facts := h.facts
	facts.Flush.Last = s.started.Add(time.Duration(s.flushedAt.Load()))
	facts.Sinks = append(s.sinkFacts(), h.facts.Sinks...)
	facts.Untold = s.alerts.untold()
	facts.PipesFault = s.pipes.fault()
	facts.Draining = s.draining.Load()
	now, notes := h.tracker.Observe(time.Now(), &facts)
	fit := min(len(notes), maxNotes-len(h.notes))
	h.notes = append(h.notes, notes[:fit]...)
	h.missed += len(notes) - fit
	return now
}

// watchHealth looks at the health until ctx ends, also while no flush comes, and
// logs its changes.
func (s *Server) watchHealth(ctx context.Context) {
	for more := true; more; {
		more = sleep(ctx, lookEvery)
		s.Health()
		s.logNotes()
	}
}

// logNotes logs the notes that wait. It holds no lock while it does.
func (s *Server) logNotes() {
	h := &s.health
	h.mu.Lock()
	notes, missed, watched := h.notes, h.missed, h.watched
	h.notes, h.missed = nil, 0
	discarded := h.discarded
	h.mu.Unlock()
	for _, n := range notes {
		if n.ID != meta.BadLinesMany {
			s.logNote(n, func(*zerolog.Event) {})
			continue
		}
		if !watched {
			s.logNote(n, func(e *zerolog.Event) { s.addDiscards(e, &discarded, &h.told) })
		}
		h.told = discarded
	}
	if missed > 0 {
		s.log.Warn().Int("lines", missed).Msg("lines about the health are missing: the log is too slow")
	}
}

// noteIntake keeps what came in up to the flush at hand. It is for the flush loop.
func (s *Server) noteIntake() {
	t, h := &s.flushes.total, &s.health
	h.mu.Lock()
	defer h.mu.Unlock()
	h.discarded, h.watched = t.discarded, s.watch != nil
	h.facts.Interval = s.cfg.FlushInterval
	h.facts.Intake = meta.IntakeFacts{
		Datagrams:      t.udpPackets,
		KernelDropped:  s.kernelDropped(),
		Lines:          t.lines,
		Samples:        t.samples,
		Aggregated:     t.aggregated,
		Discarded:      t.discardedSamples(),
		RefusedNames:   t.discarded[metric.RefusedName],
		RefusedMembers: t.discarded[metric.RefusedMember],
		CutRoom:        t.tcpCut[cutFull],
		CutMemory:      t.tcpCut[cutMemory],
		Names:          s.table.Names(),
		MaxNames:       s.cfg.MaxNames,
		MaxMembers:     s.cfg.MaxSetMembers,
	}
	h.facts.Sinks = h.facts.Sinks[:0]
	for _, r := range s.recordings.running {
		st := r.state()
		h.facts.Sinks = append(h.facts.Sinks, meta.SinkFacts{
			Name: r.Name, Recorder: true, Made: st.Made, Delivered: st.Delivered, DroppedFull: st.Dropped, Queued: st.Made - st.Delivered - st.Dropped,
		})
	}
}

// noteFlush keeps how the flush at hand went. It is for the flush loop.
func (s *Server) noteFlush(took time.Duration) {
	h := &s.health
	h.mu.Lock()
	defer h.mu.Unlock()
	h.facts.Flush.Count++
	h.facts.Flush.Took = took
	h.facts.Flush.Late = s.flushes.late
	h.facts.StateFault = s.state.fault
}

// sinkFacts tells of the outlets.
func (s *Server) sinkFacts() (all []meta.SinkFacts) {
	for _, o := range s.currentOutlets() {
		st := o.look()
		f := meta.SinkFacts{
			Name:    o.name,
			Failing: st.failing, FailingSince: st.failingSince,
			Error: errorText(st.lastError), Accepted: st.published,
			Made: st.made, Recovered: st.recovered, Delivered: st.delivered, Queued: st.queued, Spooled: st.spooled,
			DroppedFull: st.reasons.full, DroppedDamaged: st.reasons.damaged,
			DroppedUnsendable: st.reasons.unsendable, DroppedRemoved: st.reasons.removed,
			SpoolFault: errorText(st.spoolFault), SpoolBytes: st.spoolBytes, SpoolMax: st.spoolMax,
		}
		if st.oldest > 0 {
			f.Oldest = time.Unix(st.oldest, 0)
		}
		all = append(all, f)
	}
	return all
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// logNote logs a note, with the fields that add gives it.
func (s *Server) logNote(n meta.Note, add func(*zerolog.Event)) {
	level := map[meta.State]zerolog.Level{meta.OK: zerolog.InfoLevel, meta.Degraded: zerolog.WarnLevel, meta.Failing: zerolog.ErrorLevel}[n.Level]
	e := s.log.WithLevel(level).Str("health", n.ID)
	if n.Subject != "" {
		e.Str("of", n.Subject)
	}
	if n.Next != "" {
		e.Str("next", n.Next)
	}
	add(e)
	e.Msg(n.Text)
}

// addDiscards adds the reasons of the samples that were discarded since the log
// was last told, and the last bad line.
func (s *Server) addDiscards(e *zerolog.Event, discarded, told *[metric.Reasons]uint64) {
	for r, n := range discarded {
		if reason := metric.Reason(r); !reason.Refusal() && n > told[r] {
			e.Uint64(reason.String(), n-told[r])
		}
	}
	if lines := s.bad.Last(); len(lines) > 0 {
		e.Str("last", meta.Escape(lines[0].Line))
		if lines[0].Sender.IsValid() {
			e.Stringer("sender", lines[0].Sender)
		}
	}
}

// withHealth replaces the health as of the last flush by that of now.
func (s *Server) withHealth(figures []figure) []figure {
	live := map[string]float64{}
	for _, f := range s.Health().Figures() {
		live[f.Name] = f.Value
	}
	for i, f := range figures {
		if v, there := live[f.Name]; there && (f.Name == "health" || strings.HasPrefix(f.Name, "health.")) {
			figures[i].Value = v
		}
	}
	return figures
}
