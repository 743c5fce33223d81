package server

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/intake"
	"github.com/statsd-ops/statsd/internal/clock"
	"github.com/statsd-ops/statsd/internal/descriptors"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
)

// lookEvery is the time between two health checks of watchHealth, and between two looks at the configuration file.
const lookEvery = time.Second

// health gathers the facts from which the daemon's health is derived.
type health struct {
	mu        sync.Mutex
	tracker   *meta.Tracker
	facts     meta.Facts             // as of the last flush
	discarded [metric.Reasons]uint64 // discarded samples by reason, as of the last flush
	told      [metric.Reasons]uint64 // the discarded samples that the log has reported; only watchHealth uses it
	differs   string                 // how the configuration file differs from the running settings
	watched   bool                   // --debug is set, so each discarded sample is logged when it occurs

	// notes are the log lines about changes of the daemon's health. They are kept in this field until watchHealth logs them,
	// so that no other goroutine waits for a slow log.
	notes  []meta.Note
	missed int // number of notes dropped because notes was full
}

// maxNotes is the maximum length of notes.
const maxNotes = 200

// Health implements meta.Source. It derives the daemon's health from the current facts. If it has
// changed since the last call, watchHealth logs the change soon afterwards.
func (s *Server) Health() meta.Health {
	h := &s.health
	h.mu.Lock()
	defer h.mu.Unlock()
	facts := h.facts
	facts.Flush.Last = s.started.Add(time.Duration(s.flushedAt.Load()))
	facts.Sinks = s.sinkFacts()
	facts.Untold = s.alerts.Untold()
	facts.ClusterUnknown = s.member.Waits()
	facts.Cluster = s.member.Facts()
	facts.ConfigDiffers = h.differs
	facts.Draining = s.draining.Load()
	facts.Drained = s.hands.Draining()
	now, notes := h.tracker.Observe(time.Now(), &facts)
	fit := min(len(notes), maxNotes-len(h.notes))
	h.notes = append(h.notes, notes[:fit]...)
	h.missed += len(notes) - fit
	return now
}

// watchHealth checks the daemon's health at each full second until ctx ends. It logs changes, and reports
// them to the channels. While the daemon ends, it reports no further changes to channels: only
// waiting messages are sent.
func (s *Server) watchHealth(ctx context.Context) {
	defer s.alerts.End()
	for more := true; more; {
		more = clock.Sleep(ctx, clock.UntilTick(time.Now(), lookEvery))
		h := s.Health()
		s.events.Health(h)
		s.logNotes()
		if !h.Draining && more {
			s.alerts.Observe(ctx, h)
		}
	}
}

// watchConfig compares the configuration file with the running settings at each full second until ctx ends.
func (s *Server) watchConfig(ctx context.Context) {
	h := &s.health
	for more := true; more; more = clock.Sleep(ctx, clock.UntilTick(time.Now(), lookEvery)) {
		differs := s.cfg.Differs()
		h.mu.Lock()
		h.differs = differs
		h.mu.Unlock()
	}
}

// logNotes logs and removes the waiting notes. It holds no lock while it logs.
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
		s.log.Warn().Int("lines", missed).Msg("some messages about the daemon's health were not logged: the log is too slow")
	}
}

// logLosses logs the losses that have grown since the last log message about them. The daemon calls it at its end.
func (s *Server) logLosses() {
	s.Health()
	h := &s.health
	h.mu.Lock()
	h.notes = append(h.notes, h.tracker.Ending()...)
	h.mu.Unlock()
	s.logNotes()
}

// checkHealth checks the daemon's health at each alert interval until ctx ends.
func (s *Server) checkHealth(ctx context.Context) {
	s.alerts.Check(ctx, func() (meta.Health, []meta.SinkFacts) { return s.Health(), s.sinkFacts() })
}

// noteIntake stores the facts about intake for the daemon's health. Only the flush loop calls it.
func (s *Server) noteIntake() {
	t, in, h := &s.flushes.total, s.in.State(), &s.health
	h.mu.Lock()
	defer h.mu.Unlock()
	h.discarded, h.watched = t.Discarded, s.cfg.Debug
	h.facts.Interval = s.cfg.FlushInterval
	h.facts.NoDescriptor, h.facts.DescriptorLimit = s.shortages(&in), descriptors.Limit()
	h.facts.PipesFault = ""
	if in.Pipes != nil {
		h.facts.PipesFault = meta.ErrorText(in.Pipes.Fault)
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

// shortages returns how often a listener had no free file descriptor for a connection.
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

// noteFlush stores the facts about this flush for the daemon's health. Only the flush loop calls it.
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

// sinkFacts returns the facts about the destinations, including those that a reload has removed.
func (s *Server) sinkFacts() (all []meta.SinkFacts) {
	for _, st := range s.out.States() {
		all = append(all, sinkFactsOf(&st))
	}
	return all
}

// logNote logs a note. The function add can add fields to the log line.
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

// addDiscards adds two things to a log line: for each reason, the number of samples that were
// discarded since the previous log line, and the text of the last bad line.
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

// withHealth returns figures of the last flush, with the health figures replaced by their current values.
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
