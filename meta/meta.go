// Package meta contains what the daemon knows about itself, and the Monitor, which shows this over HTTP.
//
// At each flush the daemon stores its figures, and package history stores the published values:
//
//	stats.Keep(figures, interval)
//	values.Keep(at, points)
//
// The monitor, the flush loop and the health checks read them. Readers do not reset any figure, so they do not affect
// each other.
//
// # Health
//
// A Tracker derives the Health from Facts. Health is ok, degraded or failing, and contains all reasons. The page, the
// probes, the alerts, the log and the figures show this Health. They do not compute their own. A new reason needs an
// entry in reasonTable, and a rule in the Tracker that reports it.
//
// # Received bytes
//
// Bytes from the network may be shown only through Quote. Terminals, XML clients, logs and web pages then get plain
// ASCII.
package meta

// Figure is a number that the daemon publishes about itself. Counts and sizes are whole numbers. Durations are in
// seconds, even if they are sums since the start (Count is true). Times are in Unix seconds.
type Figure struct {
	Name  string  // such as "udp.packets"; it consists of A-Z a-z 0-9 _ - .
	Value float64 // always finite
	// Count means that the Value counts something since the start, so it never decreases.
	Count bool
	// Rate is the growth of a Count per second in the last flush interval. Stats computes it.
	Rate float64
}

// Value is the last published value of a path.
type Value struct {
	Path  string // the published name, with its prefix
	Value float64
	Time  int64 // timestamp of the point in Unix seconds
}

// Values provides the last published values. Any goroutine may call any method.
type Values interface {
	// Last returns the values, sorted bytewise by path. The caller must not change them.
	Last() []Value
	// Missed returns the number of points in the last flush whose values are not kept.
	Missed() int
	// Flushed returns the time of the last flush in Unix seconds, or 0 before the first flush.
	Flushed() int64
}

// Discards describes the samples that were not counted, and why.
type Discards struct {
	// Reasons has the number of discarded samples since the start for each reason, such as
	// "bad_value". The number may be 0.
	Reasons []Figure
	// Lines are the last bad lines, newest first.
	Lines []BadLine
	// Alike counts the bad lines of the last 15 minutes by sender and reason.
	Alike []Alike
	// Refused lists the names with the most samples that were refused because of a limit, largest first.
	Refused []Refusal
	// Collisions are the last paths that several names shared. The names have different kinds, or use
	// the same file in Graphite.
	Collisions []string
}

// Refusal says how many good samples were refused since the start because of a limit.
type Refusal struct {
	Limit string // flag of the limit, such as "max-names"
	// Prefix is the part of the names up to their second dot. If the limit applies to a single name,
	// Prefix is that name. It consists of A-Z a-z 0-9 _ - .
	Prefix string
	// The exact number is between Min and Max. It is not known exactly, because the memory for
	// counting is limited.
	Min, Max uint64
}

// Source provides the data that a Monitor shows. Any goroutine may call any method at any time. All
// methods return at once. The caller may change the results.
type Source interface {
	// Figures returns the figures of the last flush, and current figures such as pending_stats and health. Each name
	// occurs once. The order of the figures is not fixed.
	Figures() []Figure
	// Health returns the current health of the daemon.
	Health() Health
	// Discards returns the discards since the start.
	Discards() Discards
}
