package heavy

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestBounds checks that the true count of a key is at most Count and at least Count minus Over. It
// also checks that no key without a slot was added more often than Floor.
func TestBounds(t *testing.T) {
	for _, tt := range []struct {
		name string
		key  func(r *rand.Rand, i int) int
	}{
		{"zipf", func(r *rand.Rand, _ int) int { return int(rand.NewZipf(r, 1.1, 1, 20_000).Uint64()) }},
		{"uniform", func(r *rand.Rand, _ int) int { return r.IntN(5000) }},
		{"always new", func(_ *rand.Rand, i int) int { return i }},
		{"one after the other", func(_ *rand.Rand, i int) int { return i % 101 }},
		{"few", func(r *rand.Rand, _ int) int { return r.IntN(50) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			const places, n = 100, 50_000
			r := rand.New(rand.NewPCG(1, 2))
			c := New(places)
			for range 2 { // the second round uses the Counters after Reset
				c.Reset()
				truth := map[string]uint64{}
				for i := range n {
					tag, key := byte(i%2), fmt.Sprint(tt.key(r, i))
					c.Add(tag, []byte(key))
					truth[string('0'+rune(tag))+key]++
				}
				check(t, c, truth, n)
			}
		})
	}
}

func check(t *testing.T, c *Counters, truth map[string]uint64, n uint64) {
	t.Helper()
	sum := uint64(0)
	places := min(c.max, len(truth))
	if c.Len() != places {
		t.Fatalf("%d places are used, want %d", c.Len(), places)
	}
	if least := n / uint64(c.max); c.Floor() > least {
		t.Errorf("the floor is %d, more than the mean %d", c.Floor(), least)
	}
	for i := range c.Len() {
		tag, key := c.Key(i)
		k := string('0'+rune(tag)) + string(key)
		count, over := c.Count(i)
		if want, ok := truth[k]; !ok || count < want || count-over > want {
			t.Errorf("%s: %d, of which %d may be too many, want %d", k, count, over, want)
		}
		sum += count
		delete(truth, k)
	}
	if sum != n {
		t.Errorf("the counts add up to %d, want %d", sum, n)
	}
	for k, count := range truth {
		if count > c.Floor() {
			t.Errorf("%s was counted %d times and has no place; the floor is %d", k, count, c.Floor())
		}
	}
}

func TestAllocations(t *testing.T) {
	c := New(64)
	keys := make([][]byte, 1000)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "prefix.%d.", i)
	}
	add := func() {
		for _, k := range keys {
			c.Add(0, k)
		}
	}
	for range 10 {
		add()
	}
	if n := testing.AllocsPerRun(10, add); n > 0 {
		t.Errorf("%v allocations", n)
	}
	c.Reset()
	if n := testing.AllocsPerRun(10, func() { c.Reset(); add() }); n > 0 {
		t.Errorf("%v allocations after Reset", n)
	}
}

// BenchmarkAdd checks that Add does not scan all slots.
func BenchmarkAdd(b *testing.B) {
	const n = 1 << 16
	keys := make([][]byte, n)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "app.web-%02d.api.v2.users.get.status_%d", i%50, i)
	}
	zipf := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.1, 1, n-1)
	for name, next := range map[string]func(int) int{
		"zipf": func(int) int { return int(zipf.Uint64()) },
		"new":  func(i int) int { return i % n },
	} {
		order := make([]int, n)
		for i := range order {
			order[i] = next(i)
		}
		b.Run(name, func(b *testing.B) {
			c := New(4096)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				c.Add(0, keys[order[i%n]])
			}
		})
	}
}
