package wire

import (
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"testing"
)

var decimal = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$`)

// checkNumber compares the function number with a regular expression and with strconv.
func checkNumber(t *testing.T, text string) {
	t.Helper()
	got, ok := number([]byte(text))
	want, err := strconv.ParseFloat(text, 64)
	if wantOK := err == nil && decimal.MatchString(text); ok != wantOK {
		t.Fatalf("number(%q) ok = %v, want %v", text, ok, wantOK)
	}
	if ok && math.Float64bits(got) != math.Float64bits(want) {
		t.Fatalf("number(%q) = %v, strconv reads %v", text, got, want)
	}
}

// TestSoakNumbers parses random decimal numbers of all lengths and forms: 10^4 numbers, 10^6 in
// make test, 10^7 in make soak. It reads the environment variables itself, because this package
// must not import internal/soak.
func TestSoakNumbers(t *testing.T) {
	n := 10_000
	switch {
	case os.Getenv("SOAK") != "":
		n = 10_000_000
	case os.Getenv("TESTS") == "all":
		n = 200_000
	}
	rng := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, 0, 64)
	for range n {
		text = appendDecimal(text[:0], rng)
		got, ok := number(text)
		want, err := strconv.ParseFloat(string(text), 64)
		if ok != (err == nil) || ok && math.Float64bits(got) != math.Float64bits(want) {
			t.Fatalf("number(%q) = %v, %v; strconv reads %v, %v", text, got, ok, want, err)
		}
	}
}

func appendDecimal(b []byte, rng *rand.Rand) []byte {
	switch rng.IntN(4) {
	case 0:
		return strconv.AppendFloat(b, math.Float64frombits(rng.Uint64()&^(0x7ff<<52)|uint64(rng.IntN(2047))<<52), 'g', -1, 64)
	case 1:
		return strconv.AppendFloat(b, rng.NormFloat64()*1000, 'f', rng.IntN(12), 64)
	}
	b = append(b, "+-"[:rng.IntN(2)]...)
	for range 1 + rng.IntN(20) {
		b = append(b, '0'+byte(rng.IntN(10)))
	}
	b = append(b, '.')
	for range rng.IntN(20) {
		b = append(b, '0'+byte(rng.IntN(10)))
	}
	if rng.IntN(2) == 0 {
		b = strconv.AppendInt(append(b, 'e'), int64(rng.IntN(80)-40), 10)
	}
	return b
}

func FuzzNumber(f *testing.F) {
	for _, text := range []string{"", "+", "1", "-1.5", ".5", "5.", ".", "1e5", "1e", "1e+", "0e999", "1e-400", "1e400",
		"9007199254740993", "123456789012345678901234567890", "0.1e-22", "1e22", "1e23", "inf", "nan", "0x1p3", "1_0"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { checkNumber(t, text) })
}
