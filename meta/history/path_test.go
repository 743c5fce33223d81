package history

import (
	"fmt"
	"iter"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// pathModel keeps the values of all flushes.
type pathModel struct {
	at     []time.Time
	values []map[string]float64
}

func (m *pathModel) keep(at time.Time, values map[string]float64) {
	for len(m.at) > 0 && !m.at[len(m.at)-1].Before(at) {
		m.at, m.values = m.at[:len(m.at)-1], m.values[:len(m.values)-1]
	}
	m.at, m.values = append(m.at, at), append(m.values, values)
}

// between returns the values of a path after the time from, up to the time to.
func (m *pathModel) between(path string, from, to time.Time) (values []float64) {
	for i, at := range m.at {
		if v, ok := m.values[i][path]; ok && at.After(from) && !at.After(to) {
			values = append(values, v)
		}
	}
	return values
}

// yield yields the values as points.
func yield(at time.Time, values map[string]float64) iter.Seq[metric.Point] {
	return func(yield func(metric.Point) bool) {
		for path, v := range values {
			if !yield(metric.Point{Path: []byte(path), Value: v, Time: at.Unix()}) {
				return
			}
		}
	}
}

// exactMean returns the exact mean, rounded once.
func exactMean(values []float64) float64 {
	sum := new(big.Float).SetPrec(2000)
	for _, v := range values {
		sum.Add(sum, big.NewFloat(v))
	}
	mean, _ := sum.Quo(sum, big.NewFloat(float64(len(values)))).Float64()
	return mean
}

// isSpan reports whether a span is correct for the given values.
func isSpan(s Span, values []float64) bool {
	if len(values) == 0 {
		return s.Flushes == 0 && s.Mean != s.Mean && s.Min != s.Min && s.Max != s.Max
	}
	return s.Flushes == len(values) && s.Min == slices.Min(values) && s.Max == slices.Max(values) &&
		math.Abs(s.Mean-exactMean(values)) <= 1e-15*max(math.Abs(s.Min), math.Abs(s.Max))
}

// TestPathAgainstModel compares the means over 1, 5 and 15 minutes, and the series of 50 minutes,
// with results from a list of all values. Some paths are missing in some flushes, flushes are
// missed, and the clock is changed.
func TestPathAgainstModel(t *testing.T) {
	for seed := range uint64(6) {
		interval := []time.Duration{time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute}[seed%6]
		r := rand.New(rand.NewPCG(seed, 2))
		v := NewValues(Config{Interval: interval, Names: 100, Memory: 4 << 20})
		var m pathModel
		at := time.Unix(1_795_918_800, 0)
		back := time.Time{} // when the clock was last set back
		for i := range 400 + min(1200, int(80*time.Minute/interval)) {
			switch at = at.Add(interval); {
			case r.IntN(200) == 0:
				at = at.Add(time.Duration(r.IntN(10)) * interval)
			case r.IntN(400) == 0 && i > 50:
				at = at.Add(-time.Duration(r.IntN(8)) * interval)
				back = at
			}
			values := map[string]float64{}
			for n := range 12 {
				if r.IntN(10) > n/2 {
					values[fmt.Sprint("path.", n)] = r.NormFloat64() * math.Exp(r.Float64()*float64(n))
				}
			}
			keep(v, at, yield(at, values))
			m.keep(at, values)
			if i%101 == 0 {
				checkPaths(t, v, &m, at, interval, at.Sub(back) < time.Hour)
			}
		}
		checkSeries(t, v, &m, at, interval)
	}
}

func checkPaths(t *testing.T, v *Values, m *pathModel, at time.Time, interval time.Duration, setBack bool) {
	t.Helper()
	for n := range 12 {
		path := fmt.Sprint("path.", n)
		all := m.between(path, time.Time{}, at)
		p, ok := v.Path(path)
		if ok != (len(all) > 0) || ok && p.Held != Holding {
			t.Fatalf("%s: %+v, %v; the model has %d values", path, p, ok, len(all))
		}
		if !ok {
			continue
		}
		for span, over := range map[*Span]time.Duration{&p.M1: time.Minute, &p.M5: 5 * time.Minute, &p.M15: 15 * time.Minute} {
			if setBack && span.Over > 0 { // the values of flushes that were dropped do not reappear
				over = min(over, span.Over)
			}
			if want := m.between(path, at.Add(-max(over, interval)), at); !isSpan(*span, want) {
				t.Fatalf("interval %v, %s over %v: %+v, want the values %v", interval, path, over, *span, want)
			}
		}
	}
}

func checkSeries(t *testing.T, v *Values, m *pathModel, at time.Time, interval time.Duration) {
	t.Helper()
	for _, over := range []time.Duration{10 * time.Minute, 50 * time.Minute} {
		s, held := v.Series(Query{Names: []string{"path.0"}, Since: at.Add(-over), Points: 2000})
		line := s.Lines[0]
		if held[0] != Holding || !line.Known || line.Rate {
			t.Fatalf("%+v, %v", line, held)
		}
		if last := s.At(len(line.Values) - 1); last.Before(at) || last.Sub(at) >= s.Step {
			t.Errorf("the series ends at %v, the last flush was at %v", last, at)
		}
		for i, got := range line.Values {
			if s.At(i).Add(-s.Step).Before(at.Add(-over)) {
				continue // the minute began before the period that is compared
			}
			want := m.between("path.0", s.At(i).Add(-s.Step), s.At(i))
			if len(want) == 0 {
				if got == got {
					t.Errorf("%v at %v: %v, want a gap", interval, s.At(i), got)
				}
				continue
			}
			mean, most := exactMean(want), slices.Max(want)
			if math.Abs(got-mean) > 1e-6*math.Abs(mean)+1e-9 || math.Abs(line.Greatest[i]-most) > 1e-6*math.Abs(most) {
				t.Errorf("interval %v, step %v, at %v: %v, greatest %v; want %v, %v of %v", interval, s.Step, s.At(i), got, line.Greatest[i], mean, most, want)
			}
		}
	}
}
