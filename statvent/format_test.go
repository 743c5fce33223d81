package statvent

import (
	"bytes"
	"math"
	"os"
	"strings"
	"testing"
)

func TestParseLine(t *testing.T) {
	for _, tt := range []struct {
		why, line, name string
		want            Value
	}{
		{"integer", "a.b: 42", "a.b", Int(42)},
		{"float", "My Nice Stat: 123.450000", "My Nice Stat", Float(123.45)},
		{"colons in the name", "a: b:: -3", "a: b:", Int(-3)},
		{"no white space", "a:1", "a", Int(1)},
		{"more white space", "a:\t 1 \r", "a", Int(1)},
		{"white space in the name", " a : 1", " a ", Int(1)},
		{"any byte", "\x00\xff\r: 1", "\x00\xff\r", Int(1)},
		{"exponent", "a: 2.5e-7", "a", Float(2.5e-7)},
		{"largest integer", "a: 9223372036854775807", "a", Int(math.MaxInt64)},
		{"larger", "a: 9223372036854775808", "a", Float(1 << 63)},
	} {
		name, v, err := ParseLine([]byte(tt.line))
		if err != nil || string(name) != tt.name || v != tt.want {
			t.Errorf("%s: ParseLine(%q) = %q, %#v, %v, want %q, %#v", tt.why, tt.line, name, v, err, tt.name, tt.want)
		}
	}
	for _, line := range []string{
		"", "a", ":", ": 1", "a:", "a: ", "a: x", "a: 1 2", "a: NaN", "a: inf", "a: -Infinity", "a: 0x10", "a: 1_000",
		"a: 1e999", "a: --1", "a: 1,5", "a: \xff", strings.Repeat("a", MaxName+1) + ": 1",
	} {
		if name, v, err := ParseLine([]byte(line)); err == nil {
			t.Errorf("ParseLine(%q) = %q, %v, want an error", line, name, v)
		}
	}
}

func TestAppendLine(t *testing.T) {
	for _, tt := range []struct {
		v    Value
		want string
	}{
		{Int(-3), "-3"},
		{Int(9007199254740993), "9007199254740993"},
		{Float(0.5), "0.5"},
		{Float(22), "22.0"},
		{Float(0), "0.0"},
		{Float(-5), "-5.0"},
		{Float(1e20), "100000000000000000000.0"},
		{Float(1e21), "1e+21"},
		{Float(0.000001), "0.000001"},
		{Float(2.5e-7), "2.5e-07"},
		{Float(0.30000000000000004), "0.30000000000000004"},
	} {
		got, err := AppendLine(nil, "a b", tt.v)
		if err != nil || string(got) != "a b: "+tt.want+"\n" {
			t.Errorf("AppendLine of %#v = %q, %v, want %s", tt.v, got, err, tt.want)
		}
		if _, v, err := ParseLine(bytes.TrimSpace(got)); err != nil || v != tt.v {
			t.Errorf("%q reads as %#v, %v, want %#v", got, v, err, tt.v)
		}
	}
	for _, name := range []string{"", "a\nb", strings.Repeat("a", MaxName+1)} {
		if got, err := AppendLine([]byte("x"), name, Int(1)); err == nil || string(got) != "x" {
			t.Errorf("the name %.10q: got %q, %v, want an error and nothing appended", name, got, err)
		}
	}
	for _, f := range []float64{math.NaN(), math.Inf(1)} {
		if got, err := AppendLine([]byte("x"), "a", Float(f)); err == nil || string(got) != "x" {
			t.Errorf("%v: got %q, %v, want an error and nothing appended", f, got, err)
		}
	}
}

// TestOriginalsCapture parses the recorded content of a pipe. The original implementation, statvent for Python, wrote
// this content.
func TestOriginalsCapture(t *testing.T) {
	capture, err := os.ReadFile("testdata/statvent-py2.pipe")
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]Value)
	for line := range bytes.Lines(capture) {
		name, v, err := ParseLine(bytes.TrimSuffix(line, []byte("\n")))
		if err != nil {
			t.Fatal(err)
		}
		got[string(name)] = v
	}
	want := map[string]Value{
		"My Nice Stat": Float(123.45), "colon: in name": Int(1), "f": Float(0.5), "big": Int(1 << 53),
		"another[one]": Int(0), "a.b.c.d": Int(42), "neg": Int(-3),
		"lat.median": Int(2), "lat.95th": Int(4), "lat.99th": Int(4), "lat.100th": Int(100), "lat.mean": Int(22),
	}
	for name, v := range want {
		if got[name] != v {
			t.Errorf("%s is %v, want %v", name, got[name], v)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d stats, want %d", len(got), len(want))
	}
}

func TestArithmetic(t *testing.T) {
	for _, tt := range []struct{ got, want Value }{
		{Int(2).Add(Int(-5)), Int(-3)},
		{Int(2).Sub(Int(5)), Int(-3)},
		{Int(2).Add(Float(0.5)), Float(2.5)},
		{Float(2).Sub(Int(1)), Float(1)},
		{Int(math.MaxInt64).Add(Int(1)), Float(1 << 63)},
		{Int(math.MinInt64).Add(Int(-1)), Float(-1 << 63)},
		{Int(math.MinInt64).Sub(Int(1)), Float(-1 << 63)},
		{Int(0).Sub(Int(math.MinInt64)), Float(1 << 63)},
		{Float(math.MaxFloat64).Add(Float(math.MaxFloat64)), Float(math.MaxFloat64)},
		{Float(-math.MaxFloat64).Sub(Float(math.MaxFloat64)), Float(-math.MaxFloat64)},
	} {
		if tt.got != tt.want {
			t.Errorf("got %v, want %v", tt.got, tt.want)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	for _, seed := range []string{"a: 1", "a: b: -0.5", ":", "a: 1e21", "\xff\x00: 9223372036854775808"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		name, v, err := ParseLine(line)
		if err != nil || bytes.IndexByte(line, '\n') >= 0 {
			return
		}
		again, err := AppendLine(nil, string(name), v)
		if err != nil {
			t.Fatalf("the name %q of %q cannot be written: %v", name, line, err)
		}
		name2, v2, err := ParseLine(bytes.TrimSuffix(again, []byte("\n")))
		if err != nil || !bytes.Equal(name, name2) || v != v2 {
			t.Fatalf("%q reads as %q, %v; written as %q it reads as %q, %v, %v", line, name, v, again, name2, v2, err)
		}
	})
}
