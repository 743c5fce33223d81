package history

import (
	"context"
	"iter"
	"time"

	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
)

// Config configures Values.
type Config struct {
	// Interval is the flush interval.
	Interval time.Duration
	// Names limits the paths whose newest value is kept, and so those with a history too.
	Names int
	// Memory limits the bytes of histories: about 1.4 KB for each path at an interval of 10 s. 0 keeps
	// none.
	Memory int
}

// Values keeps the newest value of each path that was published in the last 6 flushes or in the last
// 60 seconds, and the history of some paths: the values of the last 15 minutes (at least 15 flushes,
// at most 900), and mean, least and greatest of each minute of the 45 before. Any goroutine may use
// it.
//
// Paths that somebody asked for in the last hour have a history, then those that came first. Path,
// Find and Series ask. A path that had no history has one from the next flush on.
type Values struct{}

// NewValues returns empty Values. They take memory only as paths come.
func NewValues(cfg Config) *Values { return &Values{} }

// Keep takes the points of the flush at the given time. A path is copied when it is new.
func (v *Values) Keep(at time.Time, points iter.Seq[metric.Point]) {}

// Span are the values of a path over the newest minutes. They are exact. They are NaN if Flushes is 0.
type Span struct {
	Mean, Min, Max float64
	Flushes        int // flushes with a value
}

// Held says whether a path has a history.
type Held uint8

// The states of a path.
const (
	Holding Held = iota // it has a history
	FromNow             // it has one from the next flush on
	NoPlace             // all places are taken by paths that were asked for in the last hour
	Off                 // no histories are kept
)

// Path is what is known of one path.
type Path struct {
	Path  string
	Value float64   // the newest, or NaN if there is none
	Time  time.Time // of Value
	Held  Held
	// M1, M5 and M15 are over the minutes before the last flush.
	M1, M5, M15 Span
	// Flushes is how many flushes of its history have a value.
	Flushes int
}

// Path returns what is known of one path. ok is false if no value of it is known.
func (v *Values) Path(path string) (p Path, ok bool) { return Path{}, false }

// Order is the order of found paths.
type Order uint8

// The orders.
const (
	ByPath  Order = iota // bytewise
	ByValue              // the greatest first
	ByAge                // the newest first
)

// Search asks for paths.
type Search struct {
	// Match decides which paths are wanted. It must not keep its argument. nil is all.
	Match func(path string) bool
	// Prefix, if not empty, is how all wanted paths begin. It makes the search faster.
	Prefix string
	// Limit limits the paths returned.
	Limit int
	// After leaves out the paths up to this one. With ByPath only.
	After string
	Order Order
}

// Found is what a Search found.
type Found struct {
	Paths   []Path
	Matched int // paths that match, returned or not
	Looked  int // paths looked at
	// Paths of the last flush, and how many paths have a history.
	Published, Histories int
	// Next is the After of the next page, "" at the end.
	Next string
	AsOf time.Time // the last flush
	// Complete is false if not all paths of the last flush could be looked at. Ask again after a flush.
	Complete bool
}

// Find looks for paths. It looks at the paths of which a value is kept, and if there are more, at all
// paths of the last flush, which are held for an hour after a search. The first search waits for the
// next flush until ctx ends.
func (v *Values) Find(ctx context.Context, s Search) (Found, error) { return Found{}, nil }

// Series returns the history of one path since a time, in at most so many points. It asks for the
// path. Known is false if nothing is held.
func (v *Values) Series(path string, since time.Time, points int) (Series, Held) {
	return Series{}, Off
}

// Flushed returns the Unix second of the last flush, 0 before the first.
func (v *Values) Flushed() int64 { return 0 }

// Missed returns how many points of the last flush have no kept value.
func (v *Values) Missed() int { return 0 }

// Last returns the kept values, sorted bytewise by path. All callers between two flushes share the
// slice: do not change it.
func (v *Values) Last() []meta.Value { return nil }

// Histories returns how many paths have a history, and how many were published by the last flush.
func (v *Values) Histories() (held, published int) { return 0, 0 }

// Bytes returns the memory that histories take.
func (v *Values) Bytes() int { return 0 }
