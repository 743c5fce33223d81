package history

import (
	"time"

	"github.com/statsd-ops/statsd/meta"
)

// Figures remembers the daemon's own figures: of each flush for a day, and of each minute for a week,
// in at most 2 MiB. With a flush interval below 10 s the flushes of less than a day are held. Any
// goroutine may use it.
//
// Fractions are remembered to the microsecond (1e-6).
type Figures struct{}

// NewFigures returns Figures for flushes that are interval apart.
func NewFigures(interval time.Duration) *Figures { return &Figures{} }

// Keep remembers the figures of the flush at the given time. Figures may appear and vanish from one
// flush to the next.
func (f *Figures) Keep(at time.Time, figures []meta.Figure) {}

// Query asks for figures.
type Query struct {
	Names []string
	// Since is the beginning. The end is the last flush.
	Since time.Time
	// Points limits the values of each line. There may be fewer: a step is never shorter than a flush
	// interval, or than a minute where only minutes are held.
	Points int
}

// Series returns the figures of a Query, one line for each name, in their order.
func (f *Figures) Series(q Query) Series { return Series{} }

// Growth returns how much a figure grew in the newest time, such as 15 minutes, and over which time
// that is known: less if the daemon, or the figure, is younger. It is (0, 0) for an unknown figure.
// A figure that shrank gives less than 0.
func (f *Figures) Growth(name string, over time.Duration) (grew float64, known time.Duration) {
	return 0, 0
}

// Known reports whether anything is remembered of the figure.
func (f *Figures) Known(name string) bool { return false }

// Bytes returns the memory in use.
func (f *Figures) Bytes() int { return 0 }
