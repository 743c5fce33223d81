package statvent

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

func names(n int) []string {
	s := make([]string, n)
	for i := range s {
		s[i] = fmt.Sprintf("web.requests.%d", i)
	}
	return s
}

func BenchmarkIncr(b *testing.B) {
	var r Registry
	names := names(100)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		r.Incr(names[i%len(names)], 1)
		i++
	}
	expectSum(b, &r, int64(i))
}

// BenchmarkIncrParallel increments one stat in all goroutines. An increment should not become slower with more
// cores.
func BenchmarkIncrParallel(b *testing.B) {
	var r Registry
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r.Incr("web.requests", 1)
		}
	})
	expectSum(b, &r, int64(b.N))
}

func BenchmarkIncrFloat(b *testing.B) {
	var r Registry
	b.ReportAllocs()
	for b.Loop() {
		r.IncrFloat("web.seconds", 0.5)
	}
}

func BenchmarkRecord(b *testing.B) {
	var r Registry
	b.ReportAllocs()
	for b.Loop() {
		r.Record("web.seconds.{0}", 0.5)
	}
}

func BenchmarkSnapshot(b *testing.B) {
	var r Registry
	for _, name := range names(1000) {
		r.Incr(name, 1)
	}
	b.ReportAllocs()
	var text []byte
	for b.Loop() {
		text, _ = r.AppendText(text[:0])
	}
	b.SetBytes(int64(len(text)))
}

// BenchmarkLookup compares the table to sync.Map.
func BenchmarkLookup(b *testing.B) {
	names := names(100)
	b.Run("table", func(b *testing.B) {
		var t table[atomic.Int64]
		for _, name := range names {
			if _, err := t.add(name, new(atomic.Int64)); err != nil {
				b.Fatal(err)
			}
		}
		i := 0
		for b.Loop() {
			t.get(names[i%len(names)]).Add(1)
			i++
		}
	})
	b.Run("sync.Map", func(b *testing.B) {
		var m sync.Map
		for _, name := range names {
			m.Store(name, new(atomic.Int64))
		}
		i := 0
		for b.Loop() {
			n, _ := m.Load(names[i%len(names)])
			n.(*atomic.Int64).Add(1)
			i++
		}
	})
}

func expectSum(b *testing.B, r *Registry, want int64) {
	b.Helper()
	var sum Value
	for _, v := range r.All() {
		sum = sum.Add(v)
	}
	if sum != Int(want) {
		b.Errorf("the names sum to %v after %d increments", sum, want)
	}
}
