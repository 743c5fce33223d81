package meta

import (
	"slices"
	"strings"
	"time"
)

// State is how well the daemon works.
type State int

const (
	// OK means that everything received is published.
	OK State = iota
	// Degraded means that something is late, lost or about to be lost, while
	// the rest works.
	Degraded
	// Failing means that no samples, or no points, get through.
	Failing
)

// String returns "ok", "degraded" or "failing".
func (s State) String() string { return [...]string{"ok", "degraded", "failing"}[s] }

// Reason is one fault, in words for an operator.
type Reason struct {
	ID string // such as "kernel_drops", see ReasonIDs
	// Subject is the sink, limit or notifier concerned, or "" where there is
	// only one.
	Subject string
	// State is the daemon's state because of this reason. OK marks a note: worth knowing, but not a
	// fault yet.
	State  State
	Text   string // the fault and its extent, in one line of printable ASCII
	Since  time.Time
	Effect string // the effect on the published values
	Next   string // the command to type next
	Clears string // when the reason ends
}

// Health is the daemon's health at one moment. The page, /healthz, alerts, the log and the figures all show it. Do not
// modify it.
type Health struct {
	State   State
	Since   time.Time // when State began
	Reasons []Reason  // worst first
	// Draining says that the daemon is stopping and accepts no new clients.
	Draining bool
	// Drained says that an operator keeps new clients away.
	Drained bool
}

// Has reports whether a reason of this kind holds, a note included.
func (h Health) Has(id string) bool {
	return slices.ContainsFunc(h.Reasons, func(r Reason) bool { return r.ID == id })
}

// StateOf returns the worst state among the reasons of one kind.
func (h Health) StateOf(id string) (worst State) {
	for _, r := range h.Reasons {
		if r.ID == id {
			worst = max(worst, r.State)
		}
	}
	return worst
}

// Figures returns the health as numbers: "health" is 0 for ok, 1 for degraded
// and 2 for failing, and so is "health.REASON" for each kind of reason.
func (h Health) Figures() []Figure {
	figures := make([]Figure, 0, 1+len(reasonTable))
	figures = append(figures, Figure{Name: "health", Value: float64(h.State)})
	for _, kind := range reasonTable {
		figures = append(figures, Figure{Name: "health." + kind.id, Value: float64(h.StateOf(kind.id))})
	}
	return figures
}

// Text returns the reasons in one line, without notes; "" if there are none.
func (h Health) Text() string {
	var texts []string
	for _, r := range h.Reasons {
		if r.State != OK {
			texts = append(texts, r.Text)
		}
	}
	return strings.Join(texts, "; ")
}

// timeLayout is the format of times for machines.
const timeLayout = time.RFC3339

// line returns the reason in one line for a probe or a terminal.
func (r Reason) line() string {
	word := r.State.String()
	if r.State == OK {
		word = "note"
	}
	return word + ": " + r.Text + "; since " + r.Since.UTC().Format(timeLayout) + "; next: " + r.Next
}
