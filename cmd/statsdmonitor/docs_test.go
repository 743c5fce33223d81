package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDocs wants the same flags in the manual and in the help.
func TestDocs(t *testing.T) {
	b, err := os.ReadFile("../../docs/statsdmonitor.md")
	if err != nil {
		t.Fatal(err)
	}
	_, options, _ := strings.Cut(string(b), "\n## Options\n")
	options, _, _ = strings.Cut(options, "\n## ")
	help, _ := command(t, exitOK, "--help")
	flags := func(text, pattern string) (names []string) {
		for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			names = append(names, match[1])
		}
		slices.Sort(names)
		return names
	}
	described := flags(options, "(?m)^- (?:`-.`, )?`--([a-z-]+)")
	if there := flags(help, `(?m)^  (?:-., |    )--(?:\[no-\])?([a-z-]+)`); !slices.Equal(described, there) || len(there) == 0 {
		t.Errorf("the manual describes %q, there are %q", described, there)
	}
	if !strings.Contains(help, "--timeout=5s") || !strings.Contains(options, "Default `5s`") {
		t.Error("the default of --timeout differs")
	}
}
