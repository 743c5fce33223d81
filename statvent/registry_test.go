package statvent

import (
	"fmt"
	"iter"
	"maps"
	"math"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestStats(t *testing.T) {
	for _, tt := range []struct {
		why  string
		do   func(r *Registry)
		want Value
	}{
		{"starts at 0", func(r *Registry) { r.Incr("a", 0) }, Int(0)},
		{"integers", func(r *Registry) { r.Incr("a", 40); r.Incr("a", 3); r.Incr("a", -1) }, Int(42)},
		{"beyond what a float holds", func(r *Registry) { r.Incr("a", 1<<53); r.Incr("a", 1) }, Int(1<<53 + 1)},
		{"set", func(r *Registry) { r.Incr("a", 40); r.Set("a", 7) }, Int(7)},
		{"set, then incr", func(r *Registry) { r.Set("a", 7); r.Incr("a", 1) }, Int(8)},
		{"a float", func(r *Registry) { r.IncrFloat("a", 0.5) }, Float(0.5)},
		{"an integer, then a float", func(r *Registry) { r.Incr("a", 2); r.IncrFloat("a", 0.5); r.Incr("a", 1) }, Float(3.5)},
		{"a float stays one", func(r *Registry) { r.SetFloat("a", 0.5); r.Set("a", 3); r.Incr("a", 1) }, Float(4)},
		{"a float set", func(r *Registry) { r.Incr("a", 1); r.SetFloat("a", 123.45) }, Float(123.45)},
		{"not a number", func(r *Registry) { r.SetFloat("a", 2); r.SetFloat("a", math.NaN()); r.IncrFloat("a", math.NaN()) }, Float(2)},
		{"infinite", func(r *Registry) { r.SetFloat("a", 2); r.IncrFloat("a", math.Inf(-1)) }, Float(2)},
		{"a sum that would be infinite", func(r *Registry) { r.SetFloat("a", 1e308); r.IncrFloat("a", 1e308) }, Float(1e308)},
	} {
		var r Registry
		tt.do(&r)
		if got := r.All()["a"]; got != tt.want {
			t.Errorf("%s: got %#v, want %#v", tt.why, got, tt.want)
		}
	}
}

// TestManyGoroutines checks that a Registry does not have two faults of the original, statvent for Python. The original
// uses no lock: it lost increments, and it failed if a name was added during a reading.
func TestManyGoroutines(t *testing.T) {
	const goroutines, each = 25, 4000
	var r Registry
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for i := range each {
				r.Incr("shared", 1)
				r.IncrFloat("float", 0.5)
				r.Incr(fmt.Sprintf("new.%d.%d", g, i%50), 1)
				r.Record("lat.{0}", float64(i))
			}
		})
	}
	var before Value
	for range 50 {
		all := r.All()
		if all["shared"].Less(before) {
			t.Fatalf("the count fell from %v to %v", before, all["shared"])
		}
		before = all["shared"]
	}
	wg.Wait()
	all := r.All()
	if all["shared"] != Int(goroutines*each) || all["float"] != Float(goroutines*each/2) {
		t.Errorf("after %d increments the integer is %v and the float %v", goroutines*each, all["shared"], all["float"])
	}
	for g := range goroutines {
		for i := range 50 {
			if name := fmt.Sprintf("new.%d.%d", g, i); all[name] != Int(each/50) {
				t.Fatalf("%s is %v, want %d", name, all[name], each/50)
			}
		}
	}
}

// TestResize checks that a new size also applies to existing names. In the original, statvent for Python, it does
// not.
func TestResize(t *testing.T) {
	var r Registry
	r.SetCalculator(func(samples []float64) iter.Seq2[string, float64] {
		return maps.All(map[string]float64{"n": float64(len(samples)), "min": samples[0], "max": samples[len(samples)-1]})
	})
	record := func(from, to int) {
		for i := from; i <= to; i++ {
			r.Record("a", float64(i))
		}
	}
	expect := func(why string, n, smallest, largest float64) {
		t.Helper()
		all := r.All()
		if all["a.n"] != Float(n) || all["a.min"] != Float(smallest) || all["a.max"] != Float(largest) {
			t.Errorf("%s: %v samples from %v to %v, want %v from %v to %v", why, all["a.n"], all["a.min"], all["a.max"], n, smallest, largest)
		}
	}
	resize := func(n int) {
		t.Helper()
		if err := r.Resize(n); err != nil {
			t.Fatal(err)
		}
	}
	record(1, 130)
	expect("by default", 100, 31, 130)
	resize(10)
	expect("shrunk", 10, 121, 130)
	record(131, 133)
	expect("shrunk and used", 10, 124, 133)
	resize(12)
	expect("grown", 10, 124, 133)
	record(134, 136)
	expect("grown and used", 12, 125, 136)
	resize(5)
	resize(300)
	record(137, 200)
	expect("grown from a ring in use", 76, 125, 200)
	resize(1)
	record(201, 202)
	expect("one sample", 1, 202, 202)
	for _, n := range []int{0, -1, MaxWindow + 1} {
		if r.Resize(n) == nil {
			t.Errorf("Resize(%d) is accepted", n)
		}
	}
}

