// Package meta holds the daemon's knowledge of itself, and the Monitor that
// shows it over HTTP.
//
// At each flush the daemon writes its counts, and package history keeps the
// published values:
//
//	stats.Keep(figures, interval)
//	values.Keep(at, points)
//
// The monitor, the flush and the alert loop read them. No reader resets anything, so readers do not
// disturb each other.
//
// # Health
//
// A Tracker turns Facts into Health: ok, degraded or failing, and all reasons.
// The page, the probes, the alerts, the log and the figures show that Health and
// decide nothing themselves. A new reason needs an entry in reasonTable, and a rule
// that reports it.
//
// # Received bytes
//
// Bytes from the network are shown through Quote only. Terminals, XML clients,
// logs and web pages then get plain ASCII.
package meta

// Figure is a number that the daemon publishes about itself. Counts and sizes are whole numbers.
// Durations are seconds, also if Count is set. Times are Unix seconds.
type Figure struct {
	Name  string  // such as "udp.packets"; A-Z a-z 0-9 _ - . only
	Value float64 // finite
	// Count marks a Value that counts since the start and never decreases.
	Count bool
	// Rate is the growth of a Count per second in the last flush interval. Stats computes it.
	Rate float64
}

// Value is the newest published value of one name.
type Value struct {
	Path  string // the full published name
	Value float64
	Time  int64 // Unix seconds, as published
}

// Values are the newest published values. Any goroutine may call any method.
type Values interface {
	// Last returns the values, sorted bytewise by path. The caller does not change
	// them.
	Last() []Value
	// Missed returns how many points of the last flush are not among them.
	Missed() int
	// Flushed returns the Unix second of the last flush, 0 before the first.
	Flushed() int64
}

// Discards are the samples that were not counted, with the reasons.
type Discards struct {
	// Reasons counts the samples discarded since the start under each reason
	// ("bad_value"). Some counts may be 0.
	Reasons []Figure
	// Lines are the last bad lines, newest first.
	Lines []BadLine
	// Alike counts the bad lines of the last 15 minutes by sender and reason.
	Alike []Alike
	// Refused lists the names that a limit refused most often, the worst first.
	Refused []Refusal
	// Collisions are the last paths that several names shared: of two kinds, or one file in Graphite.
	Collisions []string
}

// Refusal counts good samples that a limit refused, since the start.
type Refusal struct {
	Limit string // the flag that sets it, such as "max-names"
	// Prefix is the common beginning of the names, up to their second dot. If a single name is over
	// its limit, it is that name. A-Z a-z 0-9 _ - . only.
	Prefix string
	// The exact count lies between these bounds: memory for it is bounded.
	Min, Max uint64
}

// Source gives a Monitor its answers. Any goroutine may call any method at any
// time. Methods return at once, and the caller owns the result.
type Source interface {
	// Figures returns the figures of the last flush, and live ones
	// (pending_stats, health), in any order, each name once.
	Figures() []Figure
	// Health returns the daemon's health as of now.
	Health() Health
	// Discards returns the discards so far.
	Discards() Discards
}
