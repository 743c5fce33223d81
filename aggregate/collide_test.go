package aggregate

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/metric"
)

// A collision of two kinds is found once, in whichever order their names were received.
func TestCollisionsInAnyOrder(t *testing.T) {
	for _, samples := range [][]string{{"x c 1", "x s m"}, {"x s m", "x c 1"}, {"x g 1", "x c 1"}} {
		table := testTable(1)
		add(t, table.Shard(0), samples...)
		if sn := table.Drain(nil).Summarize(testLayout, 1); sn.Collisions != 1 {
			t.Errorf("%q: %d collisions, want 1", samples, sn.Collisions)
		}
	}
}

func TestCollisions(t *testing.T) {
	for _, shards := range []int{1, 2} {
		table := testTable(shards)
		add(t, table.Shard(0), "a c 1", "b c 1", "t c 1", "t ms 1")
		add(t, table.Shard(shards-1), "a g 1", "a s x")
		for range 2 {
			sn := table.Drain(nil).Summarize(testLayout, 1)
			if sn.Collisions != 2 || !slices.Equal(sn.Collided, []string{"stats.a", "stats.a"}) {
				t.Errorf("%d shards: %d collisions %v, want two of stats.a", shards, sn.Collisions, sn.Collided)
			}
			add(t, table.Shard(0), "a g 1", "a c 2")
			add(t, table.Shard(shards-1), "a s y")
		}
		flush(table)
		add(t, table.Shard(0), "a c 1")
		if sn := table.Drain(nil).Summarize(testLayout, 1); sn.Collisions != 0 {
			t.Errorf("%d shards: a gauge of an earlier interval collides", shards)
		}
	}
}

// A counter can have the same path as the mean of a timer, or as a gauge with another prefix.
func TestNestedCollisions(t *testing.T) {
	legacy := EtsyLegacy.Layout()
	legacy.GlobalSuffix = "web1"
	binned := testLayout
	binned.Histograms = []Histogram{{"", []float64{10}}}
	for _, tt := range []struct {
		layout  Layout
		samples string
		want    string
	}{
		{testLayout, "timers.a.mean c 1,a ms 1", "stats.timers.a.mean"},
		{testLayout, "timers.a.upper_90 g 1,a ms 1", "stats.timers.a.upper_90"},
		{testLayout, "timers.a.std c 1,timers.a c 1,timers.a. c 1,timers.mean c 1,a ms 1", ""},
		{testLayout, "timers.a.mean c 1,a c 1,a g 1", "stats.a"},
		{testLayout, "timers.a.mean c 1,a ms 1,timers.a.mean g 1", "stats.timers.a.mean stats.timers.a.mean"},
		{legacy, "gauges.g c 1,g g 1", "stats.gauges.g.web1"},
		{legacy, "sets.u.count c 1,sets.u c 1,u s a", "stats.sets.u.count.web1"},
		{apart, "timers.a.mean c 1,a ms 1", ""},
		{binned, "timers.a.histogram.bin_10 c 1,timers.a.histogram.bin_20 c 1,a ms 1", "stats.timers.a.histogram.bin_10"},
	} {
		for _, shards := range []int{1, 2} {
			table := testTable(shards)
			for i, text := range strings.Split(tt.samples, ",") {
				add(t, table.Shard(i%shards), text)
			}
			sn := table.Drain(nil).Summarize(tt.layout, 1)
			if got := strings.Join(sn.Collided, " "); got != tt.want || sn.Collisions != len(sn.Collided) {
				t.Errorf("%d shards, %s: %d collisions %q, want %q", shards, tt.samples, sn.Collisions, got, tt.want)
			}
		}
	}
	table := testTable(1)
	add(t, table.Shard(0), "a ms 1")
	flush(table)
	add(t, table.Shard(0), "timers.a.mean c 1")
	if sn := table.Drain(nil).Summarize(testLayout, 1); sn.Collisions != 0 {
		t.Errorf("a timer of an earlier interval collides")
	}
}

