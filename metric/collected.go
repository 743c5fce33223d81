package metric

// Collected holds the values that a name has collected in one flush interval, before statistics are computed. The
// values of several intervals can be combined. The elements of the slices have no order. The slices are valid only
// until the next name is collected, because their memory is reused.
type Collected struct {
	Kind Kind
	Name []byte

	// Value is the sum of a counter in the interval, or the value of a gauge. The sum is not divided
	// by the length of the interval.
	Value float64

	// Samples are the samples of a timer. If a timer has too many samples to store, Bins represents
	// the other samples, with an error of at most 1 % for each sample.
	Samples []float64
	Bins    []Bin
	// Millis says that at least one sample of a timer was sent in milliseconds.
	Millis bool
	// Weight is the number of events that the samples of a timer represent. A sample with the sample
	// rate r represents 1/r events.
	Weight float64
	// Sum, Lower and Upper are the sum, the minimum and the maximum of all samples, including the
	// samples in Bins. In Sum each sample counts once, whatever its sample rate is.
	Sum, Lower, Upper float64

	// Members are the hashes of a set's members, each once. The hashes are distributed evenly over 64
	// bits. The hash of a member does not change during the life of the process.
	Members []uint64
}

// Bin represents Count samples that are close to Value.
type Bin struct{ Value, Count float64 }

// Received returns the number of samples of a timer.
func (c *Collected) Received() float64 {
	n := float64(len(c.Samples))
	for _, b := range c.Bins {
		n += b.Count
	}
	return n
}
