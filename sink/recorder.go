package sink

import (
	"context"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// Recorder keeps what names collect in each flush interval, and serves it itself.
// Where points are not enough it takes the place of a Sink: percentiles and distinct
// members of a longer time can be worked out of samples and members only.
type Recorder interface {
	Service
	Observer
}

// Service is something that runs until it is told to end.
type Service interface {
	// Open takes what can be missing, such as an address. The error names it.
	Open() error
	// Run serves until ctx ends, and lets go of everything. It returns nil, unless
	// it could not go on serving.
	Run(ctx context.Context) error
	// Close lets go of what Open took. It is for a Service that is not run.
	Close() error
}

// Observer is shown what a flush sees. Record and EndInterval are called by the
// flush, which waits for them; State by any goroutine.
type Observer interface {
	// Record is called for each name of an interval. It must not keep c.
	Record(c *metric.Collected)
	// EndInterval says that all names of the interval were shown.
	EndInterval(Interval)
	// State tells how things stand.
	State() State
}

// Interval is a flush interval that is over.
type Interval struct {
	// End is the boundary at which it was flushed.
	End time.Time
	// Percentiles are the thresholds for timers that are configured: of the smallest
	// samples, 0 < p <= 100, or of the greatest, -100 <= p < 0.
	Percentiles []float64
}

// State is what a Recorder tells of itself.
type State struct {
	// Names of the intervals that are over, since the start: those shown, and of
	// these those kept, and those that there was no room for. The rest is on its way.
	Made, Delivered, Dropped uint64
	// Names and Minutes are what there is history of.
	Names, Minutes int
	// Bytes is the memory it takes, and MaxBytes the limit.
	Bytes, MaxBytes int
}
