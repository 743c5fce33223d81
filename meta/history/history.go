// Package history remembers numbers for questions about the past: the daemon's own figures for a
// week, and the published values of paths for an hour.
//
//	figures := history.NewFigures(interval)
//	values := history.NewValues(history.Config{Interval: interval, Names: 100_000, Memory: 16 << 20})
//
// Each flush feeds both. Readers never delay a flush:
//
//	figures.Keep(at, own)
//	values.Keep(at, points)
//
// Questions:
//
//	figures.Series(history.Query{Names: []string{"udp.kernel_dropped"}, Since: hourAgo, Points: 30})
//	figures.Growth("names", 15*time.Minute)
//	values.Path("stats.web.hits")              // value now, means over 1, 5 and 15 minutes
//	values.Find(ctx, history.Search{Match: glob.Match, Limit: 50})
//	values.Series(history.Query{Names: []string{"stats.web.hits"}, Since: hourAgo, Points: 360})
//
// # Time
//
// All times are times of flushes: multiples of the flush interval on the wall clock. A missed flush is
// a gap. When the clock is set back, values with later times are forgotten. So a series is always in order, and has no
// values for times without a flush.
//
// # Memory
//
// Figures take at most 2 MiB, and Values at most Config.Memory for histories. Both grow as they
// fill, and count what they hold: see Bytes.
package history

import (
	"math"
	"time"
)

// gap is the value of a time without one.
var gap = math.NaN()

// Series are values of the same times: At(0), At(1), ... A value stands for the Step that ends at
// its time. NaN is a gap.
type Series struct {
	T0    time.Time // the time of the first value
	Step  time.Duration
	Lines []Line
	// Held is the number of flushes or minutes in the series. Missing is the number that are missing between the oldest
	// and the newest.
	Held, Missing int
}

// At returns the time of value i.
func (s *Series) At(i int) time.Time { return s.T0.Add(time.Duration(i) * s.Step) }

// Line is one figure, or one path.
type Line struct {
	Name string
	// Known is false if the name is not known. All values are then NaN.
	Known bool
	// Rate says that the figure is a count: the values are its growth per second. Otherwise they
	// are means.
	Rate bool
	// Values are the means of each step, or for a count the growth per second over it.
	Values []float64
	// Greatest holds, for each step, the greatest value of a flush.
	Greatest []float64
	Sum      Summary
}

// Summary describes all flushes of a line, even if several share a step. Without flushes all its fields are NaN.
type Summary struct {
	Min, Mean, Max, Last float64
	MaxAt                time.Time
}
