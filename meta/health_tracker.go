package meta

import (
	"cmp"
	"net"
	"slices"
	"strconv"
	"time"
)

// Tracker computes the daemon's health from facts. It remembers when each reason became active. A reason stays active
// until the condition for its end is met. The Tracker has no clock and no goroutine, and its memory is bounded. Only
// one goroutine may use it at a time.
type Tracker struct {
	ask   string // command that queries the monitor; "" without a monitor
	began time.Time
	now   time.Time // time of the current call
	slot  int       // number of the time slot that contains now; slotTime is the length of a slot

	health Health
	unwell time.Time // when the daemon's health last became worse than ok
	// unjoined means that the reason ClusterUnknown was active when the daemon's health became worse than ok.
	unjoined bool
	said     []Reason // active reasons, as found in the current call
	notes    []Note
	losses   map[key]*loss
	told     map[key]told // what was logged about each reason

	flush  flushMemory
	intake intakeMemory
	lines  linesMemory
	ledger map[string]imbalance
	sinks  map[string]*sinkMemory
	// The key is the name of the listener. These names do not change while the daemon runs.
	listeners map[string]*listenerMemory

	cluster clusterMemory

	noDescriptor window
}

// monitorPort is the port that statsdmonitor uses by default.
const monitorPort = 8135

// key is the ID and the subject of a reason. Together they identify the reason.
type key struct{ id, subject string }

func (k key) compare(other key) int {
	return cmp.Or(cmp.Compare(k.id, other.id), cmp.Compare(k.subject, other.subject))
}

// NewTracker returns a Tracker for a daemon that starts at the time now. The parameter monitor is
// the address of the daemon's monitor, for the commands in reasons. It is nil without a monitor. The parameter secure says
// that the monitor uses TLS.
func NewTracker(now time.Time, monitor net.Addr, secure bool) *Tracker {
	t := &Tracker{
		began:  now,
		health: Health{Since: now},
		losses: map[key]*loss{},
		told:   map[key]told{},
		ledger: map[string]imbalance{},
		sinks:  map[string]*sinkMemory{},

		listeners: map[string]*listenerMemory{},
	}
	if tcp, ok := monitor.(*net.TCPAddr); ok {
		t.ask = askOf(tcp, secure)
	}
	return t
}

// askOf returns the command that queries a monitor from its own host.
func askOf(monitor *net.TCPAddr, secure bool) string {
	host, scheme := monitor.IP.String(), ""
	// The name localhost can be 127.0.0.1 only, so other loopback addresses are written out.
	if monitor.IP.IsUnspecified() || monitor.IP.Equal(net.IPv4(127, 0, 0, 1)) {
		host = "localhost"
	}
	if secure {
		scheme = "https://"
	} else if host == "localhost" && monitor.Port == monitorPort {
		return "statsdmonitor"
	}
	return "statsdmonitor --at " + scheme + net.JoinHostPort(host, strconv.Itoa(monitor.Port))
}

// Observe computes the daemon's health from the facts at the time now. This time must not be before the time of the
// last call. It also returns the messages for the log.
func (t *Tracker) Observe(now time.Time, f *Facts) (Health, []Note) {
	t.now, t.slot = now, slots(now.Sub(t.began))
	t.said, t.notes = nil, nil
	t.lookAtFlush(f)
	t.lookAtCluster(f)
	t.lookAtSinks(f)
	t.lookAtIntake(f)
	t.lookAtListeners(f)
	t.lookAtFaults(f)
	t.lookAtLedger(f)
	t.settle()
	t.health.Draining, t.health.Drained = f.Draining, f.Drained
	return t.health, t.notes
}

// say adds an active reason to t.said. If the reason was also active in the previous call of Observe, it keeps its time
// Since. Otherwise, say changes a zero Since to the current time.
func (t *Tracker) say(r Reason) {
	if before := t.open(r.ID, r.Subject); before != nil {
		r.Since = before.Since
	}
	if r.Since.IsZero() {
		r.Since = t.now
	}
	t.said = append(t.said, r)
}

// open returns the reason with this ID and subject if it was active in the previous call of Observe, and nil if not.
func (t *Tracker) open(id, subject string) *Reason {
	for i := range t.health.Reasons {
		if r := &t.health.Reasons[i]; r.ID == id && r.Subject == subject {
			return r
		}
	}
	return nil
}

// hold reports whether a reason is active now. If the reason was not active in the previous call of Observe, hold
// returns the parameter begins. Otherwise it returns true if begins or stays is true.
func (t *Tracker) hold(id, subject string, begins, stays bool) bool {
	return begins || stays && t.open(id, subject) != nil
}

// settle computes the daemon's health from the reasons in t.said.
func (t *Tracker) settle() {
	worst := OK
	for i := range t.said {
		r := &t.said[i]
		kind := &reasonTable[rank(r.ID)]
		r.Effect, r.Clears = kind.effect, kind.clears
		r.Next = "see the log (--monitor-port is off)"
		if t.ask != "" {
			r.Next = t.ask + " " + kind.next(r.Subject)
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

// rank returns the index of a kind of reason in reasonTable.
func rank(id string) int {
	return slices.IndexFunc(reasonTable, func(k reasonKind) bool { return k.id == id })
}
