package sink

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/metric"
)

func TestAppendLine(t *testing.T) {
	for _, tt := range []struct {
		path  string
		value float64
		time  int64
		want  string
	}{
		{"stats.a", 1, 1795251862, "stats.a 1 1795251862\n"},
		{"stats.a", 0, 0, "stats.a 0 0\n"},
		{"stats.a", math.Copysign(0, -1), 1, "stats.a -0 1\n"},
		{"stats.a", -7, -1, "stats.a -7 -1\n"},
		{"stats.a", 3.2, 1, "stats.a 3.2 1\n"},
		{"stats.a", 0.1, 1, "stats.a 0.1 1\n"},
		{"stats.a", 2.38e-05, 1, "stats.a 0.0000238 1\n"},
		{"stats.a", 1e6, 1, "stats.a 1000000 1\n"},
		{"stats.a", 1 << 53, 1, "stats.a 9007199254740992 1\n"},
		{"stats.a", 1 << 62, 1, "stats.a 4611686018427388000 1\n"},
		{"stats.a", math.MaxInt64, 1, "stats.a 9223372036854775807 1\n"},
		{"stats.a", 1e21, 1, "stats.a 1000000000000000000000 1\n"},
		{"stats.a", -1e21 / 3, 1, "stats.a -333333333333333300000 1\n"},
		{"stats.a", math.NaN(), 1, ""},
		{"stats.a", math.Inf(1), 1, ""},
		{"stats.a", math.Inf(-1), 1, ""},
		{"", 1, 1, ""},
		{"two words", 1, 1, ""},
		{"a\nforged 1", 1, 1, ""},
	} {
		got := string(AppendLine([]byte("before\n"), "", metric.Point{Path: []byte(tt.path), Value: tt.value, Time: tt.time}))
		if tt.value == math.MaxInt64 { // as a float64, math.MaxInt64 is 2^63, which is written with 16 significant digits and zeros
			tt.want = "stats.a 9223372036854776000 1\n"
		}
		if got != "before\n"+tt.want {
			t.Errorf("AppendLine(%q, %v, %d) = %q, want %q", tt.path, tt.value, tt.time, got, "before\n"+tt.want)
		}
	}
}

// TestCanPlot puts each byte at each place of paths of all lengths up to two words and a part.
func TestCanPlot(t *testing.T) {
	for n := 1; n <= 20; n++ {
		for _, filler := range []byte{'!', 'a', 0x7f, 0x80, 0xff} {
			path := bytes.Repeat([]byte{filler}, n)
			for at := range path {
				for c := range 256 {
					path[at] = byte(c)
					if got := CanPlot(metric.Point{Path: path}); got != (c > ' ') {
						t.Fatalf("CanPlot of %q is %v", path, got)
					}
				}
				path[at] = filler
			}
		}
	}
}

func FuzzAppendLine(f *testing.F) {
	for _, v := range []float64{0, 1, -1, 0.1, 1e21, 5e-324, math.MaxFloat64, 1<<53 + 2} {
		f.Add([]byte("stats.a"), v, int64(1))
	}
	f.Fuzz(func(t *testing.T, path []byte, v float64, at int64) {
		line := string(AppendLine(nil, "", metric.Point{Path: path, Value: v, Time: at}))
		if line == "" {
			return
		}
		fields := strings.Split(strings.TrimSuffix(line, "\n"), " ")
		if len(fields) != 3 || strings.Count(line, "\n") != 1 || fields[0] != string(path) {
			t.Fatalf("%q is not one line of three fields", line)
		}
		if got, err := strconv.ParseFloat(fields[1], 64); err != nil || math.Float64bits(got) != math.Float64bits(v) {
			t.Fatalf("%v was written as %q, which reads back as %v, %v", v, fields[1], got, err)
		}
		if strings.ContainsAny(fields[1], "eEnN") {
			t.Fatalf("%v was written as %q", v, fields[1])
		}
		if fields[2] != strconv.FormatInt(at, 10) {
			t.Fatalf("time %d was written as %q", at, fields[2])
		}
	})
}

var benchValues = []float64{0, 1, 17, 3.2, 142.5, 0.1, 123456.789, 99.99999999}

func TestAppendLineAllocatesNothing(t *testing.T) {
	p := metric.Point{Path: []byte("stats.timers.web.front.latency.upper_99_9"), Time: 1795251862}
	buf := make([]byte, 0, 1<<10)
	if n := testing.AllocsPerRun(100, func() {
		for _, p.Value = range benchValues {
			buf = AppendLine(buf[:0], "acme", p)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAppendLine(b *testing.B) {
	p := metric.Point{Path: []byte("stats.timers.web.front.latency.upper_99_9"), Time: 1795251862}
	buf := make([]byte, 0, 1<<10)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p.Value = benchValues[i%len(benchValues)]
		buf = AppendLine(buf[:0], "acme", p)
	}
	if !bytes.HasSuffix(buf, []byte(" 1795251862\n")) {
		b.Fatalf("wrote %q", buf)
	}
}