func TestPercentiles(t *testing.T) {
	upTo := func(n int) (s []float64) {
		for i := range n {
			s = append(s, float64(i+1))
		}
		return s
	}
	for _, tt := range []struct {
		samples []float64
		want    [5]float64 // median, 95th, 99th, 100th, mean
	}{
		{[]float64{1, 2, 3, 4, 100}, [5]float64{2, 4, 4, 100, 22}}, // the same values as in testdata/statvent-py2.pipe
		{[]float64{7}, [5]float64{7, 7, 7, 7, 7}},
		{[]float64{1, 2}, [5]float64{1, 1, 1, 2, 1.5}}, // statvent for Python rounds the mean of integers to 1
		{[]float64{-1, math.MaxFloat64, math.MaxFloat64}, [5]float64{-1, math.MaxFloat64, math.MaxFloat64, math.MaxFloat64, math.MaxFloat64 / 3 * 2}},
		{upTo(20), [5]float64{10, 19, 19, 20, 10.5}},
		{upTo(100), [5]float64{50, 95, 99, 100, 50.5}},
	} {
		got := maps.Collect(Percentiles(tt.samples))
		for i, label := range []string{"median", "95th", "99th", "100th", "mean"} {
			if got[label] != tt.want[i] {
				t.Errorf("the %s of %d samples is %v, want %v", label, len(tt.samples), got[label], tt.want[i])
			}
		}
	}
}

func TestRecordNames(t *testing.T) {
	var r Registry
	r.Record("lat.{0}", 1)
	r.Record("{0}.of[{0}]", 1)
	r.Record("plain", 1)
	r.RecordFunc("{0} literally", 1, func(name, label string) string { return label + "/" + name })
	r.RecordFunc("no label", 1, nil)
	r.Set("plain.mean", 99)
	r.Record("plain", math.NaN())
	all := r.All()
	for _, name := range []string{"lat.95th", "95th.of[95th]", "plain.mean", "95th/{0} literally", "no label.100th"} {
		if all[name] != Float(1) {
			t.Errorf("%s is %v, want 1", name, all[name])
		}
	}
	if len(all) != 25 || r.Discarded() != 1 {
		t.Errorf("%d stats and %d discards, want 25 and 1", len(all), r.Discarded())
	}
}

func TestDiscards(t *testing.T) {
	var r Registry
	for _, name := range []string{"", "a\nb", strings.Repeat("x", MaxName+1)} {
		r.Incr(name, 1)
		r.SetFloat(name, 1)
		r.Record(name, 1)
	}
	if len(r.All()) != 0 || r.Discarded() != 9 {
		t.Errorf("names that the format cannot hold: %d kept and %d discarded, want 0 and 9", len(r.All()), r.Discarded())
	}
	for i := range MaxNames + 5 {
		r.Incr(fmt.Sprint(i), 1)
	}
	r.Incr("0", 1)
	if all := r.All(); len(all) != MaxNames || r.Discarded() != 14 || all["0"] != Int(2) {
		t.Errorf("of %d names %d are kept, and %d calls are discarded, want 14", MaxNames+5, len(all), r.Discarded())
	}
}

func TestIncrDoesNotAllocate(t *testing.T) {
	var r Registry
	r.Incr("a", 1)
	r.IncrFloat("b", 1)
	if n := testing.AllocsPerRun(1000, func() { r.Incr("a", 1); r.IncrFloat("b", 1) }); n != 0 {
		t.Errorf("Incr and IncrFloat of names that exist allocate %v times", n)
	}
}

func TestDefault(t *testing.T) {
	run := fmt.Sprint(time.Now().UnixNano(), ".") // the default Registry is shared by all runs of the test
	Incr(run+"i", 2)
	IncrFloat(run+"f", 0.5)
	Set(run+"s", 3)
	SetFloat(run+"sf", 1.5)
	Record(run+"r.{0}", 4)
	RecordFunc(run+"rf", 5, func(name, label string) string { return name + "-" + label })
	want := map[string]Value{"i": Int(2), "f": Float(0.5), "s": Int(3), "sf": Float(1.5), "r.mean": Float(4), "rf-mean": Float(5)}
	for name, v := range want {
		name = run + name
		if All()[name] != v || Default().All()[name] != v {
			t.Errorf("%s is %v, want %v", name, All()[name], v)
		}
	}
}
