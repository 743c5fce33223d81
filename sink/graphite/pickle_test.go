package graphite

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/metric"
)

var update = flag.Bool("update", false, "write the golden files")

var goldenPoints = []metric.Point{
	{Path: []byte("stats.a"), Value: 3.2, Time: 1795251862},
	{Path: []byte("stats.timers.b.upper_99_9"), Value: 2.38e-05, Time: 1795251862},
	{Path: []byte("stats.c;dc=eu"), Value: -1e21, Time: math.MaxInt32 + 1},
	{Path: []byte("stats.d"), Value: math.Copysign(0, -1), Time: -1},
	{Path: []byte("stats.ü"), Value: math.MaxFloat64, Time: math.MinInt64},
}

func TestGolden(t *testing.T) {
	for file, pickle := range map[string]bool{"testdata/points.txt": false, "testdata/points.pickle": true} {
		s := newSink(t, Config{Addr: "localhost:1", Prefix: "acme.web1", Pickle: pickle})
		var got []byte
		for _, p := range goldenPoints {
			got = s.AppendPoint(got, p)
		}
		if *update {
			if err := os.WriteFile(file, got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: it makes\n%q\nwant\n%q\n%v", file, got, want, err)
		}
	}
}

// unpickle is a Python program that prints frames. It prints floats as hexadecimal bits.
const unpickle = `
import pickle, struct, sys
data = sys.stdin.buffer.read()
while data:
    size, = struct.unpack("!L", data[:4])
    for path, (time, value) in pickle.loads(data[4:4 + size]):
        print(path, time, struct.pack(">d", value).hex())
    data = data[4 + size:]
`

func TestPythonReadsPickle(t *testing.T) {
	python := counterpart.Find(t, "/usr/bin/python3")
	s := newSink(t, Config{Addr: "localhost:1", Pickle: true})
	var payload []byte
	var want []string
	add := func(p metric.Point) {
		payload = s.AppendPoint(payload, p)
		want = append(want, fmt.Sprintf("%s %d %016x", p.Path, p.Time, math.Float64bits(p.Value)))
	}
	for _, p := range goldenPoints {
		add(p)
	}
	for i := range 5000 {
		add(metric.Point{Path: fmt.Appendf(nil, "stats.n%d", i), Value: float64(i) / 7, Time: 1795251862})
	}
	command := exec.Command(python, "-c", unpickle)
	command.Env = append(os.Environ(), "PYTHONIOENCODING=utf-8")
	command.Stdin = bytes.NewReader(payload)
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got := strings.Fields(string(out)); !slices.Equal(got, strings.Fields(strings.Join(want, " "))) {
		t.Errorf("Python reads %d words, want %d of %d points", len(got), 3*len(want), len(want))
	}
}

// TestPickleFrames checks that frames are far smaller than carbon's limit of 1 MiB, even with the longest names,
// and that each frame has many points.
func TestPickleFrames(t *testing.T) {
	s := newSink(t, Config{Addr: "localhost:1", Prefix: strings.Repeat("p", 1024), Pickle: true})
	for _, length := range []int{1, 200, 65535} {
		var payload []byte
		points := 0
		for p := (metric.Point{Path: bytes.Repeat([]byte("a"), length)}); len(payload) < 1<<20; points++ {
			payload = s.AppendPoint(payload, p)
		}
		frames := 0
		for rest := payload; len(rest) > 0; frames++ {
			size := int(binary.BigEndian.Uint32(rest))
			if size > 1<<18 || lengthSize+size > len(rest) {
				t.Fatalf("a frame of %d bytes in %d", size, len(rest))
			}
			rest = rest[lengthSize+size:]
		}
		if frames > 20 {
			t.Errorf("%d frames for %d points of %d bytes", frames, points, length)
		}
	}
}

func TestPickleRefuses(t *testing.T) {
	s := newSink(t, Config{Addr: "localhost:1", Pickle: true})
	before := s.AppendPoint(nil, goldenPoints[0])
	for _, p := range []metric.Point{
		{Path: []byte("a"), Value: math.NaN()},
		{Path: []byte("a"), Value: math.Inf(-1)},
		{Path: []byte("two words")},
		{Path: []byte("no\xffutf8")},
		{},
	} {
		if got := s.AppendPoint(bytes.Clone(before), p); !bytes.Equal(got, before) {
			t.Errorf("%q with %v is written as %q", p.Path, p.Value, got[len(before):])
		}
	}
}

func TestPickleAllocatesNothing(t *testing.T) {
	s := newSink(t, Config{Addr: "localhost:1", Prefix: "acme", Pickle: true})
	p := metric.Point{Path: []byte("stats.timers.web.front.latency.upper_99_9"), Time: 1795251862}
	buf := make([]byte, 0, 1<<10)
	if n := testing.AllocsPerRun(100, func() {
		buf = buf[:0]
		for range 3 {
			buf = s.AppendPoint(buf, p)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkAppendPoint measures the encoding of payloads of 1 MiB.
func BenchmarkAppendPoint(b *testing.B) {
	for name, pickle := range map[string]bool{"line": false, "pickle": true} {
		b.Run(name, func(b *testing.B) {
			s, err := New(Config{Addr: "localhost:1", Pickle: pickle})
			if err != nil {
				b.Fatal(err)
			}
			p := metric.Point{Path: []byte("stats.timers.web.front.latency.upper_99_9"), Value: 142.5, Time: 1795251862}
			buf := make([]byte, 0, 2<<20)
			b.ReportAllocs()
			for b.Loop() {
				if buf = s.AppendPoint(buf, p); len(buf) >= 1<<20 {
					buf = buf[:0]
				}
			}
		})
	}
}
