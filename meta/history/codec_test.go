package history

import (
	"encoding/binary"
	"math"
	"testing"
)

// FuzzCut encodes two cuts and decodes them. A cut contains the values of all columns at one time. The values can be
// any numbers.
func FuzzCut(f *testing.F) {
	f.Add([]byte{}, false)
	seed := []byte{}
	for _, v := range []float64{0, 1, -1, 0.5, 1e-7, 1795919938.601, 1 << 53, -(1 << 53), 1<<53 + 2, 1e300, math.Inf(1), gap, 3, 3, 6, 6, 0.001, 4294967295.5, 4294967296.5} {
		seed = binary.LittleEndian.AppendUint64(seed, math.Float64bits(v))
	}
	f.Add(seed, true)
	f.Fuzz(func(t *testing.T, data []byte, twice bool) {
		var values []float64
		for len(data) >= 8 {
			values = append(values, math.Float64frombits(binary.LittleEndian.Uint64(data)))
			data = data[8:]
		}
		s := &schema{columns: make([]column, len(values)/2)}
		n := len(s.columns)
		cuts := [][]float64{values[:n], values[n : 2*n]}
		if twice {
			cuts = append(cuts, cuts[1])
		}
		b := block{schema: s, step: 10, first: 1000, until: math.MaxInt64, cuts: len(cuts)}
		before := make([]float64, n)
		for range cuts {
			b.data = binary.AppendVarint(b.data, 0)
			b.data = appendCut(b.data, before, cuts[len(cuts)-b.cuts])
			b.cuts--
		}
		b.cuts = len(cuts)
		c := b.start(nil)
		for i, want := range cuts {
			if !c.next() || c.at != 1000+10*int64(i) {
				t.Fatalf("cut %d of %d cannot be read, at %d", i, len(cuts), c.at)
			}
			for j, v := range want {
				if got := c.values[j]; !readsAs(got, v) {
					t.Fatalf("cut %d: %v became %v", i, v, got)
				}
			}
		}
		if len(c.data) > 0 || c.next() {
			t.Fatalf("%d bytes are left", len(c.data))
		}
	})
}

// readsAs reports whether got is a valid result of encoding and decoding v.
func readsAs(got, v float64) bool {
	switch {
	case v != v || math.IsInf(v, 0):
		return got != got
	case v == math.Trunc(v) || math.Abs(v) >= maxFraction:
		return got == v
	}
	return math.Abs(got-v) <= 0.5e-6*(1+1e-9)+math.Abs(v)*1e-15
}

// FuzzRead reads any bytes as a block.
func FuzzRead(f *testing.F) {
	f.Add([]byte{0, 1, 7, 4, 4, 8}, uint8(3))
	f.Add([]byte{0, 255, 255, 255, 7, 255}, uint8(70))
	f.Fuzz(func(_ *testing.T, data []byte, columns uint8) {
		b := block{schema: &schema{columns: make([]column, columns)}, data: data, step: 10, until: math.MaxInt64, cuts: 1000}
		for c := b.start(nil); c.next(); {
		}
	})
}
