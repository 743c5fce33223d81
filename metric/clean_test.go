package metric

import (
	"bytes"
	"testing"
)

func TestAppendClean(t *testing.T) {
	for _, tt := range []struct{ why, name, reference, gstatsd, etsy string }{
		{"clean", "web-01.GET_200", "web-01.GET_200", "web-01.GET_200", "web-01.GET_200"},
		{"a run of white space", "a \t\v b", "a_b", "ab", "a_b"},
		{"white space at the ends", " a\n", "_a_", "a", "_a_"},
		{"two runs", "a b c", "a_b_c", "abc", "a_b_c"},
		{"a deleted byte parts two runs", "a !b", "a_b", "ab", "a_b"},
		{"a deleted byte between two runs", "a ! b", "a__b", "ab", "a__b"},
		{"slashes", "/var/log//x", "-var-log--x", "_var_log__x", "-var-log--x"},
		{"tags in the name", "name;env=prod,k=v", "nameenvprodkv", "nameenvprodkv", "nameenv=prodk=v"},
		{"not ascii", "caf\xc3\xa9\xff", "caf", "caf", "caf"},
		{"no-break space is white space to Etsy", "a\xc2\xa0b", "ab", "ab", "a_b"},
		{"control bytes", "a\x00\x1b[31mb", "a31mb", "a31mb", "a31mb"},
		{"white space beyond ASCII", "a\ufeff\u2003 b\u0085c\xe2\x80", "a_bc", "abc", "a_bc"},
		{"equals signs", "a=b==", "ab", "ab", "a=b=="},
		{"nothing left", "!?%", "", "", ""},
		{"empty", "", "", "", ""},
		{"gstatsd's own example", "\t\n#! foo . bar \x00 ^", "__foo_._bar__", "foo.bar", "__foo_._bar__"},
	} {
		for d, want := range map[Dialect]string{Reference: tt.reference, Gstatsd: tt.gstatsd, Etsy: tt.etsy} {
			if got := string(d.AppendClean(nil, []byte(tt.name))); got != want {
				t.Errorf("%s, dialect %d: AppendClean(%q) = %q, want %q", tt.why, d, tt.name, got, want)
			}
		}
	}
}

func FuzzAppendClean(f *testing.F) {
	f.Add(uint8(0), []byte("a b/c\xff"))
	f.Add(uint8(1), []byte("a b/c\xff"))
	f.Add(uint8(2), []byte("a=b\u2003\xe2\x80 "))
	f.Fuzz(func(t *testing.T, dialect uint8, name []byte) {
		d := Dialect(dialect % Dialects)
		once := d.AppendClean(nil, name)
		if !IsClean(bytes.ReplaceAll(once, []byte("="), nil)) || d != Etsy && !IsClean(once) {
			t.Fatalf("AppendClean(%q) = %q, which is not clean", name, once)
		}
		if twice := d.AppendClean(nil, once); !bytes.Equal(once, twice) {
			t.Fatalf("cleaning %q twice gives %q, then %q", name, once, twice)
		}
		if d != Etsy && IsClean(name) != bytes.Equal(once, name) || IsClean(name) && !bytes.Equal(once, name) {
			t.Fatalf("IsClean(%q) = %v, but cleaning gives %q", name, IsClean(name), once)
		}
	})
}
