package aggregate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/metric"
)

// randomSamples returns samples of all kinds. Their sums are exact in any order. The samples of
// gauges are in the order of their times.
func randomSamples(rng *rand.Rand, at *int64, n int) []metric.Sample {
	samples := make([]metric.Sample, n)
	for i := range samples {
		s := &samples[i]
		*at += 1 + int64(rng.IntN(5))
		s.Name = fmt.Appendf(nil, "n%d", rng.IntN(n/20+1))
		s.Kind = metric.Kind(rng.IntN(metric.Kinds))
		s.Value, s.Weight = float64(rng.IntN(4000)-1000)/8, float64(int(1)<<rng.IntN(3))
		switch s.Kind {
		case metric.Gauge:
			s.At, s.Delta = *at, rng.IntN(4) > 0
		case metric.Set:
			s.Member = fmt.Appendf(nil, "m%d", rng.IntN(50))
		case metric.Timer:
			s.Millis = rng.IntN(50) == 0
		}
	}
	return samples
}

// apply adds samples to random shards.
func apply(t *testing.T, rng *rand.Rand, table *Table, samples []metric.Sample) {
	t.Helper()
	for i := range samples {
		s := table.Shard(rng.IntN(len(table.shards)))
		s.Lock()
		if r := s.Add(&samples[i]); r != metric.None {
			t.Fatalf("%s: %v", samples[i].Name, r)
		}
		s.Unlock()
	}
}

// cluster has the tables of several edges. Their rows are merged into the table of an owner.
type cluster struct {
	edges []*Table
	owner *Table
}

func newCluster(rng *rand.Rand, config Config) cluster {
	table := func() *Table {
		config.Shards = 1 + rng.IntN(3)
		return NewTable(config)
	}
	c := cluster{owner: table()}
	for range 1 + rng.IntN(5) {
		c.edges = append(c.edges, table())
	}
	return c
}

// cloneRow returns a deep copy of a row.
func cloneRow(r *Row) *Row {
	c := *r
	c.Samples, c.Members, c.Adjustments = slices.Clone(r.Samples), slices.Clone(r.Members), slices.Clone(r.Adjustments)
	return &c
}

// flush adds the samples to the edge tables, merges their rows into one table, and returns its
// points.
func (c *cluster) flush(t *testing.T, rng *rand.Rand, layout Layout, samples []metric.Sample) points {
	t.Helper()
	split := make([][]metric.Sample, len(c.edges))
	for _, s := range samples {
		to := rng.IntN(len(c.edges))
		split[to] = append(split[to], s)
	}
	var rows []*Row
	for i, edge := range c.edges {
		rng.Shuffle(len(split[i]), func(a, b int) { split[i][a], split[i][b] = split[i][b], split[i][a] })
		apply(t, rng, edge, split[i])
		iv := edge.Drain(nil)
		iv.Rows(func(r *Row) { rows = append(rows, cloneRow(r)) })
		iv.Summarize(layout, 1) // Summarize must not change the rows
	}
	rng.Shuffle(len(rows), func(a, b int) { rows[a], rows[b] = rows[b], rows[a] })
	for _, r := range rows {
		s := c.owner.Shard(rng.IntN(len(c.owner.shards)))
		s.Lock()
		if reason := s.Merge(r); reason != metric.None {
			t.Fatalf("%v %s: %v", r.Kind, r.Name, reason)
		}
		s.Unlock()
	}
	return flushWithUnits(c.owner, layout)
}

// flushWithUnits returns the points of a flush. It adds a point with the value 1 for each timer
// whose unit is the millisecond.
func flushWithUnits(table *Table, layout Layout) points {
	got := points{}
	iv := table.Drain(nil)
	iv.Record = func(c *metric.Collected) {
		if c.Millis {
			got["ms "+string(c.Name)] = 1
		}
	}
	for p := range iv.Summarize(layout, 1).Points() {
		got[string(p.Path)] = p.Value
	}
	return got
}

// rowLayouts returns one layout for each scheme. Each layout publishes all possible points.
func rowLayouts() (layouts []Layout) {
	for _, naming := range Namings() {
		l := naming.Layout()
		l.Prefix = apart.Prefix
		l.Counters, l.TimerStats, l.Percentiles = []string{"rate", "count"}, AllTimerStats(), []float64{50, 90, 99, -10}
		l.Histograms = []Histogram{{"7", []float64{-10, 0, 100}}, {"", []float64{0, 50.5, math.Inf(1)}}}
		layouts = append(layouts, l)
	}
	return layouts
}

