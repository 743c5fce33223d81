package sink

import (
	"context"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// Recorder collects the values of names in each flush interval and serves them itself. It is used instead of a Sink
// where points are not enough: for percentiles and distinct members over a longer time.
type Recorder interface {
	Service
	Observer
}

// Service runs until it is stopped.
type Service interface {
	// Open opens everything that can fail, for example an address. The error names it.
	Open() error
	// Run serves until ctx ends and then releases everything. It returns nil unless it could not
	// continue.
	Run(ctx context.Context) error
	// Close undoes Open. It is for a Service that does not run.
	Close() error
}

// Observer sees the content of a flush. The flush calls Record and EndInterval and waits for them.
// Any goroutine may call State.
type Observer interface {
	// Record is called for each name of an interval. It must not keep c.
	Record(c *metric.Collected)
	// EndInterval is called after the last Record of an interval.
	EndInterval(Interval)
	// State returns the current state.
	State() State
}

// Interval is a completed flush interval.
type Interval struct {
	// End is the boundary of its flush.
	End time.Time
	// Percentiles are the configured thresholds for timers: from the smallest samples, 0 < p <= 100,
	// or from the greatest, -100 <= p < 0.
	Percentiles []float64
	// Own, unless nil, returns the daemon's figures in the text format of Prometheus. It is for
	// EndInterval only.
	Own func() []byte
}

// State describes a Recorder.
type State struct {
	// Counts of names in completed intervals since the start: seen, stored, and dropped for lack of room. The rest is
	// still being stored.
	Made, Delivered, Dropped uint64
	// Names and Minutes are the size of the history.
	Names, Minutes int
	// Bytes is the memory in use, and MaxBytes its limit. A Recorder without a history has none.
	Bytes, MaxBytes int
	// Full says, when names are dropped, what is full, and which setting limits it.
	Full string
	// Figures are further figures for the monitor.
	Figures []Figure
	// Conflicts are names that are not shown as they should be, the most frequent first.
	Conflicts []Conflict
}

// Conflict is a reason for which names are not shown as they should be.
type Conflict struct {
	Reason, Subject string // such as type, and the family
	Text            string // description of the last conflict
	Count           uint64
}

// Figure is a figure of a Recorder for the monitor, such as its number of series.
type Figure struct {
	Name  string // the figure's name after sink.NAME.
	Value float64
	Total bool // whether the value only grows
}

// Reloader is a Recorder that can change to the files that another Recorder with the same configuration has read. A
// reload made the other Recorder and never opened it. The flush calls Reload between two flushes.
type Reloader interface {
	Recorder
	Reload(from Recorder)
}
