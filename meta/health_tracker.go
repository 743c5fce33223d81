package meta

import (
	"cmp"
	"net"
	"slices"
	"strconv"
	"time"
)

// Tracker turns facts into Health. It keeps when each reason began, and holds
// each until its clearing condition is met. It has no clock and no goroutine,
// takes bounded memory, and is for one goroutine at a time.
type Tracker struct {
	ask   string // the command that asks the monitor, "" without one
	began time.Time
	now   time.Time // the moment being looked at
	slot  int       // of that moment being looked at, see slotTime

	health Health
	unwell time.Time // since when it is not ok
	said   []Reason  // by the rules, of the moment being looked at
	notes  []Note
	losses map[key]*loss
	told   map[key]told // what the log knows of reasons

	flush  flushMemory
	intake intakeMemory
	lines  linesMemory
	ledger map[string]imbalance
	sinks  map[string]*sinkMemory

	noDescriptor window
}

// key names a reason.
type key struct{ id, subject string }

// NewTracker returns a Tracker for a daemon that starts now. monitor is the
// address of its monitor, for the commands to type next; nil if there is none.
func NewTracker(now time.Time, monitor net.Addr) *Tracker {
	t := &Tracker{
		began:  now,
		health: Health{Since: now},
		losses: map[key]*loss{},
		told:   map[key]told{},
		ledger: map[string]imbalance{},
		sinks:  map[string]*sinkMemory{},
	}
	if tcp, ok := monitor.(*net.TCPAddr); ok {
		host := tcp.IP.String()
		if tcp.IP.IsUnspecified() || tcp.IP.IsLoopback() {
			host = "localhost"
		}
		t.ask = "statsdmonitor " + host + " " + strconv.Itoa(tcp.Port)
	}
	return t
}

// Observe looks at the facts of a moment, which is not before the last one. It
// returns the health, and what the log has to be told.
func (t *Tracker) Observe(now time.Time, f *Facts) (Health, []Note) {
	t.now, t.slot = now, slots(now.Sub(t.began))
	t.said, t.notes = nil, nil
	t.lookAtFlush(f)
	t.lookAtSinks(f)
	t.lookAtIntake(f)
	t.lookAtFaults(f)
	t.lookAtLedger(f)
	t.settle()
	t.health.Draining = f.Draining
	return t.health, t.notes
}

// say adds a reason that holds now. It began when it was first said, unless it
// says since when.
func (t *Tracker) say(r Reason) {
	if before := t.open(r.ID, r.Subject); before != nil {
		r.Since = before.Since
	}
	if r.Since.IsZero() {
		r.Since = t.now
	}
	t.said = append(t.said, r)
}

// open returns a reason of the last moment, nil if it did not hold.
func (t *Tracker) open(id, subject string) *Reason {
	for i := range t.health.Reasons {
		if r := &t.health.Reasons[i]; r.ID == id && r.Subject == subject {
			return r
		}
	}
	return nil
}

// hold decides about a reason that begins under one condition and ends only
// when another does not hold any more.
func (t *Tracker) hold(id, subject string, begins, stays bool) bool {
	return begins || stays && t.open(id, subject) != nil
}

// settle makes what was said the health.
func (t *Tracker) settle() {
	worst := OK
	for i := range t.said {
		r := &t.said[i]
		kind := reasonTable[rank(r.ID)]
		r.Effect, r.Clears = kind.effect, kind.clears
		r.Next = "see the log (--monitor-port is off)"
		if t.ask != "" {
			r.Next = t.ask + kind.ask
		}
		worst = max(worst, r.State)
	}
	slices.SortStableFunc(t.said, func(a, b Reason) int {
		return cmp.Or(cmp.Compare(b.State, a.State), cmp.Compare(rank(a.ID), rank(b.ID)), cmp.Compare(a.Subject, b.Subject))
	})
	t.noteReasons(worst)
	if worst != t.health.State {
		t.health.State, t.health.Since = worst, t.now
	}
	t.health.Reasons = t.said
}

// rank is the place of a kind of reason in the table.
func rank(id string) int {
	return slices.IndexFunc(reasonTable, func(k reasonKind) bool { return k.id == id })
}
