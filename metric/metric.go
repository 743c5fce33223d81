// Package metric has the types that other packages share: samples, points, and the rules for names.
//
// A Sample is a value that a client sent. A Point is a value that a flush publishes. The package
// does no I/O, starts no goroutines, and logs nothing.
package metric

// Kind decides how the samples of a name are combined.
type Kind uint8

// The four kinds. Histograms and distributions are timers, meters are counters.
const (
	Counter Kind = iota
	Gauge
	Timer
	Set
	Kinds = 4 // the number of kinds, for arrays with an element for each Kind
)

var kindNames = [Kinds]string{"counter", "gauge", "timer", "set"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Sample is one value of one name. Its byte slices point into the parsed buffer and are valid until
// the buffer is reused.
type Sample struct {
	Kind Kind
	// Millis says that a timer's Value is in milliseconds: its type was ms, not h or d.
	// Other kinds do not use it.
	Millis bool
	// Delta says that a gauge's Value adjusts the current value instead of replacing it.
	Delta bool
	// TagsDropped says that some or all of the sample's tags were dropped.
	TagsDropped bool
	// Signed says that a gauge's value was sent with a sign. Other kinds do not use it.
	Signed bool
	// Name is the name as the client sent it. The table cleans the name when it is new, so only once for each name. If
	// tags follow the value, Name is name:tags.
	Name []byte
	// Value is finite. Sets do not use it.
	Value float64
	// Weight is the number of events that the sample represents: 1/rate. It is at least 1, except in
	// Etsy's dialect, where it is more than 0.
	Weight float64
	// At is when a gauge's sample arrived, in Unix nanoseconds. Gauges are set and
	// adjusted in the order of these times. 0 means the time when it is added. Other
	// kinds do not use it.
	At int64
	// Member is the member of a set.
	Member []byte
}

// Point is a published value. Sinks send it.
type Point struct {
	// Path is the full published name, with its prefix. It is valid only during the current step of the iteration.
	Path []byte
	// Value is finite.
	Value float64
	// Time is the end of the flush interval, in Unix seconds.
	Time int64
}
