package question

import "time"

// The types below are the answers of changes.

// Flushed is the answer of flush.
type Flushed struct {
	Number uint64    `json:"number"` // number of the flush since the start
	At     time.Time `json:"at"`     // the time of its points
}

// Reloaded is the answer of reload.
type Reloaded struct {
	DryRun  bool     `json:"dry_run"`
	Changed []string `json:"changed"` // flags that have changed, or would change
	Restart []string `json:"restart"` // flags that only a restart can change; they stay as they are
}

// Drained is the answer of drain.
type Drained struct {
	Draining bool      `json:"draining"`
	Until    time.Time `json:"until"`
}

// Debugged is the answer of debug.
type Debugged struct {
	Match string    `json:"match"` // "" if nothing is logged
	Until time.Time `json:"until"`
}

// Mutes are the answer of names/mute and names/unmute.
type Mutes struct {
	Names int    `json:"names"` // number of known names that the change affects
	Muted []Mute `json:"muted"` // all globs that are muted now
}

// Deleted is the answer of names/delete.
type Deleted struct {
	Match  string   `json:"match"`
	Kind   string   `json:"kind"`
	DryRun bool     `json:"dry_run"`
	Names  int      `json:"names"` // number of names deleted, or to delete
	First  []string `json:"first"` // some of these names
}
