package metric

// Collected holds the values that a name collected in one flush interval, before statistics are
// computed. It can be combined with other intervals. Its slices are unordered and only valid until
// the next name.
type Collected struct {
	Kind Kind
	Name []byte

	// Value is the sum of a counter, not divided by the interval, or the value of a
	// gauge.
	Value float64

	// Samples are a timer's samples. If there were too many to keep, the rest is in Bins, within 1 %
	// of each value.
	Samples []float64
	Bins    []Bin
	// Millis says that at least one of a timer's samples was sent in milliseconds.
	Millis bool
	// Weight is the number of events that a timer's samples represent: 1/rate each.
	Weight float64
	// Sum, Lower and Upper cover all samples, in bins or not. Each counts once.
	Sum, Lower, Upper float64

	// Members are hashes of a set's members, each once. They are spread evenly over 64 bits, and do
	// not change while the process lives.
	Members []uint64
}

// Bin counts samples near one value.
type Bin struct{ Value, Count float64 }

// Received returns the number of a timer's samples.
func (c *Collected) Received() float64 {
	n := float64(len(c.Samples))
	for _, b := range c.Bins {
		n += b.Count
	}
	return n
}
