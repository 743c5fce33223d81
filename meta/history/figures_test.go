package history

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/meta"
)

// model keeps the figures of every flush unchanged.
type model struct {
	at      []int64
	figures [][]meta.Figure
}

func (m *model) keep(at time.Time, figures []meta.Figure) {
	now := at.UnixNano()
	for len(m.at) > 0 && m.at[len(m.at)-1] >= now {
		m.at, m.figures = m.at[:len(m.at)-1], m.figures[:len(m.figures)-1]
	}
	m.at = append(m.at, now)
	m.figures = append(m.figures, append([]meta.Figure(nil), figures...))
}

// valueIn returns the value of a figure in flush i, or NaN.
func (m *model) valueIn(i int, name string) float64 {
	for _, f := range m.figures[i] {
		if f.Name == name {
			return f.Value
		}
	}
	return gap
}

// decode returns the values of a figure in all cuts of a ring, and their times.
func decode(r *ring, name string) (at []int64, values []float64) {
	for i := range r.blocks {
		b := &r.blocks[i]
		for c := b.start(nil); c.next(); {
			at = append(at, c.at)
			v := gap
			if n := b.column(name); n >= 0 {
				v = c.values[n]
			}
			values = append(values, v)
		}
	}
	return at, values
}

func same(a, b float64) bool { return a == b || a != a && b != b }

// near reports whether two values are equal except for rounding to millionths.
func near(a, b float64) bool { return same(a, b) || math.Abs(a-b) <= 0.6e-6+math.Abs(a)*1e-15 }

// anyFigures returns random counts, sizes, durations and times. Some figures do not exist in every
// flush.
func anyFigures(r *rand.Rand, i int, total float64) []meta.Figure {
	fs := []meta.Figure{
		{Name: "count", Value: total, Count: true},
		{Name: "huge", Value: total * 1e12, Count: true},
		{Name: "cpu", Value: total * 0.37, Count: true},
		{Name: "constant", Value: 42},
		{Name: "duration", Value: r.Float64()},
		{Name: "signed", Value: float64(r.IntN(2000) - 1000)},
		{Name: "time", Value: 1795919938 + float64(i)*10 + float64(r.IntN(1000))/1000},
		{Name: "size", Value: math.Exp(r.Float64() * 40)},
	}
	if i/50%2 == 1 {
		fs = append(fs, meta.Figure{Name: fmt.Sprint("sink.", i/100), Value: float64(i), Count: true})
	}
	r.Shuffle(len(fs), func(a, b int) { fs[a], fs[b] = fs[b], fs[a] })
	if r.IntN(20) == 0 {
		fs = fs[:len(fs)-1] // a figure is missing in some flushes
	}
	return fs
}

// TestRingAgainstModel stores figures that are missing in some flushes, and flush times that jump.
func TestRingAgainstModel(t *testing.T) {
	for seed := range uint64(5) {
		r := rand.New(rand.NewPCG(seed, 1))
		ring := ring{step: int64(10 * time.Second), oldest: int64(day)}
		var m model
		at, total := time.Unix(1_795_919_930, 0), 0.0
		for i := range 1500 {
			switch r.IntN(100) {
			case 0:
				at = at.Add(-time.Duration(r.IntN(40)) * 10 * time.Second)
			case 1, 2:
				at = at.Add(time.Duration(r.IntN(40)) * 10 * time.Second)
			case 3:
				at = at.Add(time.Duration(r.IntN(1000)))
			}
			at = at.Add(10 * time.Second)
			total += float64(r.IntN(5) * r.IntN(100_000))
			fs := anyFigures(r, i, total)
			ring.keep(at.UnixNano(), fs)
			m.keep(at, fs)
		}
		for _, name := range []string{"count", "huge", "cpu", "constant", "duration", "signed", "time", "size", "sink.3", "sink.9", "unknown"} {
			times, values := decode(&ring, name)
			if len(times) != len(m.at) {
				t.Fatalf("seed %d: %d flushes, want %d", seed, len(times), len(m.at))
			}
			for i := range times {
				if want := m.valueIn(i, name); times[i] != m.at[i] || !near(values[i], want) && math.Abs(want) < maxFraction || !same(values[i], want) && want == math.Trunc(want) {
					t.Fatalf("seed %d, %s, flush %d: %v at %d, want %v at %d", seed, name, i, values[i], times[i], want, m.at[i])
				}
			}
		}
	}
}

