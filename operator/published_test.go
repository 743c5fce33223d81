package operator

import (
	"testing"

	"github.com/statsd-ops/statsd/meta/question"
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
