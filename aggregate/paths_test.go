package aggregate

import (
	"slices"
	"testing"

	"github.com/statsd-ops/statsd/metric"
)

// Paths returns the path of each point that a table makes. Origins finds the name from each path.
func TestPaths(t *testing.T) {
	for _, naming := range Namings() {
		for _, tagged := range []bool{false, true} {
			layout := naming.Layout()
			layout.Percentiles = []float64{90, 99.9, -10}
			layout.GlobalSuffix = "end"
			layout.Histograms = []Histogram{{Substring: "lat", Bounds: []float64{1, 10}}}
			if naming == Gstatsd {
				layout.Percentiles = layout.Percentiles[:1]
			}
			name := "a.lat"
			if tagged {
				name += ";k=v"
			}
			for kind := range metric.Kind(metric.Kinds) {
				o := Origin{kind, name}
				paths := layout.Scheme().Paths(o, tagged)
				for _, path := range pointPaths(layout, o, tagged) {
					if !slices.Contains(paths, path) {
						t.Errorf("%s: Paths(%v) = %v lacks %s", naming, o, paths, path)
					}
					if origins := layout.Scheme().Origins(path, tagged); !slices.Contains(origins, o) {
						t.Errorf("%s: Origins(%s) = %v lacks %v", naming, path, origins, o)
					}
				}
			}
		}
	}
}

// pointPaths returns the paths of the points that a table makes for a name.
func pointPaths(layout Layout, o Origin, tagged bool) (paths []string) {
	config := testTable(1).config
	config.Tagged = tagged
	table := NewTable(config)
	shard := table.Shard(0)
	shard.Lock()
	for i := range 100 {
		shard.Add(&metric.Sample{Kind: o.Kind, Name: []byte(o.Name), Value: float64(i), Weight: 1, Member: []byte("m")})
	}
	shard.Unlock()
	for p := range table.Drain(nil).Summarize(layout, 1).Points() {
		paths = append(paths, string(p.Path))
	}
	return paths
}

func TestOrigins(t *testing.T) {
	layout := Reference.Layout()
	for path, want := range map[string][]Origin{
		"stats.a":                 {{metric.Counter, "a"}, {metric.Gauge, "a"}, {metric.Set, "a"}},
		"stats.timers.a.mean":     {{metric.Counter, "timers.a.mean"}, {metric.Gauge, "timers.a.mean"}, {metric.Timer, "a"}, {metric.Set, "timers.a.mean"}},
		"stats.timers.a.upper_90": {{metric.Counter, "timers.a.upper_90"}, {metric.Gauge, "timers.a.upper_90"}, {metric.Timer, "a"}, {metric.Set, "timers.a.upper_90"}},
		"stats.":                  nil,
		"other.a":                 nil,
	} {
		if got := layout.Scheme().Origins(path, false); !slices.Equal(got, want) {
			t.Errorf("Origins(%s) = %v, want %v", path, got, want)
		}
	}
}

func TestPeekName(t *testing.T) {
	table := testTable(2)
	for i := range 2 {
		shard := table.Shard(i)
		shard.Lock()
		shard.Add(&metric.Sample{Kind: metric.Timer, Name: []byte("a"), Value: float64(i), Weight: 1})
		shard.Add(&metric.Sample{Kind: metric.Set, Name: []byte("a"), Member: []byte("m"), Weight: 1})
		shard.Unlock()
	}
	if p, ok := table.PeekName(metric.Timer, []byte("a")); !ok || p.Value != 2 || !slices.Equal(p.Samples, []float64{0, 1}) {
		t.Errorf("timer: %+v, %v", p, ok)
	}
	if p, ok := table.PeekName(metric.Set, []byte("a")); !ok || p.Value != 1 {
		t.Errorf("set: %+v, %v", p, ok)
	}
	if p, ok := table.PeekName(metric.Counter, []byte("a")); ok {
		t.Errorf("counter: %+v", p)
	}
}
