package sink

import (
	"context"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// Recorder is a destination that collects the values of names in each flush interval, and serves them to clients
// itself. It is for values that cannot be computed from points: percentiles, and distinct members of sets, over a
// longer time.
type Recorder interface {
	Service
	Observer
}

// Service is a component that runs until it is stopped.
type Service interface {
	// Open acquires the resources that the Service needs and that can be unavailable, such as an
	// address. Its error names the unavailable resource.
	Open() error
	// Run serves until ctx ends, and then releases all resources. It returns nil unless it failed before ctx ended.
	Run(ctx context.Context) error
	// Close releases what Open acquired. It is for a Service whose Run is not called.
	Close() error
}

// Observer receives the content of each flush. The flush goroutine calls Record and EndInterval, and waits until
// they return. State can be called by any goroutine.
type Observer interface {
	// Record is called for each name of an interval. It must not keep c after it returns.
	Record(c *metric.Collected)
	// EndInterval is called after the last Record of an interval.
	EndInterval(Interval)
	// State returns the current state.
	State() State
}

// Interval describes a completed flush interval.
type Interval struct {
	// End is the flush time at the end of the interval.
	End time.Time
	// Percentiles are the configured percentile thresholds for timers. A positive p (up to 100) is counted from the
	// smallest samples, a negative p (down to -100) from the largest.
	Percentiles []float64
	// Own, if not nil, returns the daemon's own metrics in the text format of Prometheus. It may be called only
	// during EndInterval.
	Own func() []byte
}

// State describes the state of a Recorder.
type State struct {
	// Made, Delivered and Dropped count the names in completed intervals since the start: all names, stored names,
	// and names that were dropped for lack of memory. Names that are neither delivered nor dropped are still being
	// stored.
	Made, Delivered, Dropped uint64
	// Names is the number of names in the history. Minutes is the length of the history in minutes.
	Names, Minutes int
	// Bytes is the memory that the history uses. MaxBytes is the limit for this memory. Both are 0 for
	// a Recorder without a history.
	Bytes, MaxBytes int
	// Full explains why names are dropped: which memory is full, and which setting limits it.
	Full string
	// Figures are additional values for the monitor.
	Figures []Figure
	// Conflicts lists the conflicts, the most frequent conflict first.
	Conflicts []Conflict
}

// Conflict is a reason why some names are not shown as their types and rules require. For example,
// two names need the same family with different types.
type Conflict struct {
	Reason, Subject string // Reason is one word, such as "type"; Subject is the family of the names
	Text            string // description of the last conflict
	Count           uint64
}

// Figure is a value of a Recorder for the monitor, such as the number of its series.
type Figure struct {
	Name  string // name of the value, after the prefix sink.NAME.
	Value float64
	Total bool // the value never decreases
}

// Reloader is a Recorder that supports reloads. A reload creates a second Recorder with the same
// configuration. The second Recorder reads the files of the configuration again, and is never
// opened. Between two flushes, the daemon calls the method Reload of the first Recorder with the
// second Recorder. The first Recorder then uses what the second Recorder has read.
type Reloader interface {
	Recorder
	Reload(from Recorder)
}
