package meta

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/internal/plural"
)

const (
	failingFlushes = 2 // a reason is active if at least this many flushes wait for a sink that fails
	behindFlushes  = 6 // a reason is active if at least this many flushes wait for a sink that works
	behindAtMost   = time.Minute
	// unconfirmedInRow is the number of consecutive unconfirmed attempts that cause a reason.
	unconfirmedInRow = 2
	spoolFullWithin  = 2 * time.Hour
	spoolFullAfter   = 4 * time.Hour
	// shortest is the minimum delay that counts as late. It is needed because flush times are in whole
	// seconds.
	shortest = 2 * time.Second
)

// sinkMemory is what a Tracker remembers about a sink.
type sinkMemory struct {
	full, damaged, unsendable, refused, removed window

	wasFull       string // which buffer was full when points were last dropped
	spool         trend
	failing       bool
	droppedBefore uint64 // number of dropped points when the sink last worked
	delivered     uint64
	refusing      time.Time // first refusal since the receiver last accepted points; zero if none
}

// noteRefusals records the time of the first refusal since the receiver last accepted points.
func (m *sinkMemory) noteRefusals(s *SinkFacts, now time.Time) {
	switch {
	case s.Delivered > m.delivered:
		m.refusing = time.Time{}
	case s.DroppedRefused > m.refused.total && m.refusing.IsZero():
		m.refusing = now
	}
	m.delivered = s.Delivered
}

// refusesAll reports whether the receiver has refused all points for a long time.
func (m *sinkMemory) refusesAll(now time.Time, interval time.Duration) bool {
	return !m.refusing.IsZero() && now.Sub(m.refusing) >= failingFlushes*interval
}

func (t *Tracker) lookAtSinks(f *Facts) {
	wanted, dead := 0, 0
	for i := range f.Sinks {
		s := &f.Sinks[i]
		if s.Removed {
			continue
		}
		if wanted++; s.dead(t.now, f.Interval) {
			dead++
		}
	}
	if wanted == 0 {
		t.say(Reason{ID: NoSink, State: Failing, Text: "no sink is configured, nothing is published"})
	}
	for i := range f.Sinks {
		s := &f.Sinks[i]
		m := t.sinks[s.Name]
		if m == nil {
			m = &sinkMemory{}
			t.sinks[s.Name] = m
		}
		t.lookAtDrops(s, m, f.Interval)
		if s.Removed {
			continue
		}
		t.lookAtDelivery(s, m, f.Interval, dead == wanted)
		t.lookAtSpool(s, m)
		// The message about the recovery contains the number of dropped points, so the end of the loss is not logged.
		if m.failing && !s.Failing {
			delete(t.losses, key{PointsDropped, s.Name})
		}
		if m.failing = s.Failing; !m.failing {
			m.droppedBefore = s.dropped()
		}
	}
	t.forgetSinks(f.Sinks)
}

// dead reports whether a sink has failed long enough to cause a reason.
func (s *SinkFacts) dead(now time.Time, interval time.Duration) bool {
	return s.Failing && max(now.Sub(s.FailingSince), s.Behind(now)) >= failingFlushes*interval
}

// Behind returns the age of the oldest flush that the sink has not accepted.
func (s *SinkFacts) Behind(now time.Time) time.Duration {
	if s.Oldest.IsZero() {
		return 0
	}
	return max(now.Sub(s.Oldest), 0)
}

// lookAtDelivery adds a reason if a sink does not accept its points in time.
func (t *Tracker) lookAtDelivery(s *SinkFacts, m *sinkMemory, interval time.Duration, all bool) {
	behind := s.Behind(t.now)
	switch {
	case s.Failing:
		state := OK
		if s.dead(t.now, interval) || t.stateOf(SinkFailing, s.Name) != OK {
			state = Degraded
		}
		if all {
			state = Failing
		}
		lost := "none lost"
		if n := s.dropped() - m.droppedBefore; n > 0 {
			lost = plural.Count(n) + " dropped"
		}
		t.say(Reason{ID: SinkFailing, Subject: s.Name, State: state, Since: s.FailingSince, Text: fmt.Sprintf("sink %s has accepted nothing for %s: %s; %s, %s",
			s.Name, spell(t.now.Sub(s.FailingSince)), plain(s.Error), waiting(s.waiting(), s.unit()), lost)})
	case t.hold(SinkBehind, s.Name, behind >= tooFarBehind(interval), behind > max(shortest, interval)):
		t.say(Reason{ID: SinkBehind, Subject: s.Name, State: Degraded, Text: fmt.Sprintf("sink %s is %s behind; %s", s.Name, spell(behind), waiting(s.waiting(), s.unit()))})
	}
	if s.Unconfirmed >= unconfirmedInRow {
		t.say(Reason{ID: SinkResets, Subject: s.Name, State: Degraded, Text: fmt.Sprintf(
			"sink %s: the receiver acknowledged all bytes and then reset the connection, %d times in a row; does it need keep-open?",
			s.Name, s.Unconfirmed)})
	}
}

