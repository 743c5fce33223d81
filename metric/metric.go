// Package metric contains the types that other packages share: samples, points, and the rules for
// names.
//
// A Sample is a value that a client has sent. A Point is a value that a flush publishes. This
// package does no I/O, starts no goroutines, and logs nothing.
package metric

// Kind is the kind of a metric. It decides how the samples of a name are combined.
type Kind uint8

// The four kinds of metrics. Histograms and distributions are handled as timers, meters are handled
// as counters.
const (
	Counter Kind = iota
	Gauge
	Timer
	Set
	Kinds = 4 // length of arrays indexed by Kind
)

var kindNames = [Kinds]string{"counter", "gauge", "timer", "set"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Sample is one value of one name. Its slices are subslices of the parsed buffer. They are valid
// until the buffer is reused.
type Sample struct {
	Kind Kind
	// Millis says that the Value of a timer is in milliseconds. This is so for the type ms, but not
	// for h and d. Other kinds do not use Millis.
	Millis bool
	// Delta says that the Value of a gauge adjusts the current value instead of replacing it.
	Delta bool
	// TagsDropped says that some or all of the sample's tags were dropped.
	TagsDropped bool
	// Signed says that the value of a gauge was sent with a sign. Other kinds do not use it.
	Signed bool
	// Name is the name as the client has sent it. The table cleans each new name once. If the sample has tags after its
	// value, and the parser keeps the tags as they were sent, Name is NAME:TAGS.
	Name []byte
	// Value is a finite number. Sets do not use it.
	Value float64
	// Weight is the number of events that the sample represents: 1 divided by the sample rate. It is
	// at least 1, except in Etsy's dialect, where it can be any positive number.
	Weight float64
	// At is the time when a gauge's sample arrived, in Unix nanoseconds. The samples of a gauge are
	// applied in the order of these times. 0 means the time when the sample is added. Other kinds do
	// not use At.
	At int64
	// Member is the member to add to a set. Other kinds do not use it.
	Member []byte
}

// Point is a published value, which sinks send.
type Point struct {
	// Path is the full published name, including prefixes. It is valid only until the next point is made, because its
	// memory is reused.
	Path []byte
	// Value is a finite number.
	Value float64
	// Time is the end of the flush interval, in Unix seconds.
	Time int64
}
