package operator

import (
	"testing"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/meta/question"
	"github.com/statsd-ops/statsd/metric"
)

func TestFolded(t *testing.T) {
	for want, paths := range map[string][]string{
		"stats.a":                                                 {"stats.a"},
		"stats.timers.a.{lower,upper_90}":                         {"stats.timers.a.lower", "stats.timers.a.upper_90"},
		"{stats,stats_counts}.a.b":                                {"stats.a.b", "stats_counts.a.b"},
		"stats.timers.a.{mean,count}.end;k=v":                     {"stats.timers.a.mean.end;k=v", "stats.timers.a.count.end;k=v"},
		"stats.counters.rate.count.end, stats.counters.count.end": {"stats.counters.rate.count.end", "stats.counters.count.end"},
	} {
		if got := folded(paths); got != want {
			t.Errorf("%v: %s, want %s", paths, got, want)
		}
	}
}

func TestStatistic(t *testing.T) {
	for _, tt := range []struct{ path, name, want string }{
		{"stats.timers.a.b.mean", "a.b", "mean"}, {"stats_counts.a.b", "a.b", "stats_counts"},
		{"stats.a.count.end;k=v", "a;k=v", "count.end"}, {"statsd.udp.packets", "statsd.udp.packets", "packets"},
	} {
		if got := statistic(tt.path, tt.name); got != tt.want {
			t.Errorf("%s of %s: %s, want %s", tt.path, tt.name, got, tt.want)
		}
	}
}

// TestLastSeen adds one sample to a table, and checks after each flush when the name was last seen.
func TestLastSeen(t *testing.T) {
	table := aggregate.NewTable(aggregate.Config{Shards: 1, MaxNames: 9, MaxNameLength: 9, Expire: [metric.Kinds]uint32{9, 9, 9, 9}})
	s := table.Shard(0)
	s.Lock()
	s.Add(&metric.Sample{Name: []byte("a"), Value: 1, Weight: 1})
	s.Unlock()
	for _, want := range []string{"in the current interval", "in the interval before", "10s ago, 1 flush without a sample", "20s ago, 2 flushes without a sample"} {
		seen, _ := table.Seen(metric.Counter, []byte("a"))
		if got := lastSeen(seen.Unseen, 10*time.Second); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		table.Drain(nil).Summarize(aggregate.Reference.Layout(), 1)
	}
}

// TestTelling checks which values of a timer are the most important: the mean first, then a percentile, then the count.
func TestTelling(t *testing.T) {
	var values []question.PathValue
	for _, stat := range []string{"lower", "count", "count_ps", "upper", "mean", "upper_90"} {
		values = append(values, question.PathValue{Path: "stats.timers.a." + stat})
	}
	got := ""
	for _, v := range telling("a", values) {
		got += statistic(v.Path, "a") + " "
	}
	if got != "mean upper_90 count " {
		t.Errorf("got %s", got)
	}
}
