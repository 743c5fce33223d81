package main

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDocs checks that the manual and the help have the same flags with the same text. An entry of
// the manual may have more text after the help's.
func TestDocs(t *testing.T) {
	b, err := os.ReadFile("../../docs/statsdmonitor.md")
	if err != nil {
		t.Fatal(err)
	}
	_, options, _ := strings.Cut(string(b), "\n## Options\n")
	options, _, _ = strings.Cut(options, "\n## ")
	described := entries(regexp.MustCompile("(?m)^- (?:`-.`, )?`--([a-z-]+)(?:=[A-Z]+)?`:"), options)
	help, _ := invoke(t, exitOK, "--help")
	help, _, _ = strings.Cut(help, "\nArgs:")
	shown := entries(regexp.MustCompile(`(?m)^  (?:-., |    )--([a-z-]+)(?:=\S+)?`), help)
	if a, b := slices.Sorted(maps.Keys(described)), slices.Sorted(maps.Keys(shown)); !slices.Equal(a, b) || len(a) == 0 {
		t.Errorf("the manual describes %q, the help %q", a, b)
	}
	for name, text := range shown {
		if !strings.HasPrefix(described[name], text) {
			t.Errorf("--%s: the manual says %q, the help %q", name, described[name], text)
		}
	}
	if !strings.Contains(help, "--timeout=5s") || !strings.Contains(options, "Default `5s`") {
		t.Error("the default of --timeout differs")
	}
}

// entries returns the texts of the flags that begin matches, one line each.
func entries(begin *regexp.Regexp, text string) map[string]string {
	found := map[string]string{}
	at := append(begin.FindAllStringSubmatchIndex(text, -1), []int{len(text)})
	for i, m := range at[:len(at)-1] {
		found[text[m[2]:m[3]]] = strings.Join(strings.Fields(text[m[1]:at[i+1][0]]), " ")
	}
	return found
}
