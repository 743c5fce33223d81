package meta

import (
	"maps"
	"slices"
	"time"

	"github.com/statsd-ops/statsd/internal/plural"
)

// Note is a message for the log about a reason (when it is active, changes, or is no longer active) or a loss.
type Note struct {
	Level   State // OK is logged as information, Degraded as a warning, and Failing as an error
	ID      string
	Subject string // subject of the reason, as in the type Reason
	Text    string // one line of printable ASCII
	Next    string // a command for the operator; "" if the daemon is healthy
}

const (
	// noteEvery is the minimum time between two log messages about a loss.
	noteEvery = time.Minute
	// lossQuiet is the time after which a loss has ended if nothing more was lost.
	lossQuiet = time.Minute
)

// loss is a kind of loss that can continue for some time, such as discarded samples.
type loss struct {
	id, subject string
	level       State
	say         func(n uint64) string

	began, grew, told time.Time
	// The field base is the total at the start of the loss. The field toldAt is the total in the
	// last log message. The field total is the current total.
	base, toldAt, total uint64
}

// noteLoss logs a loss: at once when it begins, at most once a minute while it continues, and when
// it ends. The parameter total is the number of losses since the start, and the parameter grown is
// how many of them are new since the last call.
func (t *Tracker) noteLoss(l loss, total, grown uint64) {
	k := key{l.id, l.subject}
	open := t.losses[k]
	switch {
	case open == nil && grown == 0:
	case open == nil:
		l.began, l.grew, l.told = t.now, t.now, t.now
		l.base, l.toldAt, l.total = total-grown, total, total
		t.losses[k] = &l
		t.note(l.level, l.id, l.subject, l.say(grown)+": "+reasonTable[rank(l.id)].effect)
	case grown == 0 && t.now.Sub(open.grew) >= lossQuiet:
		t.endLoss(k)
	default:
		if grown > 0 {
			open.grew, open.total = t.now, total
		}
		open.level, open.say = l.level, l.say
		if total > open.toldAt && t.now.Sub(open.told) >= noteEvery {
			t.noteGrown(open)
		}
	}
}

// Ending returns notes about the losses that have grown since the last log message about them. A daemon that ends logs
// these notes, because it will log no other message about the losses.
func (t *Tracker) Ending() []Note {
	t.notes = nil
	for _, k := range slices.SortedFunc(maps.Keys(t.losses), key.compare) {
		if l := t.losses[k]; l.total > l.toldAt {
			t.noteGrown(l)
		}
	}
	return t.notes
}

// noteGrown logs how much was lost since the last log message about a loss, and since the loss began.
func (t *Tracker) noteGrown(l *loss) {
	t.note(l.level, l.id, l.subject, "in the last "+spell(t.now.Sub(l.told))+" "+l.say(l.total-l.toldAt)+"; "+
		plural.Count(l.total-l.base)+" since this began "+spell(t.now.Sub(l.began))+" ago")
	l.told, l.toldAt = t.now, l.total
}

// endLoss logs that a loss has ended.
func (t *Tracker) endLoss(k key) {
	open := t.losses[k]
	delete(t.losses, k)
	t.note(Degraded, k.id, k.subject, "this loss has stopped after "+spell(max(open.grew.Sub(open.began), time.Second))+": "+open.say(open.total-open.base))
}

// told says what was logged about a reason.
type told struct {
	at   time.Time
	open bool // the beginning of the reason was logged, and its end was not
}

// noteReasons logs when a reason becomes active, gets worse or is no longer active. It also logs when the daemon's
// health is ok again. It logs at most one message a minute about each reason.
func (t *Tracker) noteReasons(worst State) {
	for i := range t.said {
		t.noteHolds(&t.said[i])
	}
	for i := range t.health.Reasons {
		t.noteOver(&t.health.Reasons[i])
	}
	for k, told := range t.told {
		if !told.open && t.now.Sub(told.at) >= noteEvery {
			delete(t.told, k)
		}
	}
	switch {
	case worst == OK && t.health.State != OK:
		t.note(OK, OK.String(), "", t.recovered())
	case worst != OK && t.health.State == OK:
		t.unwell, t.unjoined = t.now, slices.ContainsFunc(t.said, func(r Reason) bool { return r.ID == ClusterUnknown })
	}
}

// recovered returns the log message for health that has become ok. If health was not ok because the daemon had not
// joined its cluster yet, the message says that the daemon has joined it.
func (t *Tracker) recovered() string {
	after := spell(t.now.Sub(t.unwell))
	if t.unjoined {
		return "joined the cluster, and health is ok, after " + after
	}
	return "health is ok again after " + after
}

func (t *Tracker) noteHolds(r *Reason) {
	before, k := t.stateOf(r.ID, r.Subject), key{r.ID, r.Subject}
	begins := before == OK && !hasNotes(r.ID)
	worse := before != OK && r.State > before && r.ID != PointsDropped
	if r.State == OK || !begins && !worse {
		return
	}
	if last := t.told[k].at; !last.IsZero() && t.now.Sub(last) < noteEvery {
		return
	}
	t.told[k] = told{at: t.now, open: true}
	t.note(r.State, r.ID, r.Subject, r.Text)
}

// noteOver logs the end of a reason, if the beginning of the reason was logged.
func (t *Tracker) noteOver(r *Reason) {
	k := key{r.ID, r.Subject}
	if t.holds(k) || !t.told[k].open {
		return
	}
	t.told[k] = told{at: t.told[k].at}
	// If the sink was behind and now fails, it has not recovered.
	if !hasNotes(r.ID) && !(r.ID == SinkBehind && t.holds(key{SinkFailing, r.Subject})) {
		t.note(Degraded, r.ID, r.Subject, "cleared after "+spell(t.now.Sub(r.Since))+": "+r.Text)
	}
}

// holds reports whether the reason is active now.
func (t *Tracker) holds(k key) bool {
	return slices.ContainsFunc(t.said, func(r Reason) bool { return k == key{r.ID, r.Subject} })
}

// hasNotes reports whether reasons with this ID are logged elsewhere: as a loss, or by the part of
// the daemon that has the fault.
func hasNotes(id string) bool {
	switch id {
	case PointsDropped, KernelDrops, SamplesRefused, BadLinesMany, TCPCut, SendersRefused:
		return true
	case ClusterUnknown, NoSink, SinkFailing, SinkResets, SpoolUnusable, Descriptors, Clock, PipesFailing, StateFile, AlertUntold:
		return true
	}
	return false
}

func (t *Tracker) note(level State, id, subject, text string) {
	n := Note{Level: level, ID: id, Subject: subject, Text: text}
	if i := rank(id); i >= 0 && t.ask != "" {
		n.Next = t.ask + " " + reasonTable[i].next(subject)
	}
	t.notes = append(t.notes, n)
}
