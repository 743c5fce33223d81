package aggregate

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestRank(t *testing.T) {
	for _, tt := range []struct {
		percent float64
		n, want int // the expected value is the want-th smallest sample
	}{
		{90, 1, 1}, {90, 10, 9}, {90, 5, 5}, {50, 5, 3}, {50, 4, 2}, {1, 10, 1}, {5, 10, 1}, {25, 10, 3}, {99.9, 1000, 999}, {100, 7, 7},
	} {
		if got := (&threshold{percent: tt.percent}).size(tt.n); got != tt.want {
			t.Errorf("%v %% of %d: the %d-th, want the %d-th", tt.percent, tt.n, got, tt.want)
		}
	}
}

// The result equals the result of a computation that sorts all samples.
func TestTiming(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	shapes := map[string]func(i, n int) float64{
		"random":  func(int, int) float64 { return rng.NormFloat64() },
		"equal":   func(int, int) float64 { return 7 },
		"rising":  func(i, _ int) float64 { return float64(i) },
		"falling": func(i, n int) float64 { return float64(n - i) },
		"few":     func(int, int) float64 { return float64(rng.IntN(3)) },
		"organ":   func(i, n int) float64 { return float64(min(i, n-i)) },
		"far off": func(int, int) float64 { return 1e9 + rng.Float64() },
	}
	for _, naming := range Namings() {
		layout := naming.Layout()
		layout.TimerStats = AllTimerStats()
		layout.Percentiles = []float64{99.9, 50, -10, 90, 1, 100, -99.9, -100, -0.1}
		p := compile(layout)
		for name, shape := range shapes {
			for _, n := range []int{1, 2, 3, 10, 24, 25, 100, 1001} {
				samples := make([]float64, n)
				for i := range samples {
					samples[i] = shape(i, n)
				}
				got := newTiming(len(p.thresholds))
				got.summarize(slices.Clone(samples), p)
				slices.Sort(samples)
				want := naiveTiming(samples, &layout)
				for i, w := range want {
					if g := flat(&got)[i]; !(math.Abs(g-w) <= 1e-12*math.Abs(w)) && !(math.IsNaN(g) && math.IsNaN(w)) {
						t.Errorf("%s, %s, %d samples: value %d is %v, want %v", naming, name, n, i, g, w)
					}
				}
			}
		}
	}
}

// flat returns all values of a timing in one slice.
func flat(t *timing) []float64 {
	l := []float64{float64(t.received), t.lower, t.upper, t.mean, t.sum, t.squares, t.std, t.median}
	for _, p := range t.parts {
		l = append(l, p.count, p.bound, p.mean, p.sum, p.squares)
	}
	return l
}

// naiveTiming computes the expected timing from sorted samples, with a precision of 300 bits.
func naiveTiming(sorted []float64, l *Layout) []float64 {
	wide := func(v float64) *big.Float { return new(big.Float).SetPrec(300).SetFloat64(v) }
	all := func(samples []float64, from *big.Float) (sum, squares *big.Float) {
		sum, squares = wide(0), wide(0)
		for _, v := range samples {
			d := wide(v)
			d.Sub(d, from)
			sum.Add(sum, d)
			squares.Add(squares, d.Mul(d, d))
		}
		return sum, squares
	}
	short := func(v *big.Float) float64 { f, _ := v.Float64(); return f }
	n := len(sorted)
	sum, squares := all(sorted, wide(0))
	mean := wide(0).Quo(sum, wide(float64(n)))
	_, distances := all(sorted, mean)
	median := sorted[n/2]
	if n%2 == 0 {
		median = (sorted[n/2-1] + sorted[n/2]) / 2
	}
	list := []float64{float64(n), sorted[0], sorted[n-1], short(mean), short(sum), short(squares), math.Sqrt(short(distances) / float64(n)), median}
	for _, p := range l.Percentiles {
		k := int(math.Floor(math.Abs(p)/100*float64(n) + 0.5))
		if k == 0 && (n == 1 || l.Naming == Reference || l.Naming == Gstatsd) {
			k = 1
		}
		inside := sorted[:k]
		if p < 0 {
			inside = sorted[n-k:]
		}
		if k == 0 {
			none := math.NaN()
			list = append(list, none, none, none, none, none)
			continue
		}
		bound := inside[k-1]
		if p < 0 {
			bound = inside[0]
		}
		sum, squares := all(inside, wide(0))
		list = append(list, float64(k), bound, short(sum)/float64(k), short(sum), short(squares))
	}
	return list
}

// The mean must not depend on the order of the samples, and must be exact even if large samples
// cancel each other.
func TestMean(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	samples := make([]float64, 1000)
	for i := range samples {
		samples[i] = math.Round(rng.ExpFloat64()*1e6) / 1e3
	}
	mean := func(samples []float64) float64 { _, m := sumAndMean(samples); return m }
	want := mean(samples)
	for range 20 {
		rng.Shuffle(len(samples), func(i, j int) { samples[i], samples[j] = samples[j], samples[i] })
		if got := mean(samples); got != want {
			t.Fatalf("mean %v in another order, want %v", got, want)
		}
	}
	if got := mean([]float64{1e16, 1, -1e16, 1}); got != 0.5 {
		t.Errorf("mean with cancellation %v, want 0.5", got)
	}
	if got := mean([]float64{math.MaxFloat64, math.MaxFloat64}); got != math.MaxFloat64 {
		t.Errorf("mean of the greatest %v, want %v", got, math.MaxFloat64)
	}
}

// For a timer with one sample, lone gives exactly the same values as summarize.
func TestLone(t *testing.T) {
	for _, naming := range Namings() {
		layout := naming.Layout()
		layout.TimerStats = AllTimerStats()
		layout.Percentiles = []float64{99.9, 50, -10, 1, -0.1}
		p := compile(layout)
		columns := p.shapes[loneShape]
		for _, v := range []float64{0, math.Copysign(0, -1), 1, -3.25, 0.1, 1e200, -math.MaxFloat64, math.SmallestNonzeroFloat64} {
			all, one := newTiming(len(p.thresholds)), newTiming(len(p.thresholds))
			all.weight = 1
			all.summarize([]float64{v}, p)
			one.lone(v)
			want, got := make([]float64, len(columns)), make([]float64, len(columns))
			all.fill(columns, want, p.seconds)
			one.fill(columns, got, p.seconds)
			for i := range columns {
				if math.Float64bits(got[i]) != math.Float64bits(want[i]) {
					t.Errorf("%s, sample %v: %s is %v, want %v", naming, v, columns[i].name, got[i], want[i])
				}
			}
		}
	}
}
