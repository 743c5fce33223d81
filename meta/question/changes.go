package question

import "time"

// The following types are the answers of changes.

// Flushed is the answer of the change flush.
type Flushed struct {
	Number uint64    `json:"number"` // number of the flush, counted from the start of the daemon
	At     time.Time `json:"at"`     // timestamp of the points of the flush
}

// Reloaded is the answer of the change reload.
type Reloaded struct {
	DryRun  bool     `json:"dry_run"`
	Changed []string `json:"changed"` // flags that have changed, or that a dry run would change
	Restart []string `json:"restart"` // flags that have changed in the file, but need a restart
}

// Drained is the answer of the change drain.
type Drained struct {
	Draining bool      `json:"draining"`
	Until    time.Time `json:"until"`
}

// Debugged is the answer of the change debug.
type Debugged struct {
	Match string    `json:"match"` // "" if nothing is logged
	Until time.Time `json:"until"`
}

// Mutes is the answer of the changes names/mute and names/unmute.
type Mutes struct {
	Names int    `json:"names"` // number of known names that the change affects
	Muted []Mute `json:"muted"` // all currently muted patterns
}

// Deleted is the answer of the change names/delete.
type Deleted struct {
	Match  string   `json:"match"`
	Kind   string   `json:"kind"`
	DryRun bool     `json:"dry_run"`
	Names  int      `json:"names"` // number of names that were deleted, or that a dry run would delete
	First  []string `json:"first"` // some of these names
}
