package history

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
)

// TestIndex adds, renumbers and removes entries in random order, and finds each of them.
func TestIndex(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	x := newIndex()
	var entries []entry
	for step := range 20_000 {
		if n := len(entries); n > 0 && rng.IntN(1000) < min(n, 500+step%2000/4) {
			i, last := int32(rng.IntN(n)), int32(n-1)
			x.remove(entries[i].path, i)
			if i != last {
				x.renumber(entries[last].path, last, i)
				entries[i] = entries[last]
			}
			entries = entries[:last]
		} else {
			path := fmt.Sprint("app.", step)
			entries = append(entries, entry{path: path})
			x.add([]byte(path), int32(n))
		}
		if step%100 > 0 {
			continue
		}
		used := 0
		for _, slot := range x.slots {
			if slot > 0 {
				used++
			}
		}
		if x.count != len(entries) || used != x.count {
			t.Fatalf("step %d: %d entries, %d counted, %d slots in use", step, len(entries), x.count, used)
		}
		for i := range entries {
			if at, known := x.find(entries, []byte(entries[i].path)); !known || at != int32(i) {
				t.Fatalf("step %d: entry %d is found at %d, %v", step, i, at, known)
			}
		}
		if _, known := x.find(entries, []byte("none")); known {
			t.Fatal("a path that is not there is found")
		}
	}
}

// TestKeptValueBytes checks the memory that a kept value needs.
func TestKeptValueBytes(t *testing.T) {
	n := soak.Times(100_000)
	const length = len("app.host-00000000.lat.mean_90")
	v := NewValues(Config{Interval: interval, Names: n})
	paths := make([]string, n)
	for i := range paths {
		paths[i] = fmt.Sprintf("app.host-%08d.lat.mean_90", i)
	}
	before := live()
	keep(v, time.Unix(1_795_918_800, 0), points(1_795_918_800, 1, paths...))
	each := float64(live()-before) / float64(n)
	t.Logf("%.1f bytes for a kept value, without its path", each-float64(length))
	if each > float64(length)+64 {
		t.Errorf("a kept value with a path of %d bytes takes %.1f bytes", length, each)
	}
	runtime.KeepAlive(v)
	runtime.KeepAlive(paths)
}
