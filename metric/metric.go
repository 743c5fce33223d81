// Package metric holds the words that every other package speaks: what a
// sample is, what a point is, and what a name may look like.
//
// A Sample is one value as a client sent it; a Point is one value as a flush
// publishes it. Both are plain data: the package does no I/O, starts no
// goroutine, and logs nothing.
package metric

// Kind says how the samples of a name are put together.
type Kind uint8

// The four kinds. Histograms and distributions are timers, meters are counters.
const (
	Counter Kind = iota
	Gauge
	Timer
	Set
	Kinds = 4 // the number of kinds, for arrays indexed by Kind
)

var kindNames = [Kinds]string{"counter", "gauge", "timer", "set"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Sample is one value of one name. Its byte slices are borrowed from the
// buffer that was parsed: they hold until that buffer is reused.
type Sample struct {
	Kind Kind
	// Delta says that a gauge's Value adjusts the current value instead of
	// replacing it.
	Delta bool
	// TagsDropped says that the sample carried tags, all or some of which were
	// dropped.
	TagsDropped bool
	// Name is the name as the client wrote it, not yet cleaned: AppendClean is
	// applied where a name is first seen, once a name instead of once a sample.
	// Tags that belong to it are clean: see Tags.
	Name []byte
	// Member is the member of a set; Value is not used then.
	Member []byte
	// Value is finite. Timers are in the client's unit (milliseconds by
	// convention), counters and gauges have none.
	Value float64
	// Weight is the number of events that the sample stands for: 1/rate. It is at
	// least 1, except in Etsy's dialect, where it is more than 0.
	Weight float64
}

// Point is one published value: what a sink sends.
type Point struct {
	// Path is the full published name, prefix included. It is borrowed: it
	// holds until the iteration that yielded the point goes on.
	Path []byte
	// Value is finite.
	Value float64
	// Time is the end of the flush interval, in Unix seconds.
	Time int64
}
