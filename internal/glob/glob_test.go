package glob

import (
	"path"
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	for _, tt := range []struct {
		pattern, name string
		want          bool
	}{
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"*", "a.b/c", true},
		{"a.*", "a.b.c", true},
		{"a.*", "b.a.c", false},
		{"*.errors", "web.errors", true},
		{"*.errors", "web.errors.old", false},
		{"a?c", "a/c", true},
		{"web[0-9].*", "web7.hits", true},
		{"web[0-9].*", "web.hits", false},
		{`a\*`, "a*", true},
		{`a\*`, "ab", false},
		{"*a*b*", "xxaxxbxx", true},
		{"a[/x]c", "a/c", true},
		{"[^a]", "b", true},
		{"[!a]", "b", false},
	} {
		g, err := Parse(tt.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := g.Match(tt.name); got != tt.want {
			t.Errorf("%q of %q: %v", tt.pattern, tt.name, got)
		}
	}
	for _, bad := range []string{"[", "[a", `\`, "a[]"} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("%q was taken for a pattern", bad)
		}
	}
}

// TestStarsDoNotBlowUp checks a pattern with many stars. A matcher with backtracking would take
// practically forever.
func TestStarsDoNotBlowUp(t *testing.T) {
	g, err := Parse(strings.Repeat("a*", 100) + "b")
	if err != nil {
		t.Fatal(err)
	}
	if g.Match(strings.Repeat("a", 10_000)) {
		t.Error("matched without a b")
	}
}

// TestStarsAlone compares the results for patterns with stars to path.Match.
func TestStarsAlone(t *testing.T) {
	words := func(letters string, most int) (all []string) {
		all = []string{""}
		for i := 0; len(all[i]) < most; i++ {
			for _, c := range letters {
				all = append(all, all[i]+string(c))
			}
		}
		return all
	}
	for _, pattern := range words("ab*", 5) {
		g, err := Parse(pattern)
		if err != nil || !g.simple {
			t.Fatal(pattern, err)
		}
		for _, name := range words("ab", 6) {
			if want, _ := path.Match(pattern, name); g.Match(name) != want {
				t.Fatalf("%q of %q: %v", pattern, name, !want)
			}
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	for _, pattern := range []string{"*session5999*.hits", "*session[5]999*.hits"} {
		b.Run(pattern, func(b *testing.B) {
			g, err := Parse(pattern)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if g.Match("stats.shop.checkout.session123456.hits") {
					b.Fatal("it matches")
				}
			}
		})
	}
}
