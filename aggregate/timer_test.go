package aggregate

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestRank(t *testing.T) {
	for _, tt := range []struct {
		percent float64
		n, want int // the want-th smallest
	}{
		{90, 1, 1}, {90, 10, 9}, {90, 5, 5}, {50, 5, 3}, {50, 4, 2}, {1, 10, 1}, {5, 10, 1}, {25, 10, 3}, {99.9, 1000, 999}, {100, 7, 7},
	} {
		if got := (rank{percent: tt.percent}).place(tt.n) + 1; got != tt.want {
			t.Errorf("%v %% of %d: the %d-th, want the %d-th", tt.percent, tt.n, got, tt.want)
		}
	}
}

func TestSummarizeTimer(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	percentiles := []float64{99.9, 50, 90, 1, 100, 50}
	shapes := map[string]func(i, n int) float64{
		"random":  func(int, int) float64 { return rng.NormFloat64() },
		"equal":   func(int, int) float64 { return 7 },
		"rising":  func(i, _ int) float64 { return float64(i) },
		"falling": func(i, n int) float64 { return float64(n - i) },
		"few":     func(int, int) float64 { return float64(rng.IntN(3)) },
		"organ":   func(i, n int) float64 { return float64(min(i, n-i)) },
	}
	for name, shape := range shapes {
		for _, n := range []int{1, 2, 3, 10, 24, 25, 100, 1001, 10_000} {
			samples := make([]float64, n)
			for i := range samples {
				samples[i] = shape(i, n)
			}
			sorted := slices.Sorted(slices.Values(samples))
			ranks := newRanks(percentiles)
			values := make([]float64, timerColumns+len(percentiles))
			summarizeTimer(samples, ranks, values)
			if values[0] != sorted[0] || values[1] != sorted[n-1] {
				t.Errorf("%s, %d: lower %v, upper %v; want %v, %v", name, n, values[0], values[1], sorted[0], sorted[n-1])
			}
			for i, p := range percentiles {
				want := sorted[rank{percent: p}.place(n)]
				if got := values[timerColumns+i]; got != want {
					t.Errorf("%s, %d: upper_%v = %v, want %v", name, n, p, got, want)
				}
			}
		}
	}
}

// The mean must not depend on the order, and must hold against cancellation.
func TestMean(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	samples := make([]float64, 1000)
	for i := range samples {
		samples[i] = math.Round(rng.ExpFloat64()*1e6) / 1e3
	}
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
