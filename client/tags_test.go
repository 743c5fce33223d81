package client

import (
	"strings"
	"testing"
)

// Known tags are encoded as unknown ones are, whatever came before.
func FuzzKnownTags(f *testing.F) {
	f.Add("a:b c;a:b c;a,b c;a b,c;a|b;;a  b; a;a ;x\ny z", false)
	f.Add(strings.Repeat("t", 200)+";"+strings.Repeat("t", 200), true)
	f.Fuzz(func(t *testing.T, calls string, open bool) {
		var known knownTags
		for range 2 {
			for call := range strings.SplitSeq(calls, ";") {
				for _, open := range []bool{open, !open} {
					tags := strings.Split(call, " ")
					got, want := string(known.append([]byte("c"), tags, open)), string(appendTags([]byte("c"), tags, open))
					if got != want {
						t.Fatalf("%q: %q, want %q", tags, got, want)
					}
				}
			}
		}
	})
}
