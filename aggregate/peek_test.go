package aggregate

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/metric"
)

// peek returns what all names of a kind have collected.
func peek(t testing.TB, table *Table, kind metric.Kind) map[string]Peeked {
	t.Helper()
	got := map[string]Peeked{}
	look := table.Peek(kind, nil)
	for look.Next() {
		shown := look.Show()
		if len(shown) > batchSize {
			t.Errorf("%d names in one step", len(shown))
		}
		for _, c := range shown {
			if _, twice := got[string(c.Name)]; twice {
				t.Errorf("%s twice", c.Name)
			}
			c.Samples = slices.Clone(c.Samples)
			got[string(c.Name)] = c
		}
	}
	return got
}

// values returns the values in the result of peek.
func values(shown map[string]Peeked) points {
	got := points{}
	for name, c := range shown {
		got[name] = c.Value
	}
	return got
}

func TestPeek(t *testing.T) {
	table := testTable(3)
	a, b := table.Shard(0), table.Shard(2)
	add(t, a, "hits c 1", "hits c 4 x10", "zero c 0", "g g 5", "u s a", "u s b", "lat ms 1 x2", "lat ms 2")
	add(t, b, "hits c 2", "only c 7", "g g +4", "u s b", "u s c", "v s a", "lat ms 3")
	for range 2 { // a Peek does not change the table
		expect(t, values(peek(t, table, metric.Counter)), points{"hits": 43, "zero": 0, "only": 7})
		expect(t, values(peek(t, table, metric.Gauge)), points{"g": 9})
		expect(t, values(peek(t, table, metric.Set)), points{"u": 3, "v": 1})
		expect(t, values(peek(t, table, metric.Timer)), points{"lat": 3})
		if got := peek(t, table, metric.Timer)["lat"].Samples; !slices.Equal(got, []float64{1, 2, 3}) {
			t.Errorf("samples %v", got)
		}
	}
	if got := flush(table); got["stats.hits"] != 4.3 || got["stats.g"] != 9 || got["stats.u"] != 3 || got["stats.timers.lat.count"] != 4 {
		t.Errorf("published %v after a look", got)
	}
	add(t, b, "g g -1", "lat ms 9")
	expect(t, values(peek(t, table, metric.Counter)), points{"hits": 0, "zero": 0, "only": 0})
	expect(t, values(peek(t, table, metric.Gauge)), points{"g": 8})
	expect(t, values(peek(t, table, metric.Set)), points{"u": 0, "v": 0})
	expect(t, values(peek(t, table, metric.Timer)), points{"lat": 1})
	flush(table)
	flush(table) // now the counters and sets have expired
	expect(t, values(peek(t, table, metric.Counter)), points{})
	expect(t, values(peek(t, table, metric.Set)), points{})
	expect(t, values(peek(t, table, metric.Timer)), points{"lat": 0})
	expect(t, values(peek(t, table, metric.Gauge)), points{"g": 8})
}

// The value of an expired gauge is not shown.
func TestPeekExpiredGauge(t *testing.T) {
	table := testTable(2)
	table.config.Expire[metric.Gauge] = 2
	add(t, table.Shard(0), "g g 100")
	for range 3 {
		flush(table)
	}
	expect(t, values(peek(t, table, metric.Gauge)), points{})
	add(t, table.Shard(1), "g g +1")
	expect(t, values(peek(t, table, metric.Gauge)), points{"g": 1})
	expect(t, flush(table), points{"stats.g": 1})
}

// If a timer has many samples, its first samples are shown.
func TestPeekFirstSamples(t *testing.T) {
	for _, limit := range []int{1 << 20, 120, 50, 1} {
		table := testTable(1)
		table.SetLimits(func(c Config) Config { c.MaxTimerSamples = limit; return c }(table.config))
		flush(table)
		var want []float64
		for i := range 5_000 {
			if len(want) < min(MaxPeeked, limit) {
				want = append(want, float64(i))
			}
			add(t, table.Shard(0), fmt.Sprint("lat ms ", i))
		}
		got := peek(t, table, metric.Timer)["lat"]
		if got.Value != 5_000 || !slices.Equal(got.Samples, want) {
			t.Errorf("at most %d kept: %v samples: %v", limit, got.Value, got.Samples)
		}
	}
}

func TestPeekMatches(t *testing.T) {
	table := testTable(2)
	for i := range 3_000 {
		add(t, table.Shard(i%2), fmt.Sprintf("name%d c 1", i))
	}
	look := table.Peek(metric.Counter, func(name []byte) bool { return bytes.HasPrefix(name, []byte("name29")) })
	n, steps := 0, 0
	for look.Next() {
		steps++
		n += len(look.Show())
	}
	if n != 111 || steps < 3_000/batchSize {
		t.Errorf("%d names in %d steps", n, steps)
	}
}