// tooFarBehind returns the minimum delay that causes a reason for a working sink.
func tooFarBehind(interval time.Duration) time.Duration {
	if interval >= behindAtMost/behindFlushes {
		return behindAtMost
	}
	return max(shortest, behindFlushes*interval)
}

// stateOf returns the state of a reason at the previous update, or OK if the reason was not active.
func (t *Tracker) stateOf(id, subject string) State {
	if r := t.open(id, subject); r != nil {
		return r.State
	}
	return OK
}

// lookAtDrops adds a reason if a sink has lost points.
func (t *Tracker) lookAtDrops(s *SinkFacts, m *sinkMemory, interval time.Duration) {
	if s.DroppedFull != m.full.total || m.wasFull == "" {
		m.wasFull = s.full()
	}
	m.noteRefusals(s, t.now)
	causes := []struct {
		w     *window
		total uint64
		text  string
		fails bool // drops in the last interval cause the state failing, not only degraded
	}{
		{&m.full, s.DroppedFull, m.wasFull, true},
		{&m.damaged, s.DroppedDamaged, "damaged on disk", true},
		{&m.unsendable, s.DroppedUnsendable, "the sink's format cannot represent them", true},
		{&m.refused, s.DroppedRefused, "permanently refused by the receiver", m.refusesAll(t.now, interval)},
		{&m.removed, s.DroppedRemoved, "the sink was removed before it had accepted them", false},
	}
	justNow, state := max(shortest, 2*interval), Degraded
	var last time.Time
	var total, grown, sum uint64
	var texts []string
	for _, c := range causes {
		total += c.total
		grown += c.w.observe(t.now, t.slot, c.total)
		if !c.w.recent(t.now) {
			continue
		}
		sum += c.w.within(lossWindow)
		texts = append(texts, c.text)
		if c.w.grew.After(last) {
			last = c.w.grew
		}
		if c.fails && t.now.Sub(c.w.grew) < justNow {
			state = Failing
		}
	}
	why := strings.Join(texts, ", ")
	if sum > 0 {
		t.say(Reason{ID: PointsDropped, Subject: s.Name, State: state, Text: fmt.Sprintf("sink %s dropped %s in 15m (%s), the last %s ago",
			s.Name, plural.Things(sum, s.unit(), s.unit()+"s"), why, spell(t.now.Sub(last)))})
	}
	t.noteLoss(loss{id: PointsDropped, subject: s.Name, level: Failing, say: func(n uint64) string {
		return fmt.Sprintf("sink %s dropped %s (%s)", s.Name, plural.Things(n, s.unit(), s.unit()+"s"), why)
	}}, total, grown)
}

// full returns which buffer was full: the spool or the queue.
func (s *SinkFacts) full() string {
	switch {
	case s.Recorder:
		return s.Full
	case s.SpoolMax > 0 && s.SpoolFault == "":
		return "the spool is full"
	}
	return "the queue is full"
}

// lookAtSpool adds a reason if the spool of a sink cannot be used or is nearly full.
func (t *Tracker) lookAtSpool(s *SinkFacts, m *sinkMemory) {
	if s.SpoolFault != "" {
		t.say(Reason{ID: SpoolUnusable, Subject: s.Name, State: Degraded, Text: fmt.Sprintf("the spool of sink %s cannot be used: %s", s.Name, plain(s.SpoolFault))})
	}
	if s.SpoolMax <= 0 {
		return
	}
	m.spool.observe(t.now, t.slot, float64(s.SpoolBytes))
	full, fills := m.spool.until(float64(s.SpoolMax), trendWindow)
	if t.hold(SpoolFilling, s.Name, fills && full <= spoolFullWithin, fills && full < spoolFullAfter) {
		t.say(Reason{ID: SpoolFilling, Subject: s.Name, State: Degraded, Text: fmt.Sprintf("the spool of sink %s is full in %s: %s of %s MiB are used",
			s.Name, spell(full), mebibytes(s.SpoolBytes), mebibytes(s.SpoolMax))})
	}
}

// forgetSinks removes what the Tracker remembers about other sinks.
func (t *Tracker) forgetSinks(sinks []SinkFacts) {
	for name := range t.sinks {
		if !slices.ContainsFunc(sinks, func(s SinkFacts) bool { return s.Name == name }) {
			delete(t.sinks, name)
			delete(t.losses, key{PointsDropped, name})
			delete(t.ledger, name)
		}
	}
}
