package aggregate

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/metric"
)

// shown returns what the recorder gets at a flush, as a text for each name.
func shown(table *Table) map[string]string {
	all := map[string]string{}
	iv := table.Drain(nil)
	iv.Record = func(c *metric.Collected) {
		slices.Sort(c.Samples)
		slices.Sort(c.Members)
		members := slices.Compact(slices.Clone(c.Members))
		key := c.Kind.String() + " " + string(c.Name)
		if all[key] != "" {
			all[key] += "; again "
		}
		all[key] += fmt.Sprint(c.Value, c.Samples, c.Received(), c.Weight, c.Sum, c.Lower, c.Upper, len(members))
	}
	for range iv.Summarize(testLayout, 1).Points() {
	}
	return all
}

// The recorder is called once for each name, with the values of all shards.
func TestRecord(t *testing.T) {
	for _, shards := range []int{1, 2, 3} {
		table := testTable(shards)
		s := func(i int) *Shard { return table.Shard(i % shards) }
		add(t, s(0), "hits c 1", "zero c 0", "g g 10", "u s a", "u s b", "t ms 5 x10")
		add(t, s(1), "hits c 4 x10", "g g +5", "u s b", "u s c", "t ms -1")
		add(t, s(2), "hits c 1", "t ms 2", "once g 1")
		want := map[string]string{
			"counter hits": "42 [] 0 0 0 0 0 0",
			"counter zero": "0 [] 0 0 0 0 0 0",
			"gauge g":      "15 [] 0 0 0 0 0 0",
			"gauge once":   "1 [] 0 0 0 0 0 0",
			"set u":        "0 [] 0 0 0 0 0 3",
			"timer t":      "0 [-1 2 5] 3 12 6 -1 5 0",
		}
		if got := shown(table); !maps.Equal(got, want) {
			t.Errorf("%d shards: %v, want %v", shards, got, want)
		}
		add(t, s(1), "g g +1")
		if got := shown(table); !maps.Equal(got, map[string]string{"gauge g": "16 [] 0 0 0 0 0 0"}) {
			t.Errorf("%d shards, at the second flush: %v", shards, got)
		}
	}
}

// If a timer has too many samples, bins represent the samples beyond the limit. The sums are exact.
func TestRecordSketched(t *testing.T) {
	for _, shards := range []int{1, 2} {
		table := sketchTable(shards, 10)
		for i := range 1000 {
			add(t, table.Shard(i%shards), fmt.Sprintf("t ms %d x2", i+1))
		}
		iv := table.Drain(nil)
		seen := 0
		iv.Record = func(c *metric.Collected) {
			seen++
			if c.Received() != 1000 || len(c.Samples) != 10*shards || c.Weight != 2000 || c.Sum != 500_500 || c.Lower != 1 || c.Upper != 1000 {
				t.Errorf("%d shards: %d samples and %v in all, weight %v, sum %v, %v to %v", shards, len(c.Samples), c.Received(), c.Weight, c.Sum, c.Lower, c.Upper)
			}
			for _, b := range c.Bins {
				if b.Value < 1 || b.Value > 1010 || b.Count < 1 {
					t.Errorf("bin %v", b)
				}
			}
		}
		got := points{}
		for p := range iv.Summarize(testLayout, 1).Points() {
			got[strings.TrimPrefix(string(p.Path), "stats.timers.")] = p.Value
		}
		if seen != 1 || got["t.count"] != 2000 || got["t.upper"] != 1000 || got["t.mean"] != 500.5 {
			t.Errorf("%d shards: shown %d times; the points are %v", shards, seen, got)
		}
	}
}
