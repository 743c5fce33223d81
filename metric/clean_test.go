package metric

import (
	"bytes"
	"testing"
)

func TestAppendClean(t *testing.T) {
	for _, tt := range []struct{ why, name, reference, gstatsd string }{
		{"clean", "web-01.GET_200", "web-01.GET_200", "web-01.GET_200"},
		{"a run of white space", "a \t\v b", "a_b", "ab"},
		{"white space at the ends", " a\n", "_a_", "a"},
		{"two runs", "a b c", "a_b_c", "abc"},
		{"a deleted byte parts two runs", "a !b", "a_b", "ab"},
		{"a deleted byte between two runs", "a ! b", "a__b", "ab"},
		{"slashes", "/var/log//x", "-var-log--x", "_var_log__x"},
		{"tags in the name", "name;env=prod,k=v", "nameenvprodkv", "nameenvprodkv"},
		{"not ascii", "caf\xc3\xa9\xff", "caf", "caf"},
		{"no-break space is not white space", "a\xc2\xa0b", "ab", "ab"},
		{"control bytes", "a\x00\x1b[31mb", "a31mb", "a31mb"},
		{"nothing left", "!?%", "", ""},
		{"empty", "", "", ""},
		{"gstatsd's own example", "\t\n#! foo . bar \x00 ^", "__foo_._bar__", "foo.bar"},
	} {
		for d, want := range map[Dialect]string{Reference: tt.reference, Gstatsd: tt.gstatsd} {
			if got := string(d.AppendClean(nil, []byte(tt.name))); got != want {
				t.Errorf("%s, dialect %d: AppendClean(%q) = %q, want %q", tt.why, d, tt.name, got, want)
			}
		}
	}
}

func FuzzAppendClean(f *testing.F) {
	f.Add(uint8(0), []byte("a b/c\xff"))
	f.Add(uint8(1), []byte("a b/c\xff"))
	f.Fuzz(func(t *testing.T, dialect uint8, name []byte) {
		d := Dialect(dialect % 2)
		once := d.AppendClean(nil, name)
		if !IsClean(once) {
			t.Fatalf("AppendClean(%q) = %q, which is not clean", name, once)
		}
		if twice := d.AppendClean(nil, once); !bytes.Equal(once, twice) {
			t.Fatalf("cleaning %q twice gives %q, then %q", name, once, twice)
		}
		if IsClean(name) != bytes.Equal(once, name) {
			t.Fatalf("IsClean(%q) = %v, but cleaning gives %q", name, IsClean(name), once)
		}
	})
}
