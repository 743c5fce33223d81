package prometheus

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/metric"
)

// TestWindowBins adds samples to a window, many at once, and compares the bins of the window to the bins that result
// when the samples are added one after the other in the order of their values. Some windows have the maximum number of
// bins, and many samples are equal.
func TestWindowBins(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range soak.Times(100) {
		w, batch := window{parts: make([]part, 1)}, batch{}
		var want []bin
		add := func(keys []int32) {
			slices.Sort(keys)
			for _, key := range keys {
				want = addBins(want, []bin{{key, 2}})
			}
		}
		decades := []float64{2, 10, 60}[random.IntN(3)]
		for range 4 {
			c, sketch := metric.Collected{}, metric.Collected{}
			var keys, sketched []int32
			for range random.IntN(3_000) {
				v := math.Pow(10, (random.Float64()-0.5)*decades)
				if random.IntN(3) == 0 {
					v = []float64{0, -1, -v, 1e40, math.MaxFloat64}[random.IntN(5)]
				}
				if random.IntN(4) > 0 {
					c.Samples, keys = append(c.Samples, v), append(keys, keyOf(v))
				} else {
					sketch.Bins, sketched = append(sketch.Bins, metric.Bin{Value: v, Count: 1}), append(sketched, keyOf(v))
				}
			}
			w.add(&c, unit{scale: 1}, 2, &batch)
			w.add(&sketch, unit{scale: 1}, 2, &batch)
			add(keys)
			add(sketched)
		}
		if !slices.Equal(w.bins, want) || !slices.Equal(w.parts[0].bins, want) {
			t.Fatalf("%d bins, want %d bins, or their keys or counts differ", len(w.bins), len(want))
		}
		if cap(batch.keys) > 2*maxBatch || cap(batch.bins) > 2*maxBatch {
			t.Fatalf("the batch keeps room for %d keys and %d bins", cap(batch.keys), cap(batch.bins))
		}
	}
}
