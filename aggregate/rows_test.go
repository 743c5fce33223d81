package aggregate

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/metric"
)

// rows returns a text for each row of a snapshot.
func rows(sn *Snapshot) map[string]string {
	all := map[string]string{}
	for r := range sn.Rows() {
		key := fmt.Sprintf("%v %s%s", r.Kind, r.Name, r.Tags)
		var text strings.Builder
		fmt.Fprintf(&text, "%d-%d sum %v", r.Start, r.Time, r.Sum)
		for _, s := range r.Stats {
			fmt.Fprintf(&text, " %s=%v", s.Name, s.Value)
		}
		if d := r.Timer; d != nil {
			fmt.Fprintf(&text, " of %v %v..%v sum %v millis %v", d.Count, d.Lower, d.Upper, d.Sum, d.Millis)
		}
		all[key] += text.String()
	}
	return all
}

// A row contains the values of its points, and has separate fields for the name, tags, kind and
// statistics.
func TestSnapshotRows(t *testing.T) {
	layout := testLayout
	layout.Rows, layout.ExpBins = true, 160
	layout.Counters = []string{"rate", "count"}
	for _, shards := range []int{1, 3} {
		table := testTable(shards)
		table.config.Tagged = true
		s := func(i int) *Shard { return table.Shard(i % shards) }
		add(t, s(0), "hits c 1", "g g 10", "u s a", "t ms 5 x10", "hits;host=a c 7")
		add(t, s(1), "hits c 4", "u s b", "t ms -1")
		sn := table.Drain(nil).Summarize(layout, 100)
		sn.Own = []metric.Point{{Path: []byte("statsd.numStats"), Value: 3, Time: 100}}
		want := map[string]string{
			"counter hits":          "90-100 sum 5 rate=0.5 count=5",
			"counter hits;host=a":   "90-100 sum 7 rate=0.7 count=7",
			"gauge g":               "90-100 sum 0 value=10",
			"gauge statsd.numStats": "90-100 sum 0 value=3",
			"set u":                 "90-100 sum 0 count=2",
			"timer t":               "90-100 sum 0 lower=-1 upper=5 mean=2 count=11 upper_90=5 of 11 -1..5 sum 22 millis false",
		}
		if got := rows(sn); !maps.Equal(got, want) {
			t.Errorf("%d shards:\ngot  %v\nwant %v", shards, got, want)
		}
		if sn.RowCount() != len(want) {
			t.Errorf("RowCount is %d, want %d", sn.RowCount(), len(want))
		}
	}
}

// An idle name that is published has a row without samples.
func TestIdleRows(t *testing.T) {
	layout := Etsy.Layout()
	layout.Rows, layout.ExpBins = true, 20
	table := testTable(2)
	add(t, table.Shard(0), "hits c 1", "t ms 5", "g g 2")
	table.Drain(nil).Summarize(layout, 100)
	sn := table.Drain(nil).Summarize(layout, 110)
	got := rows(sn)
	for _, key := range []string{"counter hits", "timer t", "gauge g"} {
		if !strings.HasPrefix(got[key], "100-110 sum 0 ") {
			t.Errorf("%s: %q", key, got[key])
		}
	}
	if !strings.HasSuffix(got["timer t"], " of 0 0..0 sum 0 millis false") {
		t.Errorf("timer: %q", got["timer t"])
	}
}

// Each sample lies within the bounds of its bin. The sum of the bins equals the number of samples.
// The number of bins is at most the requested maximum.
func TestExpBins(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	inputs := map[string][]float64{
		"one":      {3},
		"zero":     {0, 0},
		"powers":   {0.25, 0.5, 1, 2, 4, 1024},
		"signs":    {-7, -1, 0, 2, 9},
		"extremes": {math.SmallestNonzeroFloat64, math.MaxFloat64, -math.MaxFloat64},
	}
	for range 2000 {
		inputs["spread"] = append(inputs["spread"], math.Exp(random.NormFloat64()*5))
		inputs["narrow"] = append(inputs["narrow"], 100+random.Float64())
	}
	for name, samples := range inputs {
		for _, most := range []int{2, 20, 160} {
			b := expBuilder{most: most}
			for _, v := range samples {
				b.cover(v, 1)
			}
			var d metric.Distribution
			b.begin(&d)
			for _, v := range samples {
				b.add(v, 1)
			}
			if n := max(len(d.Positive.Counts), len(d.Negative.Counts)); n > most {
				t.Errorf("%s: %d bins, want at most %d", name, n, most)
			}
			checkBins(t, name, samples, &d)
		}
	}
}

func checkBins(t *testing.T, name string, samples []float64, d *metric.Distribution) {
	t.Helper()
	base := math.Exp2(math.Exp2(-float64(d.Scale)))
	total := d.Zero
	for _, side := range []struct {
		bins metric.ExpBins
		sign float64
	}{{d.Positive, 1}, {d.Negative, -1}} {
		for i, count := range side.bins.Counts {
			total += count
			low := math.Pow(base, float64(side.bins.Offset+i))
			high := low * base
			inside := 0.0
			for _, v := range samples {
				if v *= side.sign; v > low*(1+1e-9) && v <= high*(1-1e-9) {
					inside++
				}
			}
			if d.Scale <= 6 && count < inside {
				t.Errorf("%s, scale %d: bin %d has %v samples, want at least %v", name, d.Scale, side.bins.Offset+i, count, inside)
			}
		}
	}
	if total != float64(len(samples)) {
		t.Errorf("%s: the bins add up to %v, want %d", name, total, len(samples))
	}
}

// If a timer has too many samples, its bins are computed from its sketch.
func TestExpBinsOfSketch(t *testing.T) {
	layout := testLayout
	layout.Rows, layout.ExpBins = true, 160
	table := testTable(1)
	limits := table.config
	limits.MaxTimerSamples = 10
	table.SetLimits(limits)
	table.Drain(nil).Summarize(layout, 90)
	for i := range 1000 {
		add(t, table.Shard(0), fmt.Sprintf("t ms %d x2", i+1))
	}
	for r := range table.Drain(nil).Summarize(layout, 100).Rows() {
		d := r.Timer
		total := d.Zero
		for _, n := range slices.Concat(d.Positive.Counts, d.Negative.Counts) {
			total += n
		}
		if d.Count != 2000 || math.Abs(total-2000) > 1e-6 || d.Lower != 1 || d.Upper != 1000 || d.Sum != 1001000 {
			t.Errorf("got %+v, bins add up to %v", d, total)
		}
	}
}

// Without Layout.Rows, a snapshot stores no data for rows.
func TestNoRows(t *testing.T) {
	table := testTable(1)
	add(t, table.Shard(0), "hits c 1", "t ms 5")
	if sn := table.Drain(nil).Summarize(testLayout, 100); sn.chunks[0].details != nil {
		t.Error("details are kept")
	}
}
