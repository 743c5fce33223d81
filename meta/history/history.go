// Package history keeps past values: the daemon's own figures for a week, and the values of published paths for an
// hour.
//
//	figures := history.NewFigures(interval)
//	values := history.NewValues(history.Config{Interval: interval, Names: 100_000, Memory: 16 << 20})
//
// Each flush adds its values. Readers do not delay a flush.
//
//	figures.Keep(at, own)
//	values.Keep(at, count, points)
//
// These are queries:
//
//	figures.Series(history.Query{Names: []string{"udp.kernel_dropped"}, Since: hourAgo, Points: 30})
//	figures.Growth("names", 15*time.Minute)
//	values.Path("stats.web.hits")    // last value, and means over 1, 5 and 15 minutes
//	values.Find(ctx, history.Search{Match: glob.Match, Limit: 50})
//	values.Series(history.Query{Names: []string{"stats.web.hits"}, Since: hourAgo, Points: 360})
//
// # Time
//
// All times are flush times, which are multiples of the flush interval on the wall clock. For a missed flush there is
// no value. When the clock is set back, values with later times are removed. So the values of a series are always in
// order, and there are no values for times without a flush.
//
// # Memory
//
// Figures needs at most 2 MiB. The histories of Values need at most Config.Memory. Both allocate memory only as it is
// needed. The methods called Bytes return the number of bytes in use.
package history

import (
	"math"
	"time"
)

// gap is the value for a time without data.
var gap = math.NaN()

// Series contains the values of several names at the same times: At(0), At(1), and so on. Each value covers a
// period of length Step, which ends at the time of the value. NaN means that there is no value.
type Series struct {
	T0    time.Time // time of the first value
	Step  time.Duration
	Lines []Line
	// Held is the number of flushes in the series. In the older part of a history, it counts minutes instead. Missing
	// is the number of flushes or minutes that are missing between the first and the last.
	Held, Missing int
}

// At returns the time of value i.
func (s *Series) At(i int) time.Time { return s.T0.Add(time.Duration(i) * s.Step) }

// Line contains the values of a figure or a path.
type Line struct {
	Name string
	// Known is false if the name is not known. All values are NaN then.
	Known bool
	// Rate means that the figure is a count, and that the values are its growth per second. Without
	// Rate, the values are means.
	Rate bool
	// Values has a value for each step: the mean, or the growth of a count per second.
	Values []float64
	// Greatest has the maximum of all flushes in each step.
	Greatest []float64
	Sum      Summary
}

// Summary combines all flushes of a line. If there are none, all of its fields are NaN.
type Summary struct {
	Min, Mean, Max, Last float64
	MaxAt                time.Time
}
