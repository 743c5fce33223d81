package metric

// Collected is what a name collected in one flush interval, before anything
// is worked out of it: what can be added to what it collected in others. Its slices
// are borrowed: they hold until the next name's turn, and in no particular order.
type Collected struct {
	Kind Kind
	Name []byte

	// Value is the sum of a counter, not divided by the interval, or the last
	// value of a gauge.
	Value float64

	// Samples are those of a timer. Where there were too many to keep, Bins stand for
	// the others, within 1 % of each value.
	Samples []float64
	Bins    []Bin
	// Millis says that at least one of a timer's samples was sent in milliseconds.
	Millis bool
	// Weight is how many events a timer's samples stand for: each 1/rate.
	Weight float64
	// Sum, Lower and Upper are of all samples, in bins or not, each counted once.
	Sum, Lower, Upper float64

	// Members are hashes of a set's members, each once. They are spread evenly over
	// 64 bits, and stay the same while the process lives.
	Members []uint64
}

// Bin stands for a number of samples near one value.
type Bin struct{ Value, Count float64 }

// Received returns how many samples of a timer there are.
func (c *Collected) Received() float64 {
	n := float64(len(c.Samples))
	for _, b := range c.Bins {
		n += b.Count
	}
	return n
}
