package aggregate

import (
	"slices"
	"testing"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/metric"
)

// timerIndex returns the place of a sample in its block, and timerRoom returns how many samples a
// block has room for. Each block must be full before the next block starts.
func TestTimerBlocks(t *testing.T) {
	t.Parallel()
	room, used := 0, 0
	for n := range 1000 {
		at := timerIndex(n)
		switch {
		case at == 0 && used != room:
			t.Fatalf("sample %d starts a block when the last has %d of %d samples", n, used, room)
		case at == 0:
			room, used = timerRoom(n), 0
		case at != used || at >= room:
			t.Fatalf("sample %d goes to %d in a block with %d of %d samples", n, at, used, room)
		}
		used++
	}
}

// For any number of samples and any limit, no sample is lost. The samples up to the limit are stored, and the other
// samples are in a sketch. This is also true if a sketch is merged into the timer between these samples.
func TestTimersOfAllLengths(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{1, 2, 3, 4, 10, 11, 118, 119, 120, 300, 1 << 20} {
		for n := 0; n < 400; n += 400 / soak.Times(400) {
			b := &blocks{spare: &spare{}, maxSamples: limit}
			rec, want := make(record, 24), []float64(nil)
			merged := n % 7 * 20
			for i := range n {
				if i == merged && n%3 == 0 {
					sketch := newSketch()
					sketch.add(1)
					mergeSketch(b, rec, 0, sketch)
				}
				addTimer(b, rec, 0, &metric.Sample{Value: float64(i), Weight: 1})
				if sketchOf(b, rec, 0) == nil {
					want = append(want, float64(i))
				}
			}
			got := appendSamples(nil, b, rec, 0)
			first := appendFirstSamples(nil, b, rec, 0)
			slices.Sort(got)
			if !slices.Equal(got, want) || !slices.Equal(first, want[:min(len(want), MaxPeeked)]) {
				t.Fatalf("%d samples with a limit of %d: got %v and first %v, want %v", n, limit, got, first, want)
			}
			kept, all := len(got), int(rec.word(8)>>32)
			if s := sketchOf(b, rec, 0); s != nil {
				kept += s.n
			}
			if kept != all {
				t.Fatalf("%d samples with a limit of %d: kept %d of %d", n, limit, kept, all)
			}
		}
	}
}

// The only sample of a timer takes no block. It is kept when more samples are added.
func TestSingleSamples(t *testing.T) {
	for _, millis := range []bool{false, true} {
		for name, more := range map[string]func(b *blocks, rec record){
			"none":    func(*blocks, record) {},
			"another": func(b *blocks, rec record) { addTimer(b, rec, 0, &metric.Sample{Value: 7, Weight: 2, Millis: millis}) },
			"a merged": func(b *blocks, rec record) {
				mergeTimer(b, rec, 0, &Row{Weight: 2, Samples: []float64{7}, Millis: millis})
			},
		} {
			b := &blocks{spare: &spare{}, maxSamples: 10}
			rec := make(record, 24)
			addTimer(b, rec, 0, &metric.Sample{Value: -5, Weight: 1, Millis: millis})
			if len(b.pages) > 0 {
				t.Error("the first sample took a block")
			}
			more(b, rec)
			wantWeight, want := 1.0, []float64{-5}
			if name != "none" {
				wantWeight, want = 3, []float64{-5, 7}
			}
			weight, inMillis := timerWeight(rec, 0)
			got, first := appendSamples(nil, b, rec, 0), appendFirstSamples(nil, b, rec, 0)
			if weight != wantWeight || inMillis != millis || !slices.Equal(got, want) || !slices.Equal(first, want) || sketchOf(b, rec, 0) != nil {
				t.Errorf("millis %v and %s: weight %v, millis %v, samples %v and %v", millis, name, weight, inMillis, got, first)
			}
		}
	}
}
