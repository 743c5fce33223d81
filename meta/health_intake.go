package meta

import (
	"fmt"
	"time"

	"github.com/statsd-ops/statsd/internal/plural"
)

const (
	kernelFailing = 0.01 // if the kernel drops a larger fraction of the datagrams in a minute, the state is failing

	nearLimit      = 0.9 // the reason names_near_limit is active from this fraction of --max-names
	farFromLimit   = 0.85
	namesFullSoon  = 30 * time.Minute
	namesFullLater = time.Hour

	badWindow   = 5 * time.Minute
	badShare    = 0.01 // minimum fraction of bad samples for the reason bad_lines
	goodShare   = 0.005
	leastBad    = uint64(badWindow / time.Second) // minimum number of bad samples for the reason bad_lines
	silentAfter = 5 * time.Minute
	busyFor     = time.Hour
)

// intakeMemory is what a Tracker remembers about intake.
type intakeMemory struct {
	datagrams, kernelDropped     window
	samples, bad                 window
	refusedNames, refusedMembers refusals
	cutRoom, cutMemory           window
	cutListener                  window
	names                        trend
}

func (t *Tracker) lookAtIntake(f *Facts) {
	in, m := &f.Intake, &t.intake
	m.datagrams.observe(t.now, t.slot, in.Datagrams)
	m.samples.observe(t.now, t.slot, in.Samples)
	t.lookAtKernel(in)
	t.lookAtRefused(limit{"names", "samples of new names were refused: --max-names", in.MaxNames}, &m.refusedNames, in.RefusedNames)
	t.lookAtRefused(limit{"members", "samples of new set members were refused: --max-set-members", in.MaxMembers}, &m.refusedMembers, in.RefusedMembers)
	t.lookAtBad(in)
	t.lookAtNames(in)
	room := "--max-tcp-connections"
	if in.FewFiles {
		room = "the limit on open files, ulimit -n, allows " + plural.Count(uint64(in.MaxConnections))
	}
	t.lookAtCuts("room", &m.cutRoom, in.CutRoom, "to accept other connections ("+room+")")
	t.lookAtCuts("listener", &m.cutListener, in.CutListener, "to accept other connections (max of their listener)")
	t.lookAtCuts("memory", &m.cutMemory, in.CutMemory, "because unfinished lines took too much memory")
	t.lookAtSilence(in, f.Interval)
}

// lookAtKernel adds a reason if the kernel dropped datagrams.
func (t *Tracker) lookAtKernel(in *IntakeFacts) {
	m := &t.intake
	w := &m.kernelDropped
	grown := w.observe(t.now, t.slot, in.KernelDropped)
	state := Degraded
	if w.recent(t.now) {
		n, minute := w.within(lossWindow), w.within(time.Minute)
		if float64(minute) > kernelFailing*float64(minute+m.datagrams.within(time.Minute)) {
			state = Failing
		}
		t.say(Reason{ID: KernelDrops, State: state, Text: fmt.Sprintf("the kernel dropped %s in 15m (%s), the last %s ago",
			plural.Things(n, "datagram", "datagrams"), percent(n, n+m.datagrams.within(lossWindow)), spell(t.now.Sub(w.grew)))})
	}
	t.noteLoss(loss{id: KernelDrops, level: state, say: func(n uint64) string {
		return "the kernel dropped " + plural.Things(n, "datagram", "datagrams")
	}}, in.KernelDropped, grown)
}

// limit is a limit of the daemon, such as --max-names. Samples above the limit are refused.
type limit struct {
	of, what string
	value    int
}

// refusals counts the samples that were refused because of a limit.
type refusals struct {
	window
	limit int // value of the limit at the last refusal; a reload may have changed the limit since then
}

// lookAtRefused adds a reason if good samples were refused because of a limit.
func (t *Tracker) lookAtRefused(l limit, w *refusals, total uint64) {
	grown := w.observe(t.now, t.slot, total)
	if grown > 0 {
		w.limit = l.value
	}
	reached := fmt.Sprintf("%s=%d is reached", l.what, w.limit)
	if w.limit != l.value {
		reached = fmt.Sprintf("%s=%d was reached", l.what, w.limit)
	}
	if w.recent(t.now) {
		n := w.within(lossWindow)
		t.say(Reason{ID: SamplesRefused, Subject: l.of, State: Degraded, Text: fmt.Sprintf("%s %s; %s of all in 15m, the last %s ago",
			plural.Count(n), reached, percent(n, t.intake.samples.within(lossWindow)), spell(t.now.Sub(w.grew)))})
	}
	t.noteLoss(loss{id: SamplesRefused, subject: l.of, level: Degraded, say: func(n uint64) string {
		return plural.Count(n) + " " + reached
	}}, total, grown)
}

