package client

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzAppendFloat compares the fast path to package strconv.
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
				t.Errorf("%v became %s, want %s", v, got, want)
			}
		}
	})
}

// breaking reports whether a character can end or garble a line. It is a second implementation of the function breaks.
func breaking(r rune, size int) bool {
	return r == utf8.RuneError && size == 1 || r == ':' || r == '|' || unicode.IsControl(r) ||
		r != ' ' && unicode.IsOneOf([]*unicode.RangeTable{unicode.Zs, unicode.Zl, unicode.Zp}, r) ||
		r == 0x61c || r == 0x200e || r == 0x200f || 0x202a <= r && r <= 0x202e || 0x2066 <= r && r <= 0x2069
}

func FuzzAppendClean(f *testing.F) {
	for _, s := range []string{"some.name", "a:b|c\nd", "12345678\x00", strings.Repeat("é", 20) + "|", "a\x7fb", "x\u0085y\u2028", "\xff\x85"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var want []byte
		for i := 0; i < len(s); {
			r, size := utf8.DecodeRuneInString(s[i:])
			if breaking(r, size) {
				want = append(want, strings.Repeat("_", size)...)
			} else {
				want = append(want, s[i:i+size]...)
			}
			i += size
		}
		if got := string(appendClean([]byte("x"), s, '|', ':')); got != "x"+string(want) {
			t.Errorf("%q became %q, want %q", s, got, want)
		}
	})
}

// TestAppendCleanEveryCharacter checks every character at every offset of the eight-byte checks.
func TestAppendCleanEveryCharacter(t *testing.T) {
	for r := range rune(unicode.MaxRune + 1) {
		if r > 0x3100 && r%97 != 0 || r == utf8.RuneError {
			continue // there are no separators in this range
		}
		for at := range 9 {
			before, after := strings.Repeat("~", at), strings.Repeat("~", 9-at)
			s, want := before+string(r)+after, before+string(r)+after
			if size := utf8.RuneLen(r); size > 0 && breaking(r, size) {
				want = before + strings.Repeat("_", size) + after
			}
			if size := utf8.RuneLen(r); size < 0 {
				continue // a surrogate half is not a valid character
			}
			if got := string(appendClean(nil, s, '|', ':')); got != want {
				t.Fatalf("%U at %d: %q, want %q", r, at, got, want)
			}
		}
	}
}

func TestAppendCleanEveryOffset(t *testing.T) {
	for n := range 40 {
		for at := range n {
			for _, bad := range []byte{0, '\n', 31, 127, 128, 255, ':', '|'} {
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
