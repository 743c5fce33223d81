package aggregate

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/metric"
)

// gauges is a table that contains gauges only. Samples are added to all of its shards.
type gauges struct {
	*Table
	shards int
}

func newGauges(shards int, expire uint32) gauges {
	return gauges{NewTable(Config{
		Shards: shards, MaxNames: 100_000, MaxNameLength: 100, MaxSetMembers: 1, MaxTimerSamples: 1,
		Expire: [metric.Kinds]uint32{1, expire, 1, 1},
	}), shards}
}

func (g gauges) add(shard int, name string, value float64, delta bool) {
	s := g.Shard(shard)
	s.Lock()
	defer s.Unlock()
	s.Add(&metric.Sample{Kind: metric.Gauge, Name: []byte(name), Value: value, Delta: delta, Weight: 1})
}

func (g gauges) flush() map[string]float64 {
	got := map[string]float64{}
	layout := Reference.Layout()
	layout.Prefix[metric.Gauge] = ""
	for p := range g.Drain(nil).Summarize(layout, 0).Points() {
		got[string(p.Path)] = p.Value
	}
	return got
}

// remembered returns all gauges by name. A value of the map is a text with the gauge's value and
// the number of flushes since its last sample.
func (g gauges) remembered(t *testing.T) map[string]string {
	t.Helper()
	got := map[string]string{}
	for r := range g.Remembered() {
		if _, twice := got[string(r.Name)]; twice {
			t.Errorf("%s comes twice", r.Name)
		}
		got[string(r.Name)] = fmt.Sprint(r.Value, " ", r.Unseen)
	}
	return got
}

// moved returns a new table to which the remembered gauges were copied.
func (g gauges) moved(t *testing.T, shards int) gauges {
	t.Helper()
	to := newGauges(shards, g.config.Expire[metric.Gauge])
	for r := range g.Remembered() {
		if reason := to.Remember(r); reason != metric.None {
			t.Errorf("%s: %v", r.Name, reason)
		}
	}
	return to
}

func TestRemembered(t *testing.T) {
	t.Parallel()
	g := newGauges(3, 4)
	g.add(0, "a", 1, false)
	g.add(1, "a", 2, false)
	g.add(2, "a", 3, true)
	g.add(1, "b", -7.25, true)
	s := g.Shard(0)
	s.Lock()
	s.Add(&metric.Sample{Kind: metric.Counter, Name: []byte("counter"), Value: 1, Weight: 1})
	s.Unlock()
	g.flush()
	g.add(2, "unflushed", 1, false)
	g.add(2, "a", 77, false)
	if got, want := g.remembered(t), map[string]string{"a": "5 0", "b": "-7.25 0"}; !maps.Equal(got, want) {
		t.Errorf("remembered %v, want %v", got, want)
	}
	g.flush()
	g.flush()
	if got, want := g.remembered(t), map[string]string{"a": "77 1", "b": "-7.25 2", "unflushed": "1 1"}; !maps.Equal(got, want) {
		t.Errorf("two flushes later %v, want %v", got, want)
	}
	to := g.moved(t, 2)
	if got := to.flush(); len(got) != 0 {
		t.Errorf("a gauge that was only remembered is published: %v", got)
	}
	to.add(1, "a", 1, true)
	to.add(0, "a", 1, true)
	if got, want := to.flush(), map[string]float64{"a": 79}; !maps.Equal(got, want) {
		t.Errorf("after adjustments %v, want %v", got, want)
	}
	if got, want := to.remembered(t), map[string]string{"a": "79 0", "unflushed": "1 3"}; !maps.Equal(got, want) {
		t.Errorf("b has expired in the new table, so: %v, want %v", got, want)
	}
}

func TestRememberedRefused(t *testing.T) {
	t.Parallel()
	table := NewTable(Config{Shards: 1, MaxNames: 1, MaxNameLength: 3, Expire: [metric.Kinds]uint32{1, 1, 1, 1}})
	for _, test := range []struct {
		name string
		want metric.Reason
	}{{"long", metric.TooLong}, {"", metric.EmptyName}, {"a", metric.None}, {"a", metric.None}, {"b", metric.RefusedName}} {
		if got := table.Remember(Remembered{Name: []byte(test.name)}); got != test.want {
			t.Errorf("%q: %v, want %v", test.name, got, test.want)
		}
	}
	if got := table.Names(); got != 1 {
		t.Errorf("%d names, want 1", got)
	}
}

// If the gauges are copied to a new table several times, the results are the same as without
// copying. This holds for any number of shards, while names come and go.
func TestRememberedGoesOn(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	stays := newGauges(1, 5)
	moves := newGauges(3, 5)
	for flush := range soak.Times(30) {
		for range 2_000 {
			name := fmt.Sprintf("gauge%d", random.IntN(3_000)+flush*500)
			value, delta := float64(random.IntN(100)), random.IntN(3) > 0
			stays.add(0, name, value, delta)
			moves.add(random.IntN(moves.shards), name, value, delta)
		}
		if want, got := stays.flush(), moves.flush(); !maps.Equal(got, want) {
			t.Fatalf("flush %d: the results differ", flush)
		}
		if want, got := stays.remembered(t), moves.remembered(t); !maps.Equal(got, want) {
			t.Fatalf("flush %d: the remembered names differ: %d, want %d", flush, len(got), len(want))
		}
		if random.IntN(3) == 0 {
			moves = moves.moved(t, 1+random.IntN(4))
		}
	}
}

// BenchmarkRemembered iterates over the gauges in a table with two shards. An operation is a gauge.
func BenchmarkRemembered(b *testing.B) {
	const names = 100_000
	g := newGauges(2, 5)
	for i := range names {
		g.add(i%2, fmt.Sprintf("app.web-03.api.v2.users.get.gauge_%06d", i), 1, false)
	}
	g.flush()
	b.ReportAllocs()
	for n := 0; n < b.N; n += names {
		count := 0
		for range g.Remembered() {
			count++
		}
		if count != names {
			b.Fatalf("%d gauges", count)
		}
	}
}