// Names that Graphite stores in the same file collide. The expected files were computed with
// carbon.util.TaggedSeries.encode.
func TestNamesInOneFile(t *testing.T) {
	t.Parallel()
	bare := testLayout
	bare.Prefix = [metric.Kinds]string{}
	suffix := testLayout
	suffix.GlobalSuffix = "web1"
	for _, tt := range []struct {
		layout  Layout
		samples string
		want    string
	}{
		{testLayout, "app.req c 1,app..req c 1", "stats.app..req (in Graphite: stats.app.req)"},
		{testLayout, "app.req c 1,.app.req c 1", "stats..app.req (in Graphite: stats.app.req)"},
		{testLayout, "app...req c 1,app..req c 1", "one"},
		{testLayout, "app...req c 1,app..req c 1,..app.req c 1,app.req c 1", "three"},
		{testLayout, "app.req c 1,app.req. c 1", ""},
		{testLayout, "app.req.. c 1,app.req. c 1", "one"},
		{testLayout, "app.req ms 1,app.req. ms 1", "stats.timers.app.req..lower (in Graphite: stats.timers.app.req.lower)"},
		{suffix, "app.req c 1,app.req. c 1", "stats.app.req..web1 (in Graphite: stats.app.req.web1)"},
		{bare, "app.req c 1,.app.req c 1", ".app.req (in Graphite: app.req)"},
		{bare, ". c 1,.. c 1", "one"},
		{testLayout, "app.req c 1,app..req g 1", "stats.app..req (in Graphite: stats.app.req)"},
		{testLayout, "app..req c 1,app..req g 1", "one"},
		{testLayout, "a ms 1,timers.a..mean c 1", "stats.timers.a..mean (in Graphite: stats.timers.a.mean)"},
		{testLayout, "a. ms 1,timers.a.mean c 1", "one"},
		{testLayout, "a. ms 1,timers.a..mean c 1", "one"},
		{apart, "app.req c 1,app..req g 1,app..req ms 1,app...req s a", ""},
		{testLayout, "app..req c 1,app.reqs c 1,app.Req c 1", ""},
	} {
		for _, shards := range []int{1, 2} {
			table := testTable(shards)
			for i, text := range strings.Split(tt.samples, ",") {
				add(t, table.Shard(i%shards), text)
			}
			sn := table.Drain(nil).Summarize(tt.layout, 1)
			got := strings.Join(sn.Collided, " ")
			if n := slices.Index([]string{"", "one", "two", "three"}, tt.want); n > 0 && sn.Collisions == n {
				got = tt.want
			}
			if got != tt.want || sn.Collisions != len(sn.Collided) {
				t.Errorf("%d shards, %s: %d collisions %q, want %q", shards, tt.samples, sn.Collisions, sn.Collided, tt.want)
			}
		}
	}
	config := testTable(1).config
	config.Tagged = true
	table := NewTable(config)
	add(t, table.Shard(0), "a.b;k=v c 1", "a..b;k=v c 1")
	if sn := table.Drain(nil).Summarize(testLayout, 1); sn.Collisions != 0 {
		t.Errorf("tagged series collide: %v", sn.Collided)
	}
}

// A flush checks only a limited number of names with empty nodes, such as a..b (see unevenDots).
func TestUnevenNamesAreLimited(t *testing.T) {
	t.Parallel()
	table := testTable(1)
	for i := range maxUneven + 100 {
		add(t, table.Shard(0), fmt.Sprintf("a..%d c 1", i), fmt.Sprintf("a.%d c 1", i))
	}
	if sn := table.Drain(nil).Summarize(testLayout, 1); sn.Collisions != maxUneven || len(sn.Collided) != maxCollided {
		t.Errorf("%d collisions, and %d shown", sn.Collisions, len(sn.Collided))
	}
}
