package server

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/intake"
	"github.com/statsd-ops/statsd/internal/clock"
	"github.com/statsd-ops/statsd/internal/descriptors"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
)

// lookEvery is the time between two looks at the health.
const lookEvery = time.Second

// health gathers the facts from which the daemon's health is derived.
type health struct {
	mu        sync.Mutex
	tracker   *meta.Tracker
	facts     meta.Facts             // as of the last flush
	discarded [metric.Reasons]uint64 // discarded samples, as of the last flush
	told      [metric.Reasons]uint64 // discards already logged; only watchHealth uses it
	watched   bool                   // each discard is logged anyway

	// notes wait for watchHealth, which alone waits for the log.
	notes  []meta.Note
	missed int // notes dropped because the queue was full
}

// maxNotes limits the notes that wait for the log.
const maxNotes = 200

// Health implements meta.Source. It reads the current facts. Changes since the last look are logged
// soon after.
func (s *Server) Health() meta.Health {
	h := &s.health
	h.mu.Lock()
	defer h.mu.Unlock()
	facts := h.facts
	facts.Flush.Last = s.started.Add(time.Duration(s.flushedAt.Load()))
	facts.Sinks = s.sinkFacts()
	facts.Untold = s.alerts.untold()
	facts.ClusterUnknown = s.waitsForCluster()
	facts.Cluster = s.clusterFacts()
	facts.Draining = s.draining.Load()
	facts.Drained = s.asked.hands.Draining()
	now, notes := h.tracker.Observe(time.Now(), &facts)
	fit := min(len(notes), maxNotes-len(h.notes))
	h.notes = append(h.notes, notes[:fit]...)
	h.missed += len(notes) - fit
	return now
}

// watchHealth looks at the health each second until ctx ends. It tells the log and the
// channels of the changes. When the daemon is ending, channels get only what waits already.
func (s *Server) watchHealth(ctx context.Context) {
	defer s.endTelling()
	for more := true; more; {
		more = clock.Sleep(ctx, lookEvery)
		h := s.Health()
		s.asked.events.Health(h)
		s.logNotes()
		if !h.Draining && more {
			s.tellEpisodes(ctx, h)
		}
	}
}

// logNotes logs the waiting notes. It holds no lock meanwhile.
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
		s.log.Warn().Int("lines", missed).Msg("some messages about the health were not logged: the log is too slow")
	}
}

// noteIntake records the facts of intake up to this flush. Only the flush loop calls it.
func (s *Server) noteIntake() {
	t, in, h := &s.flushes.total, s.in.State(), &s.health
	h.mu.Lock()
	defer h.mu.Unlock()
	h.discarded, h.watched = t.Discarded, s.cfg.Debug
	h.facts.Interval = s.cfg.FlushInterval
	h.facts.NoDescriptor, h.facts.DescriptorLimit = s.shortages(&in), descriptors.Limit()
	h.facts.PipesFault = ""
	if in.Pipes != nil {
		h.facts.PipesFault = errorText(in.Pipes.Fault)
	}
	h.facts.Listeners = listenerFacts(t, &in)
	h.facts.Intake = meta.IntakeFacts{
		Datagrams:      t.UDPPackets,
		KernelDropped:  in.KernelDropped,
		Lines:          t.Lines,
		Samples:        t.Samples,
		Aggregated:     t.Aggregated,
		Discarded:      t.DiscardedSamples(),
		RefusedNames:   t.Discarded[metric.RefusedName],
		RefusedMembers: t.Discarded[metric.RefusedMember],
		RefusedMuted:   t.Discarded[metric.RefusedMuted],
		DroppedByRule:  t.Discarded[metric.DroppedByRule],
		CutRoom:        t.TCPCut[intake.CutFull],
		CutMemory:      t.TCPCut[intake.CutMemory],
		CutListener:    t.TCPCut[intake.CutListener],
		FewFiles:       in.MaxConnections < s.cfg.MaxTCPConnections,
		MaxConnections: in.MaxConnections,
		Names:          s.in.Table().Names(),
		MaxNames:       s.cfg.MaxNames,
		MaxMembers:     s.cfg.MaxSetMembers,
	}
}