// TestFiguresFit checks how far back the rings reach, and how many bytes they need, for figures
// like those of a busy daemon.
func TestFiguresFit(t *testing.T) {
	all := []struct {
		interval time.Duration
		fed      time.Duration
	}{{10 * time.Second, 26 * time.Hour}, {30 * time.Second, week + day}}
	for _, tt := range all[:soak.Times(len(all))] {
		f := NewFigures(tt.interval)
		at := feedFigures(t, f, tt.interval, tt.fed)
		flushes := at.Sub(time.Unix(0, f.flushes.blocks[0].first))
		minutes := at.Sub(time.Unix(0, f.minutes.blocks[0].first))
		t.Logf("flushes: %v in %d bytes, minutes: %v in %d bytes", flushes, f.flushes.size, minutes, f.minutes.size)
		if flushes < day || minutes < min(week, tt.fed-time.Minute) {
			t.Errorf("interval %v: flushes reach back %v, minutes %v", tt.interval, flushes, minutes)
		}
	}
}

// feedFigures stores 120 figures, 22 of which change at each flush. It returns the time of the last
// flush.
func feedFigures(t *testing.T, f *Figures, interval, fed time.Duration) time.Time {
	r := rand.New(rand.NewPCG(1, 1))
	totals := make([]float64, 13)
	fs := make([]meta.Figure, 120)
	for i := range fs {
		fs[i] = meta.Figure{Name: fmt.Sprint("figure.of.a.daemon.", i), Count: i < 60}
	}
	at := start
	for range fed / interval {
		at = at.Add(interval)
		for i := range totals {
			totals[i] += math.Round(math.Abs(r.NormFloat64()) * 1e5 / float64(1+i*i*i))
			fs[i].Value = totals[i]
		}
		for i := range 8 { // some of these figures are durations
			fs[60+i].Value = 0.01 * float64(i+1) * (1 + r.Float64())
		}
		fs[80].Value = 4e8 + math.Round(r.Float64()*1e6)
		f.Keep(at, fs)
		if n := f.Bytes(); n > figureBytes {
			t.Fatalf("%d bytes", n)
		}
	}
	return at
}

// TestManyFigures stores so many figures that a day does not fit. The period becomes shorter, but
// the memory stays within its limit.
func TestManyFigures(t *testing.T) {
	f := NewFigures(interval)
	r := rand.New(rand.NewPCG(1, 1))
	fs := make([]meta.Figure, 5000)
	for i := range fs {
		fs[i].Name = fmt.Sprint("sink.", i/20, ".figure.", i%20)
	}
	at, before := start, live()
	for range soak.Times(500) {
		at = at.Add(interval)
		for i := range fs {
			fs[i].Value = r.NormFloat64()
		}
		f.Keep(at, fs)
		if n := f.Bytes(); n > figureBytes {
			t.Fatalf("%d bytes", n)
		}
	}
	if n := live() - before; n > figureBytes {
		t.Errorf("%d bytes on the heap", n)
	}
	if held := at.Sub(time.Unix(0, f.flushes.blocks[0].first)); held < 2*time.Minute {
		t.Errorf("flushes of %v are held", held)
	}
	if !f.Known(fs[maxColumns-1].Name) || f.Known(fs[maxColumns].Name) {
		t.Errorf("not the first %d figures are remembered", maxColumns)
	}
}