// lookAtBad adds a reason if many samples are bad.
func (t *Tracker) lookAtBad(in *IntakeFacts) {
	w := &t.intake.bad
	grown := w.observe(t.now, t.slot, in.Discarded)
	n, of := w.within(badWindow), t.intake.samples.within(badWindow)
	part := 0.0
	if of > 0 {
		part = float64(n) / float64(of)
	}
	if t.hold(BadLinesMany, "", part >= badShare && n >= leastBad, part >= goodShare) {
		t.say(Reason{ID: BadLinesMany, State: Degraded, Text: fmt.Sprintf("%s of %s in 5m were bad (%s)", plural.Count(n), plural.Things(of, "sample", "samples"), percent(n, of))})
	}
	t.noteLoss(loss{id: BadLinesMany, level: Degraded, say: func(n uint64) string {
		return plural.Were(n, "bad sample") + " discarded"
	}}, in.Discarded, grown)
}

// lookAtNames adds a reason if the table of names is nearly full. When it is full, lookAtRefused
// adds a reason too.
func (t *Tracker) lookAtNames(in *IntakeFacts) {
	if in.MaxNames <= 0 {
		return
	}
	limit := float64(in.MaxNames)
	names := &t.intake.names
	names.observe(t.now, t.slot, float64(in.Names))
	used := float64(in.Names) / limit
	full, grows := names.until(limit, trendWindow)
	// Only lasting growth causes a reason. Many new names in a short time, as after a start, do not.
	soon, goesOn := names.until(limit, time.Minute)
	begins := used >= nearLimit || grows && goesOn && max(full, soon) <= namesFullSoon
	if !t.hold(NamesNearLimit, "", begins, used >= farFromLimit || grows && full < namesFullLater) {
		return
	}
	text := fmt.Sprintf("%s of --max-names=%s names are known (%s)", plural.Count(uint64(in.Names)), plural.Count(uint64(in.MaxNames)), percent(uint64(in.Names), uint64(in.MaxNames)))
	switch {
	case in.Names >= in.MaxNames:
		text = fmt.Sprintf("--max-names=%d is reached: samples of new names are refused", in.MaxNames)
	case grows:
		text += ", full in " + spell(full)
	}
	t.say(Reason{ID: NamesNearLimit, State: Degraded, Text: text})
}

// lookAtCuts adds a reason if the daemon had to close connections.
func (t *Tracker) lookAtCuts(why string, w *window, total uint64, text string) {
	grown := w.observe(t.now, t.slot, total)
	say := func(n uint64) string { return plural.Were(n, "connection") + " cut " + text }
	if w.recent(t.now) {
		t.say(Reason{ID: TCPCut, Subject: why, State: Degraded, Text: say(w.within(lossWindow)) + ", in 15m, the last " + spell(t.now.Sub(w.grew)) + " ago"})
	}
	t.noteLoss(loss{id: TCPCut, subject: why, level: Degraded, say: say}, total, grown)
}

// linesMemory is what a Tracker remembers about the times of lines.
type linesMemory struct {
	total uint64
	last  time.Time // when new lines last arrived; zero if never
	busy  time.Time // start of the current period in which lines arrived without a long gap
}

// lookAtSilence adds a reason if lines arrived steadily, and then no more arrived.
func (t *Tracker) lookAtSilence(in *IntakeFacts, interval time.Duration) {
	// The number of lines is only updated at flushes.
	gap := max(silentAfter, 2*interval)
	m := &t.lines
	if in.Lines != m.total {
		if m.last.IsZero() || t.now.Sub(m.last) >= gap {
			m.busy = t.now
		}
		m.total, m.last = in.Lines, t.now
	}
	if silent := t.now.Sub(m.last); !m.last.IsZero() && silent >= gap && m.last.Sub(m.busy) >= busyFor {
		t.say(Reason{ID: Silent, State: Degraded, Since: m.last, Text: fmt.Sprintf("no line was received for %s; before that, lines were received for %s", spell(silent), spell(m.last.Sub(m.busy)))})
	}
}
