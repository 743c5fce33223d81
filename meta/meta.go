// Package meta holds what the daemon knows about itself, and the Monitor that
// shows it over HTTP.
//
// The daemon writes, at each flush, what it counted and what it published:
//
//	stats.Keep(figures, interval)
//	values.Keep(now, points)
//
// and whoever asks reads: the monitor, the flush itself, the alert loop. None
// of them resets anything, so none disturbs another.
//
// # Received bytes
//
// Whatever came from a network is shown through Quote, and only through it: a
// terminal, an XML client, a log and a web page then all see plain ASCII.
package meta

// Figure is one of the daemon's own numbers. Counts and sizes are whole
// numbers, durations are seconds, times are Unix seconds.
type Figure struct {
	Name  string  // such as "udp.packets"; A-Z a-z 0-9 _ - . only
	Value float64 // finite
	// Count says that Value counts something since the start, and never falls.
	Count bool
	// Rate is what a Count grew by per second over the last flush interval.
	// Stats works it out.
	Rate float64
}

// Value is the newest published value of one name.
type Value struct {
	Path  string // the full published name
	Value float64
	Time  int64 // Unix seconds, as published
}

// Discards is what was thrown away, and why.
type Discards struct {
	// Reasons counts the samples discarded since the start under each reason
	// ("bad_value"). It may list reasons that never occurred.
	Reasons []Figure
	// Lines are the last bad lines, the newest first, as BadLines.Last gives them.
	Lines []BadLine
	// Refused are the names that limits kept out most, the busiest first.
	Refused []Refusal
	// Collisions are the last paths that two kinds were published under.
	Collisions []string
}

// Refusal counts samples that were good, but beyond a limit, since the start.
type Refusal struct {
	Limit string // the flag that sets it, such as "max-names"
	// Prefix is what the names have in common, up to their second dot; or
	// the name, where one alone is over its limit. A-Z a-z 0-9 _ - . only.
	Prefix string
	// The count lies between them: it is followed in bounded memory.
	Least, Most uint64
}

// Source is what a Monitor reports on. Every method can be called at any time
// from any goroutine, returns at once, and gives what it returns to the caller.
type Source interface {
	// Figures returns the cut of the last flush and what is live beside it
	// (pending_stats), in any order, each name once.
	Figures() []Figure
	// Health returns the daemon's health as of now.
	Health() Health
	// Discards returns what was thrown away so far.
	Discards() Discards
}