// Samples are divided between tables at random. The merged rows of these tables give exactly the
// points of a single table.
func TestRowsOfAnySplit(t *testing.T) {
	t.Parallel()
	for seed := range uint64(soak.Times(12)) {
		for _, layout := range rowLayouts() {
			rng := rand.New(rand.NewPCG(seed, 2))
			config := testTable(1).config
			config.MemberKey = [16]byte{1}
			config.Expire = [metric.Kinds]uint32{2, 3, 2, 2}
			one, many := NewTable(config), newCluster(rng, config)
			at := int64(1000)
			for range 4 {
				samples := randomSamples(rng, &at, rng.IntN(400))
				apply(t, rng, one, samples)
				expect(t, many.flush(t, rng, layout, samples), flushWithUnits(one, layout))
				if t.Failed() {
					t.Fatalf("seed %d, naming %s", seed, layout.Naming)
				}
			}
		}
	}
}

// TestRowsOfSketches divides samples between tables, for timers with too many samples. The
// estimates equal the estimates of a single table. Sums differ at most by rounding errors.
func TestRowsOfSketches(t *testing.T) {
	t.Parallel()
	for seed := range uint64(soak.Times(20)) {
		rng := rand.New(rand.NewPCG(seed, 3))
		layout := rowLayouts()[seed%4]
		config := sketchTable(1, 1+rng.IntN(20)).config
		one, many := NewTable(config), newCluster(rng, config)
		origin := []float64{0, 1e9, -5}[rng.IntN(3)]
		samples := make([]metric.Sample, 2000)
		for i := range samples {
			samples[i] = metric.Sample{Kind: metric.Timer, Name: fmt.Appendf(nil, "t%d", rng.IntN(8)), Value: origin + rng.NormFloat64()*10, Weight: 1}
		}
		apply(t, rng, one, samples)
		want := flushWithUnits(one, layout)
		got := many.flush(t, rng, layout, samples)
		if len(got) != len(want) {
			t.Errorf("seed %d: %d points, want %d", seed, len(got), len(want))
		}
		for path, w := range want {
			if g := got[path]; math.Abs(g-w) > 1e-9*max(math.Abs(w), 1) {
				t.Errorf("seed %d: %s = %v, want %v", seed, path, g, w)
			}
		}
	}
}

// A row contains the values of all shards, and does not change later.
func TestRows(t *testing.T) {
	t.Parallel()
	table := testTable(2)
	a, b := table.Shard(0), table.Shard(1)
	add(t, a, "hits c 1", "t ms 5 x10", "u s a", "u s b", "zero c 0")
	add(t, b, "hits c 4 x10", "t ms -1", "u s b")
	b.Add(&metric.Sample{Kind: metric.Timer, Name: []byte("t"), Value: 2, Weight: 1, Millis: true})
	addGauges(t, table, "0: 3 @5", "1: +1 @4", "0: +2 @7", "1: +4 @9")
	iv := table.Drain(nil)
	for range 2 {
		got := map[string]Row{}
		iv.Rows(func(r *Row) {
			slices.Sort(r.Samples)
			slices.SortFunc(r.Adjustments, GaugeChange.compare)
			if _, twice := got[string(r.Name)]; twice {
				t.Errorf("%s comes twice", r.Name)
			}
			got[string(r.Name)] = *cloneRow(r)
		})
		for name, want := range map[string]string{
			"hits": "counter 41 {0 0} [] [] 0 false 0",
			"zero": "counter 0 {0 0} [] [] 0 false 0",
			"g":    "gauge 0 {5 3} [{7 2} {9 4}] [] 0 false 0",
			"t":    "timer 0 {0 0} [] [-1 2 5] 12 true 0",
			"u":    "set 0 {0 0} [] [] 0 false 2",
		} {
			r := got[name]
			if text := fmt.Sprint(r.Kind, r.Value, r.Set, r.Adjustments, r.Samples, r.Weight, r.Millis, len(r.Members)); text != want {
				t.Errorf("%s: %s, want %s", name, text, want)
			}
		}
		if len(got) != 5 {
			t.Errorf("%d rows, want 5", len(got))
		}
	}
	if got := iv.Summarize(testLayout, 1).Count; got != [metric.Kinds]int{2, 1, 1, 1} {
		t.Errorf("%v names are summarised after Rows", got)
	}
	table.Drain(nil).Rows(func(r *Row) { t.Errorf("a row of an interval before: %s", r.Name) })
}

