package partial

import (
	"os"
	"reflect"
	"testing"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
)

// goldenRows returns the rows that testdata/version-1.message contains.
func goldenRows() []aggregate.Row {
	repeated := make([]float64, 300)
	for i := range repeated {
		repeated[i] = float64(i % 7)
	}
	return []aggregate.Row{
		{Kind: metric.Counter, Name: []byte("web.hits"), Value: 12.5},
		{Kind: metric.Counter, Name: []byte("web.hits.total;zone=a"), Value: -3},
		{Kind: metric.Gauge, Name: []byte("temp"), Set: aggregate.GaugeChange{At: end - 1e9, Value: 21.75}, Adjustments: []aggregate.GaugeChange{{At: end - 5e8, Value: -1}}},
		{Kind: metric.Timer, Name: []byte("web.time"), Samples: repeated, Weight: 600, Millis: true},
		{Kind: metric.Timer, Name: []byte("web.wait"), Samples: []float64{0.1 + 0.2, 1e300}, Weight: 10, Sketch: &aggregate.Sketch{
			Count: 3, Zero: 1, Lower: -2, Upper: 1e9, Sum: [2]float64{1e9, 1e-8}, Squares: [2]float64{1e18, 0}, Origin: 4,
			Negative: []aggregate.SketchBin{{Index: 35, Count: 1}}, Positive: []aggregate.SketchBin{{Index: 1040, Count: 1.5}},
		}},
		{Kind: metric.Set, Name: []byte("users"), Members: []uint64{1, 1 << 40, 1<<64 - 1}},
	}
}

// TestGolden checks that this build reads a message of the first version of the format. If the
// format changes, this test is kept as long as the old version can be read, and the new version
// gets its own file.
func TestGolden(t *testing.T) {
	if oldest > 1 {
		t.Fatal("version 1 is no longer read: remove its file")
	}
	text, err := os.ReadFile("testdata/version-1.message")
	if err != nil {
		t.Fatal(err)
	}
	h, rows := decode(t, text)
	want := Header{Edge: "edge-1", Epoch: 1795251000e9, Number: 9, End: end, Parts: 1, Partitions: 1, Samples: 310, Rows: len(rows)}
	if h != want {
		t.Errorf("header %+v, want %+v", h, want)
	}
	got := map[string]aggregate.Row{}
	for _, r := range rows {
		got[string(r.Name)] = normal(r)
	}
	for _, r := range goldenRows() {
		if r = normal(r); !reflect.DeepEqual(bitsOf(got[string(r.Name)]), bitsOf(r)) {
			t.Errorf("got %+v, want %+v", got[string(r.Name)], r)
		}
	}
	if len(rows) != len(goldenRows()) {
		t.Errorf("%d rows", len(rows))
	}
}
