package metric

// Collected is what a name collected in one flush interval, before statistics are
// made of it: it can be added to other intervals. Its slices are in no particular
// order, and valid only until the next name.
type Collected struct {
	Kind Kind
	Name []byte

	// Value is the sum of a counter, not divided by the interval, or the value of a
	// gauge.
	Value float64

	// Samples are a timer's samples. If there were too many to keep, Bins stand for the
	// others, within 1 % of each value.
	Samples []float64
	Bins    []Bin
	// Millis says that at least one of a timer's samples was sent in milliseconds.
	Millis bool
	// Weight is how many events a timer's samples stand for: 1/rate each.
	Weight float64
	// Sum, Lower and Upper are of all samples, in bins or not. Each counts once.
	Sum, Lower, Upper float64

	// Members are hashes of a set's members, each once. They are spread evenly over
	// 64 bits, and stay the same while the process lives.
	Members []uint64
}

// Bin is a number of samples near one value.
type Bin struct{ Value, Count float64 }

// Received returns how many samples of a timer there are.
func (c *Collected) Received() float64 {
	n := float64(len(c.Samples))
	for _, b := range c.Bins {
		n += b.Count
	}
	return n
}