// If a Peek spans many flushes, it shows each name that stays in the table exactly once. During the Peek, other names
// come and go, and the shards replace their tables of names.
func TestPeekAcrossFlushes(t *testing.T) {
	stay, come := soak.Times(3_000), soak.Times(2_000)
	table := testTable(2)
	touch := func(flush int) {
		for i := range stay {
			add(t, table.Shard((i+flush)%2), fmt.Sprintf("stays%d c 1", i))
		}
		for i := range come {
			add(t, table.Shard(i%2), fmt.Sprintf("goes%d.%d c 1", flush, i))
		}
	}
	touch(0)
	flush(table)
	touch(1)
	seen := map[string]int{}
	look := table.Peek(metric.Counter, nil)
	before, retired := table.shards[0].names, false
	for step := 2; look.Next(); step++ {
		for _, c := range look.Show() {
			seen[string(c.Name)]++
			if strings.HasPrefix(string(c.Name), "stays") && c.Value != 1 {
				t.Fatalf("%s is %v", c.Name, c.Value)
			}
		}
		flush(table)
		touch(step)
		retired = retired || table.shards[0].names != before
	}
	if !retired {
		t.Error("no shard has begun a new table")
	}
	for i := range stay {
		if n := seen[fmt.Sprintf("stays%d", i)]; n != 1 {
			t.Fatalf("stays%d was seen %d times", i, n)
		}
	}
	for name, n := range seen {
		if n != 1 || strings.HasPrefix(name, "goes") && !strings.HasPrefix(name, "goes0.") && !strings.HasPrefix(name, "goes1.") {
			t.Fatalf("%s was seen %d times", name, n)
		}
	}
}

func TestForget(t *testing.T) {
	for _, shards := range []int{1, 8} {
		table := testTable(shards)
		each := func(samples ...string) {
			for i := range shards {
				add(t, table.Shard(i), samples...)
			}
		}
		for range 2 { // two flush intervals, so that both cells of each record have been used
			each("a c 1", "a g 5", "a ms 1", "a s x", "b c 1", "b g 7")
			flushAs(table, apart)
		}
		known := table.Names()
		each("a c 1", "a g +1", "a ms 1", "a s x", "b c 1", "b g +1")
		for kind := range metric.Kinds {
			if kind := metric.Kind(kind); !table.Forget(kind, []byte("a")) || table.Forget(kind, []byte("a")) || table.Forget(kind, []byte("c")) {
				t.Error("only the first Forget of a name must report that the name was there")
			}
			if got := peek(t, table, metric.Kind(kind)); got["a"].Name != nil {
				t.Errorf("a is still there: %v", got)
			}
		}
		if got, want := table.Names(), known-4*shards; got != want {
			t.Errorf("%d names, want %d", got, want)
		}
		for r := range table.Remembered() {
			if string(r.Name) != "b" {
				t.Errorf("%s is remembered", r.Name)
			}
		}
		b := points{"counters.b": float64(shards) / 10, "gauges.b": 7 + float64(shards)}
		expect(t, flushAs(table, apart), b)

		add(t, table.Shard(shards-1), "a g +1", "a c 1", "a s y", "a ms 4")
		expect(t, flushAs(table, apart), points{"gauges.a": 1, "counters.a": 0.1, "sets.a": 1, "timers.a.lower": 4,
			"timers.a.upper": 4, "timers.a.mean": 4, "timers.a.count": 1, "timers.a.upper_90": 4})
		if got, want := table.Names(), known-4*shards+4; got != want {
			t.Errorf("%d names when it came back, want %d", got, want)
		}
	}
}

// A forgotten name is not published as an idle name.
func TestForgetIdle(t *testing.T) {
	table := testTable(2)
	idle := apart
	idle.IdleZeros, idle.KeepGauges = true, true
	for i := range 2 {
		add(t, table.Shard(i), "a c 1", "a g 5", "a s x", "b c 1", "b g 7", "b s x")
	}
	flushAs(table, idle)
	table.SetLimits(func(c Config) Config { c.Expire = [metric.Kinds]uint32{9, 9, 9, 9}; return c }(table.config))
	for _, kind := range []metric.Kind{metric.Counter, metric.Gauge, metric.Set} {
		table.Forget(kind, []byte("a"))
	}
	for range 3 {
		expect(t, flushAs(table, idle), points{"counters.b": 0, "gauges.b": 7, "sets.b": 0})
	}
}

