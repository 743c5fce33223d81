package metric

import (
	"bytes"
	"testing"
)

func TestAppendClean(t *testing.T) {
	for _, tt := range []struct{ why, name, want string }{
		{"clean", "web-01.GET_200", "web-01.GET_200"},
		{"a run of white space", "a \t\v b", "a_b"},
		{"white space at the ends", " a\n", "_a_"},
		{"two runs", "a b c", "a_b_c"},
		{"a deleted byte parts two runs", "a !b", "a_b"},
		{"a deleted byte between two runs", "a ! b", "a__b"},
		{"slashes", "/var/log//x", "-var-log--x"},
		{"tags in the name", "name;env=prod,k=v", "nameenvprodkv"},
		{"not ascii", "caf\xc3\xa9\xff", "caf"},
		{"no-break space is not white space", "a\xc2\xa0b", "ab"},
		{"control bytes", "a\x00\x1b[31mb", "a31mb"},
		{"nothing left", "!?%", ""},
		{"empty", "", ""},
	} {
		if got := string(AppendClean(nil, []byte(tt.name))); got != tt.want {
			t.Errorf("%s: AppendClean(%q) = %q, want %q", tt.why, tt.name, got, tt.want)
		}
	}
}

func FuzzAppendClean(f *testing.F) {
	f.Add([]byte("a b/c\xff"))
	f.Fuzz(func(t *testing.T, name []byte) {
		once := AppendClean(nil, name)
		if !IsClean(once) {
			t.Fatalf("AppendClean(%q) = %q, which is not clean", name, once)
		}
		if twice := AppendClean(nil, once); !bytes.Equal(once, twice) {
			t.Fatalf("cleaning %q twice gives %q, then %q", name, once, twice)
		}
		if IsClean(name) != bytes.Equal(once, name) {
			t.Fatalf("IsClean(%q) = %v, but cleaning gives %q", name, IsClean(name), once)
		}
	})
}
