package logbins

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestIndex compares indexes and values with the results of Datadog's DDSketch (github.com/DataDog/sketches-go v1.4.8,
// ddsketch.NewDefaultDDSketch(0.01)). Daemons of earlier releases use that package.
func TestIndex(t *testing.T) {
	for _, c := range []struct {
		v     float64
		index int32
		value float64
	}{
		{2.2700248455477507e-308, -35418, 2.276286884975853e-308},
		{1e-300, -34538, 1.0024545215357217e-300},
		{1e-09, -1037, 9.92552662855752e-10},
		{0.001, -346, 0.0009974781146370227},
		{0.5, -35, 0.501539453403326},
		{0.9999999999999999, -1, 0.9899999999999999},
		{1, 0, 1.0099999999999998},
		{1.0000000000000002, 0, 1.0099999999999998},
		{1.0202020202020203, 1, 1.03040404040404},
		{2, 34, 1.9936617014173443},
		{3.2, 58, 3.221957196288877},
		{17, 141, 16.94621214351101},
		{99.99, 230, 100.49456770856489},
		{142.5, 247, 141.19120102077116},
		{1000, 345, 1002.4280085221297},
		{123456.789, 586, 124286.04729556372},
		{1e+09, 1036, 1.0074024658027773e+09},
		{9.007199254740992e+15, 1836, 8.956665550919349e+15},
		{1e+100, 11512, 9.991165490998631e+99},
		{1e+300, 34537, 9.97451733239924e+299},
		{1.2585752536124683e+308, 35470, 1.2679352299787385e+308},
		{math.MaxFloat64, 35470, 1.2679352299787385e+308},
	} {
		if got := Index(c.v); got != c.index {
			t.Errorf("the index of %v is %d, want %d", c.v, got, c.index)
		}
		if got := Value(c.index); got != c.value {
			t.Errorf("the value of %d is %v, want %v", c.index, got, c.value)
		}
	}
	if smallest != 2.2700248455477507e-308 || greatest != 1.2585752536124683e+308 {
		t.Errorf("numbers from %v to %v have bins", smallest, greatest)
	}
	if Index(smallest) != First || Index(greatest) != Last {
		t.Errorf("indexes from %d to %d", Index(smallest), Index(greatest))
	}
	for v, want := range map[float64]bool{0: true, smallest: true, -smallest: true, 2 * smallest: false, -1: false, 5e-324: true} {
		if got := IsZero(v); got != want {
			t.Errorf("IsZero(%v) = %v", v, got)
		}
	}
}

func TestErrorIsAtMost(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		v := math.Exp(random.Float64()*1416 - 707)
		if got := Value(Index(v)); math.Abs(got-v) > 1.0001*Error*v {
			t.Fatalf("the value of the bin of %v is %v", v, got)
		}
	}
}

// TestCounts compares Counts with a map.
func TestCounts(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, width := range []int{1, 3, 100, Last - First + 1} {
		for range 4 {
			start := First + random.IntN(Last-First+2-width)
			var c, half Counts
			want, total := map[int32]float64{}, 0.0
			for i := range 500 {
				index, n := int32(start+random.IntN(width)), float64(1+random.IntN(3))
				if i%2 == 0 {
					c.Add(index, n)
				} else {
					half.Add(index, n)
				}
				want[index] += n
				total += n
			}
			c.Merge(&half)
			if got := maps.Collect(c.All()); !maps.Equal(got, want) || c.Total() != total {
				t.Fatalf("%d bins, %v samples; want %d bins, %v samples", len(got), c.Total(), len(want), total)
			}
			sorted := slices.Sorted(maps.Keys(want))
			below := 0.0
			for _, index := range sorted {
				for _, rank := range []float64{below, below + want[index] - 1} {
					if got := c.AtRank(rank); got != index {
						t.Fatalf("rank %v is in bin %d, want %d", rank, got, index)
					}
				}
				below += want[index]
			}
			if got := c.AtRank(below + 1); got != sorted[len(sorted)-1] {
				t.Fatalf("a rank that is too high is in bin %d", got)
			}
			used := int(sorted[len(sorted)-1]>>pageShift-sorted[0]>>pageShift) + 1
			if most := min(used*5/2+2*(minSpare+1), (Last-First)>>pageShift+2); len(c.pages) > most {
				t.Fatalf("%d pages for bins from %d to %d", len(c.pages), sorted[0], sorted[len(sorted)-1])
			}
		}
	}
	var empty Counts
	if got := empty.AtRank(0); got != 0 || empty.Total() != 0 {
		t.Errorf("empty: %d, %v", got, empty.Total())
	}
}

// TestFarApart checks that two samples of very different size need little memory.
func TestFarApart(t *testing.T) {
	var c Counts
	c.Add(First, 1)
	c.Add(Last, 1)
	used := 0
	for _, p := range c.pages {
		if p != nil {
			used++
		}
	}
	if used != 2 || len(c.pages) > 1200 {
		t.Errorf("%d pages, room for %d", used, len(c.pages))
	}
}

// TestGrowth checks that the list of pages is seldom copied while more and more bins are used.
func TestGrowth(t *testing.T) {
	for _, step := range []int32{1, -1} {
		if n := testing.AllocsPerRun(1, func() {
			var c Counts
			for index := int32(0); index < Last && index > First || index == 0; index += step {
				c.Add(index, 1)
			}
		}); n > Last>>pageShift+20 {
			t.Errorf("step %d: %v allocations", step, n)
		}
	}
}
