package metric

// Row holds everything that is published for one name at a flush. It is for sinks that store the name, the tags and the
// statistics separately. Its slices are valid only until the next row is made.
type Row struct {
	Kind Kind
	// Own marks one of the daemon's own metrics. In this case Kind is Gauge, and Name is the whole
	// path.
	Own  bool
	Name []byte // clean name without tags
	Tags []byte // sorted tags in the form ";key=value;key=value", or empty; see CutTags
	// Start and Time are the beginning and the end of the flush interval, in Unix seconds.
	Start, Time int64
	// Stats are the published statistics, each with a different name. These are: rate and count of a
	// counter, value of a gauge, count of a set, the statistics of a timer chosen in
	// Layout.TimerStats, and bin_N of a histogram.
	Stats []Stat
	// Sum is the sum of a counter in the interval. It is not divided by the length of the interval.
	Sum float64
	// Timer is the distribution of a timer's samples. It is nil for other kinds, and for a timer
	// without samples in the interval.
	Timer *Distribution
}

// Stat is a statistic of a Row.
type Stat struct {
	Name  string
	Value float64 // a finite number
}

// Distribution describes the distribution of a timer's samples in bins that grow exponentially. Bin
// i contains the samples v with base^i < |v| <= base^(i+1), where base = 2^(2^-Scale). These are
// the bins of OpenTelemetry's exponential histograms
// (https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram).
type Distribution struct {
	// Count is the number of events that the samples represent, and Sum is the sum of their values. A
	// sample with the sample rate r represents 1/r events.
	Count, Sum   float64
	Lower, Upper float64
	Millis       bool // whether at least one sample was sent in milliseconds
	Scale        int  // the scale of the bins, at most 20
	// Zero is the number of events with the value 0. The sum of Zero and of all bins is Count. Zero and the bins weight
	// all samples equally, even if the samples have different sample rates: each sample counts as Count divided by the
	// number of samples.
	Zero     float64
	Positive ExpBins
	Negative ExpBins // indexed by magnitude
}

// ExpBins is a sequence of adjacent bins. The first bin has the index Offset.
type ExpBins struct {
	Offset int
	Counts []float64
}
