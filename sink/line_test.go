package sink

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/metric"
)

func TestLines(t *testing.T) {
	var lines Lines
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
		got := string(lines.Append([]byte("before\n"), metric.Point{Path: []byte(tt.path), Value: tt.value, Time: tt.time}))
		if tt.value == math.MaxInt64 { // as a float64, math.MaxInt64 is 2^63, which is written with 16 significant digits and zeros
			tt.want = "stats.a 9223372036854776000 1\n"
		}
		if got != "before\n"+tt.want {
			t.Errorf("Append(%q, %v, %d) = %q, want %q", tt.path, tt.value, tt.time, got, "before\n"+tt.want)
		}
	}
}

// TestValuesAreShortest compares values of few decimals, and the values next to them, with the shortest numbers of
// strconv.
func TestValuesAreShortest(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	check := func(v float64) {
		if got, want := string(appendValue(nil, v)), strconv.FormatFloat(v, 'f', -1, 64); got != want {
			t.Fatalf("%b is written as %s, want %s", v, got, want)
		}
	}
	for i := range 20_000 {
		whole := random.Int64N(1 << (1 + i%60))
		for _, unit := range []float64{1, 10, 100, 1000, 10_000, 7} {
			v := float64(whole) / unit
			for _, v := range []float64{v, -v, math.Nextafter(v, 0), math.Nextafter(v, math.Inf(1))} {
				check(v)
			}
		}
	}
	for _, v := range []float64{1e12, 1e12 - 0.001, 1e12 + 0.001, 999_999_999_999.999, 1e15, 1e300, math.MaxFloat64, math.SmallestNonzeroFloat64, 0.001, 0.0005, 0.0015} {
		check(v)
		check(-v)
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

func FuzzLines(f *testing.F) {
	for _, v := range []float64{0, 1, -1, 0.1, 1e21, 5e-324, math.MaxFloat64, 1<<53 + 2} {
		f.Add([]byte("stats.a"), v, int64(1))
	}
	f.Fuzz(func(t *testing.T, path []byte, v float64, at int64) {
		var lines Lines
		line := string(lines.Append(nil, metric.Point{Path: path, Value: v, Time: at}))
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
		if shortest := strconv.FormatFloat(v, 'f', -1, 64); fields[1] != shortest {
			t.Fatalf("%v was written as %q, want %q", v, fields[1], shortest)
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

func TestLinesAllocateNothing(t *testing.T) {
	p := metric.Point{Path: []byte("stats.timers.web.front.latency.upper_99_9"), Time: 1795251862}
	lines, buf := Lines{Prefix: "acme"}, make([]byte, 0, 1<<10)
	if n := testing.AllocsPerRun(100, func() {
		for _, p.Value = range benchValues {
			buf = lines.Append(buf[:0], p)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkLines(b *testing.B) {
	p := metric.Point{Path: []byte("stats.timers.web.front.latency.upper_99_9"), Time: 1795251862}
	lines, buf := Lines{Prefix: "acme"}, make([]byte, 0, 1<<10)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p.Value = benchValues[i%len(benchValues)]
		buf = lines.Append(buf[:0], p)
	}
	if !bytes.HasSuffix(buf, []byte(" 1795251862\n")) {
		b.Fatalf("wrote %q", buf)
	}
}