// If a name is forgotten before its first flush, the table keeps nothing of the name.
func TestForgetNew(t *testing.T) {
	table := testTable(2)
	add(t, table.Shard(1), "a c 1", "b c 1")
	if !table.Forget(metric.Counter, []byte("a")) || table.Names() != 1 {
		t.Errorf("%d names", table.Names())
	}
	expect(t, flush(table), points{"stats.b": 0.1})
	if table.Names() != 1 {
		t.Errorf("%d names after the flush", table.Names())
	}
}

// Names come, go and are forgotten. A Peek shows what would be published, and the number of names
// is correct, for any number of shards.
func TestForgetModel(t *testing.T) {
	t.Parallel()
	for _, shards := range []int{1, 3} {
		random := rand.New(rand.NewPCG(3, uint64(shards)))
		table := testTable(shards)
		counters, gauges := points{}, points{}
		for range soak.Times(60) {
			for range 500 {
				name, value := fmt.Sprint("n", random.IntN(1_000)), float64(random.IntN(100))
				s := table.Shard(random.IntN(shards))
				switch op := random.IntN(10); {
				case op < 4:
					add(t, s, fmt.Sprintf("%s c %v", name, value))
					counters[name] += value
				case op < 6:
					add(t, s, fmt.Sprintf("%s g %v", name, value))
					gauges[name] = value
				case op < 8:
					add(t, s, fmt.Sprintf("%s g +%v", name, value))
					gauges[name] += value
				case op == 8:
					_, want := gauges[name]
					if got := table.Forget(metric.Gauge, []byte(name)); got != want {
						t.Fatalf("forgot the gauge %s: %v, want %v", name, got, want)
					}
					delete(gauges, name)
				default:
					table.Forget(metric.Counter, []byte(name))
					delete(counters, name)
				}
			}
			expect(t, values(peek(t, table, metric.Gauge)), gauges)
			shown := values(peek(t, table, metric.Counter))
			for name, value := range counters {
				if shown[name] != value {
					t.Fatalf("%s is shown as %v, want %v", name, shown[name], value)
				}
			}
			published := flushAs(table, apart)
			maps.DeleteFunc(published, func(path string, _ float64) bool { return !strings.HasPrefix(path, "counters.") })
			if len(published) != len(counters) {
				t.Fatalf("%d counters were published, want %d", len(published), len(counters))
			}
			clear(counters)
			if known := len(peek(t, table, metric.Counter)) + len(gauges); shards == 1 && table.Names() != known {
				t.Fatalf("%d names, want %d", table.Names(), known)
			}
			if t.Failed() {
				t.FailNow()
			}
		}
	}
}

// While receivers add samples, the flushing goroutine peeks and forgets names. All samples of names
// that were not forgotten are published.
func TestForgetWhileReceiving(t *testing.T) {
	t.Parallel()
	const shards, rounds, names = 8, 1_000, 50
	table := testTable(shards)
	var receiving sync.WaitGroup
	for i := range shards {
		receiving.Go(func() {
			for j := range rounds {
				for _, sample := range []string{"kept%d c 1", "gone%d c 1", "gone%d g +1", "gone%d ms 1", "gone%d s x"} {
					_ = table.Shard(i).addText(fmt.Sprintf(sample, j%names))
				}
			}
		})
	}
	received := make(chan struct{})
	go func() { receiving.Wait(); close(received) }()
	kept, gone := 0.0, 0
	for done := false; !done; {
		select {
		case <-received:
			done = true
		default:
		}
		gone = 0
		for i := range names {
			for kind := range metric.Kinds {
				table.Forget(metric.Kind(kind), fmt.Appendf(nil, "gone%d", i))
			}
		}
		peek(t, table, metric.Timer)
		for path, value := range flushAs(table, apart) {
			if strings.HasPrefix(path, "counters.kept") {
				kept += value * 10
			} else {
				gone++
			}
		}
	}
	if math.Abs(kept-shards*rounds) > 1e-6 || gone != 0 {
		t.Errorf("%v of %d samples were published, and %d names that were forgotten", kept, shards*rounds, gone)
	}
	if table.Names() > shards*names {
		t.Errorf("%d names, at most %d were kept", table.Names(), shards*names)
	}
}

// BenchmarkPeek reads the names in a table with two shards. One operation reads one name.
func BenchmarkPeek(b *testing.B) {
	const names = 100_000
	table := testTable(2)
	for i := range names {
		add(b, table.Shard(i%2), fmt.Sprintf("app.web-03.api.v2.users.get.counter_%06d c 1", i))
	}
	b.ReportAllocs()
	for n := 0; n < b.N; n += names {
		count := 0
		look := table.Peek(metric.Counter, nil)
		for look.Next() {
			count += len(look.Show())
		}
		if count != names {
			b.Fatalf("%d names", count)
		}
	}
}