// Rows that no table can have made are refused, and do not change the table.
func TestBadRows(t *testing.T) {
	t.Parallel()
	table := sketchTable(1, 2)
	for i := range 5 {
		add(t, table.Shard(0), fmt.Sprintf("t ms %d", i))
	}
	var sketched Row
	table.Drain(nil).Rows(func(r *Row) { sketched = *r })
	bad := func(change func(*Sketch)) Row {
		r, s := sketched, *sketched.Sketch
		s.Positive = slices.Clone(s.Positive)
		change(&s)
		r.Sketch = &s
		return r
	}
	name := []byte("n")
	for why, r := range map[string]Row{
		"no kind":         {Kind: metric.Kinds, Name: name},
		"no name":         {Kind: metric.Counter},
		"not clean":       {Kind: metric.Counter, Name: []byte("a b")},
		"tags":            {Kind: metric.Counter, Name: []byte("a;k=v")},
		"infinite":        {Kind: metric.Counter, Name: name, Value: math.Inf(1)},
		"no number":       {Kind: metric.Timer, Name: name, Samples: []float64{1, math.NaN()}},
		"no change":       {Kind: metric.Gauge, Name: name},
		"no time":         {Kind: metric.Gauge, Name: name, Adjustments: []GaugeChange{{0, 1}}},
		"negative time":   {Kind: metric.Gauge, Name: name, Set: GaugeChange{-1, 1}},
		"no sample":       {Kind: metric.Timer, Name: name, Weight: 1},
		"negative weight": {Kind: metric.Timer, Name: name, Samples: []float64{1}, Weight: -1},
		"no member":       {Kind: metric.Set, Name: name},
		"a hash of 0":     {Kind: metric.Set, Name: name, Members: []uint64{5, 0}},
		"a far bin":       bad(func(s *Sketch) { s.Positive[0].Index = math.MaxInt32 }),
		"a negative bin":  bad(func(s *Sketch) { s.Positive[0].Count = -1; s.Zero += 2 }),
		"a wrong count":   bad(func(s *Sketch) { s.Count++ }),
		"an empty sketch": bad(func(s *Sketch) { *s = Sketch{} }),
		"no sum":          bad(func(s *Sketch) { s.Sum[0] = math.NaN() }),
	} {
		to := testTable(1)
		if got := to.Shard(0).Merge(&r); got != metric.BadValue {
			t.Errorf("%s: %v, want bad_value", why, got)
		}
		if got := flush(to); len(got) != 0 || to.Names() != 0 {
			t.Errorf("%s: left %v", why, got)
		}
	}
	if got := testTable(1).Shard(0).Merge(&sketched); got != metric.None {
		t.Errorf("a good one: %v", got)
	}
}

// The limits of a table also apply to merged rows.
func TestRowsAreLimited(t *testing.T) {
	t.Parallel()
	config := testTable(1).config
	config.MaxNames, config.MaxNameLength, config.MaxSetMembers, config.MaxTimerSamples = 2, 3, 2, 2
	table := NewTable(config)
	for _, tt := range []struct {
		row  Row
		want metric.Reason
	}{
		{Row{Kind: metric.Set, Name: []byte("u"), Members: []uint64{1, 2, 3}}, metric.RefusedMember},
		{Row{Kind: metric.Set, Name: []byte("u"), Members: []uint64{2, 1}}, metric.None},
		{Row{Kind: metric.Counter, Name: []byte("long")}, metric.TooLong},
		{Row{Kind: metric.Timer, Name: []byte("t"), Samples: []float64{1, 2, 3}, Weight: 3}, metric.None},
		{Row{Kind: metric.Counter, Name: []byte("c")}, metric.RefusedName},
	} {
		if got := table.Shard(0).Merge(&tt.row); got != tt.want {
			t.Errorf("%v %s: %v, want %v", tt.row.Kind, tt.row.Name, got, tt.want)
		}
	}
	sn := table.Drain(nil).Summarize(testLayout, 1)
	if sn.Sketched != 1 || sn.Count[metric.Set] != 1 {
		t.Errorf("%d sketched timers, %d sets", sn.Sketched, sn.Count[metric.Set])
	}
}

// BenchmarkRows reads and merges rows. One operation is one row.
func BenchmarkRows(b *testing.B) {
	const n = 10_000
	for _, kind := range []metric.Kind{metric.Counter, metric.Gauge, metric.Timer, metric.Set} {
		b.Run(kind.String(), func(b *testing.B) {
			from, to := testTable(1), testTable(1)
			samples := benchSamples(n, kind)
			for range 10 {
				for i := range samples {
					from.Shard(0).Add(&samples[i])
				}
			}
			iv := from.Drain(nil)
			iv.Rows(func(r *Row) { to.Shard(0).Merge(r) }) // merge once, so that the table contains all names before the measurement
			b.ReportAllocs()
			b.ResetTimer()
			for done := 0; done < b.N; done += n {
				iv.Rows(func(r *Row) {
					if to.Shard(0).Merge(r) != metric.None {
						b.Fatal("refused")
					}
				})
			}
		})
	}
}

// In each dialect, a name from one table can be merged into another table with the same settings.
func TestMergeTakesTheNamesOfEachDialect(t *testing.T) {
	for dialect := range metric.Dialect(metric.Dialects) {
		config := testTable(1).config
		config.Dialect = dialect
		from, to := NewTable(config), NewTable(config).Shard(0)
		from.Shard(0).Add(&metric.Sample{Name: []byte("a=b c/d"), Value: 10, Weight: 1})
		from.Drain(nil).Rows(func(r *Row) {
			if got := to.Merge(r); got != metric.None {
				t.Errorf("%v: merging %q: %v", dialect, r.Name, got)
			}
		})
	}
}
