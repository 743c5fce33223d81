package meta

import (
	"slices"
	"strings"
	"time"
)

// State says how well the daemon works.
type State int

const (
	// OK means that everything received is published.
	OK State = iota
	// Degraded means that data is late, lost or about to be lost. Other data is published normally.
	Degraded
	// Failing means that no samples are received, or that no points are published.
	Failing
)

// String returns "ok", "degraded" or "failing".
func (s State) String() string { return [...]string{"ok", "degraded", "failing"}[s] }

// Reason is a fault, described for an operator.
type Reason struct {
	ID string // such as "kernel_drops"; ReasonIDs lists all IDs
	// Subject is the sink, limit or notifier that has the fault. It is "" if the reason has only one
	// possible subject.
	Subject string
	// State is the daemon's state because of this reason. If it is OK, the reason is only a note: it
	// may become a fault later.
	State  State
	Text   string // description of the fault in one line of printable ASCII
	Since  time.Time
	Effect string // what the fault means for the published values
	Next   string // a command for the operator
	Clears string // text that says when the reason will no longer be active
}

// Health is the daemon's health at a moment. The page, /healthz, alerts, the log and the figures
// show it. It must not be modified.
type Health struct {
	State   State
	Since   time.Time // when the daemon got this State
	Reasons []Reason  // worst reason first
	// Draining means that the daemon is ending, and accepts no new clients.
	Draining bool
	// Drained means that an operator has drained the daemon: new clients should connect to other
	// daemons.
	Drained bool
}

// Has reports whether there is a reason with this ID, including notes.
func (h Health) Has(id string) bool {
	return slices.ContainsFunc(h.Reasons, func(r Reason) bool { return r.ID == id })
}

// StateOf returns the worst state of the reasons with this ID.
func (h Health) StateOf(id string) (worst State) {
	for _, r := range h.Reasons {
		if r.ID == id {
			worst = max(worst, r.State)
		}
	}
	return worst
}

// Figures returns the health state and the reasons as figures. "health" is 0 for ok, 1 for degraded and 2 for failing.
// "health.REASON" is the state of one kind of reason, with the same numbers.
func (h Health) Figures() []Figure {
	figures := make([]Figure, 0, 1+len(reasonTable))
	figures = append(figures, Figure{Name: "health", Value: float64(h.State)})
	for _, id := range ReasonIDs() {
		figures = append(figures, Figure{Name: "health." + id, Value: float64(h.StateOf(id))})
	}
	return figures
}

// Text returns the texts of all reasons in one line, without notes. It returns "" if there are
// none.
func (h Health) Text() string {
	var texts []string
	for _, r := range h.Reasons {
		if r.State != OK {
			texts = append(texts, r.Text)
		}
	}
	return strings.Join(texts, "; ")
}

// timeLayout is the format of times that programs read.
const timeLayout = time.RFC3339

// line returns the reason as one line for probes and terminals.
func (r Reason) line() string {
	word := r.State.String()
	if r.State == OK {
		word = "note"
	}
	return word + ": " + r.Text + "; since " + r.Since.UTC().Format(timeLayout) + "; next: " + r.Next
}
