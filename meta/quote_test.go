package meta

import (
	"strconv"
	"strings"
	"testing"
)

func TestQuote(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", `""`},
		{"a:1|c", `"a:1|c"`},
		{"\x00\x1b[2J\x7f\xff\u00e9", `"\x00\x1b[2J\x7f\xff\xc3\xa9"`},
		{"\t\r\n\"\\", `"\t\r\n\"\\"`},
		{strings.Repeat("x", 256), `"` + strings.Repeat("x", 256) + `"`},
		{strings.Repeat("x", 257), `"` + strings.Repeat("x", 256) + `"...`},
	} {
		if got := Quote([]byte(tt.in)); got != tt.want {
			t.Errorf("Quote(%q) = %s, want %s", tt.in, got, tt.want)
		}
	}
}

func TestEscape(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", ""},
		{"a:1|c", "a:1|c"},
		{"\x1b\"\\\"", `\x1b\"\\\"`},
		{strings.Repeat("x", 257), strings.Repeat("x", 256) + "..."},
	} {
		if got := Escape([]byte(tt.in)); got != tt.want {
			t.Errorf("Escape(%q) = %s, want %s", tt.in, got, tt.want)
		}
	}
}

func FuzzQuote(f *testing.F) {
	f.Add(everyByte())
	f.Fuzz(func(t *testing.T, b []byte) {
		quoted := Quote(b)
		for i := range len(quoted) {
			if c := quoted[i]; c < ' ' || c > '~' {
				t.Fatalf("byte %#x in %q", c, quoted)
			}
		}
		quoted, cut := strings.CutSuffix(quoted, "...")
		back, err := strconv.Unquote(quoted)
		if err != nil || back != string(b[:min(len(b), QuoteLimit)]) || cut != (len(b) > QuoteLimit) {
			t.Fatalf("Quote(%q) = %s, which says %q, %v", b, quoted, back, err)
		}
	})
}
