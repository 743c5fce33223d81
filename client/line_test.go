package client

import (
	"math"
	"strconv"
	"strings"
	"testing"
)

// A float is written as strconv writes it, whatever the shortcut does.
func FuzzAppendFloat(f *testing.F) {
	for _, v := range []float64{0, 1, -1, 0.1, 0.125, 1.005, 999999999999.999, 1e15, 1e16, 1e300, 5e-324, -12.25, 4503599627370497.5} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v float64) {
		for _, v := range []float64{v, math.Round(v*1000) / 1000, math.Round(v*10) / 10} {
			if math.IsNaN(v) || math.IsInf(v, 0) || v == 0 {
				continue
			}
			if got, want := string(appendFloat(nil, v)), strconv.FormatFloat(v, 'f', -1, 64); got != want {
				t.Errorf("%v is written %s, want %s", v, got, want)
			}
		}
	})
}

// appendClean replaces what it should wherever in the text it stands.
func FuzzAppendClean(f *testing.F) {
	f.Add("some.name")
	f.Add("a:b|c\nd")
	f.Add("12345678\x00")
	f.Add(strings.Repeat("é", 20) + "|")
	f.Fuzz(func(t *testing.T, s string) {
		want := []byte(s)
		for i, ch := range want {
			if ch < ' ' || ch == ':' || ch == '|' {
				want[i] = '_'
			}
		}
		if got := string(appendClean([]byte("x"), s, '|', ':')); got != "x"+string(want) {
			t.Errorf("%q became %q, want %q", s, got, want)
		}
	})
}

func TestAppendCleanEveryPlace(t *testing.T) {
	for n := range 40 {
		for at := range n {
			for _, bad := range []byte{0, '\n', 31, ':', '|'} {
				s := []byte(strings.Repeat("~", n))
				s[at] = bad
				got := string(appendClean(nil, string(s), '|', ':'))
				if s[at] = '_'; got != string(s) {
					t.Fatalf("%q at %d of %d: %q", bad, at, n, got)
				}
			}
		}
	}
}