// listenerFacts returns the facts about the listeners with figures of their own.
func listenerFacts(t *intake.Tally, in *intake.State) (all []meta.ListenerFacts) {
	for i := range in.Listeners {
		at := &in.Listeners[i]
		c := at.Counts(t)
		f := meta.ListenerFacts{Name: at.Name, Came: c.Datagrams + c.Connections, Lost: errorText(at.Lost)}
		var why []string
		for _, refusal := range at.Scheme.Refusals() {
			if n := c.Refused[refusal]; n > 0 {
				f.Refused += n
				why = append(why, fmt.Sprintf("%s %d", refusal, n))
			}
		}
		f.Why = strings.Join(why, ", ")
		all = append(all, f)
	}
	return all
}

// shortages counts how often a listener found no file descriptor free.
func (s *Server) shortages(in *intake.State) uint64 {
	n := in.Shortages
	if s.monitor != nil {
		n += s.monitor.Shortages()
	}
	if s.console != nil {
		n += s.console.Shortages()
	}
	return n
}

// noteFlush records how this flush went. Only the flush loop calls it.
func (s *Server) noteFlush(took time.Duration) {
	h := &s.health
	h.mu.Lock()
	defer h.mu.Unlock()
	h.facts.Flush.Count++
	h.facts.Flush.Took = took
	h.facts.Flush.Late = s.flushes.late
	h.facts.Flush.Repeated = s.flushes.schedule.repeated
	h.facts.StateFault = s.state.fault
}

// sinkFacts returns the facts about the configured destinations.
func (s *Server) sinkFacts() (all []meta.SinkFacts) {
	for _, st := range s.out.States() {
		if !st.Removed {
			all = append(all, sinkFactsOf(&st))
		}
	}
	return all
}

func sinkFactsOf(st *delivery.State) meta.SinkFacts {
	if r := st.Recorder; r != nil {
		return meta.SinkFacts{
			Name: st.Name, Recorder: true, Full: r.Full,
			Made: r.Made, Delivered: r.Delivered, DroppedFull: r.Dropped, Queued: r.Made - r.Delivered - r.Dropped,
		}
	}
	f := meta.SinkFacts{
		Name: st.Name, Forwards: st.Forwards,
		Failing: st.Failing, FailingSince: st.FailingSince, Error: errorText(st.LastError), Accepted: st.Published,
		Made: st.Made, Recovered: st.Recovered, Delivered: st.Delivered, Queued: st.Queued, Spooled: st.Spooled,
		DroppedFull: st.Reasons.Full, DroppedDamaged: st.Reasons.Damaged, DroppedUnsendable: st.Reasons.Unsendable,
		DroppedRefused: st.Reasons.Refused, DroppedRemoved: st.Reasons.Removed,
		Unconfirmed: st.Unconfirmed,
		SpoolFault:  errorText(st.SpoolFault), SpoolBytes: st.SpoolBytes, SpoolMax: st.MaxSpoolBytes,
	}
	if st.Oldest > 0 {
		f.Oldest = time.Unix(st.Oldest, 0)
	}
	return f
}

// logNote logs a note with the fields that add provides.
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

// addDiscards adds the reasons of discards since the last log line, and the last bad line.
func (s *Server) addDiscards(e *zerolog.Event, discarded, told *[metric.Reasons]uint64) {
	for r, n := range discarded {
		if reason := metric.Reason(r); !reason.Refusal() && n > told[r] {
			e.Uint64(reason.String(), n-told[r])
		}
	}
	if lines := s.in.BadLines(); len(lines) > 0 {
		e.Str("last", meta.Escape(lines[0].Line))
		if lines[0].Sender.Known() {
			e.Stringer("sender", lines[0].Sender)
		}
	}
}

// withHealth replaces the health of the last flush by the current one.
func (s *Server) withHealth(figures []meta.Figure) []meta.Figure {
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
