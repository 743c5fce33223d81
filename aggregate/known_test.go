package aggregate

import (
	"math/rand/v2"
	"testing"

	"github.com/statsd-ops/statsd/metric"
)

// A table that recalls the known names of another table makes the same points as the other table,
// for any layout.
func TestRecall(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		for _, layout := range rowLayouts() {
			rng := rand.New(rand.NewPCG(seed, 4))
			config := testTable(1).config
			config.MemberKey = [16]byte{1}
			config.Expire = [metric.Kinds]uint32{2, 5, 3, 1}
			one, other := NewTable(config), NewTable(config)
			at := int64(1000)
			for range 8 {
				samples := randomSamples(rng, &at, 20+rng.IntN(100))[:rng.IntN(20)]
				apply(t, rng, one, samples)
				apply(t, rng, other, samples)
				expect(t, flushWithUnits(other, layout), flushWithUnits(one, layout))
				next := NewTable(config)
				for k := range other.Known() {
					if reason := next.Recall(k); reason != metric.None {
						t.Fatalf("%s: %v", k.Name, reason)
					}
				}
				if got, want := next.Names(), other.Names(); got != want {
					t.Errorf("%d names, want %d", got, want)
				}
				other = next
				if t.Failed() {
					t.Fatalf("seed %d, naming %s", seed, layout.Naming)
				}
			}
		}
	}
}
