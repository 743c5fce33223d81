package metric

// Row holds everything that one name publishes at a flush, for sinks that keep name, tags and statistics separate. Its
// slices are valid until the next row.
type Row struct {
	Kind Kind
	// Own marks one of the daemon's own figures. Kind is then Gauge, and Name the whole path.
	Own  bool
	Name []byte // clean, without tags
	Tags []byte // ";key=value;key=value", sorted, or empty: see CutTags
	// Start and Time are the beginning and the end of the flush interval, in Unix seconds.
	Start, Time int64
	// Stats are the published statistics, each with a name of its own: rate and count of a counter,
	// value of a gauge, count of a set, the chosen Layout.TimerStats of a timer, bin_N of a histogram.
	Stats []Stat
	// Sum is a counter's sum in the interval, not divided by it.
	Sum float64
	// Timer has the distribution of a timer's samples; nil for other kinds, and for a timer without
	// samples in the interval.
	Timer *Distribution
}

// Stat is a statistic of a Row.
type Stat struct {
	Name  string
	Value float64 // finite
}

// Distribution describes the spread of a timer's samples, in bins that grow exponentially: bin i holds the samples v
// with base^i < |v| <= base^(i+1), and base = 2^(2^-Scale). These are the bins of OpenTelemetry's exponential
// histograms (https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram).
type Distribution struct {
	// Count is the number of events that the samples represent, 1/rate each, and Sum is their sum.
	Count, Sum   float64
	Lower, Upper float64
	Millis       bool // at least one sample was sent in milliseconds
	Scale        int  // at most 20
	// Zero and the bins add up to Count. If the samples have several rates, each sample counts as the
	// mean of these.
	Zero     float64
	Positive ExpBins
	Negative ExpBins // by magnitude
}

// ExpBins are neighbouring bins; the first has the index Offset.
type ExpBins struct {
	Offset int
	Counts []float64
}
