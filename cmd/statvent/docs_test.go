package main

import (
	"bytes"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDocs checks that the manual describes exactly the flags in the help, with the same texts.
func TestDocs(t *testing.T) {
	b, err := os.ReadFile("../../docs/statvent.md")
	if err != nil {
		t.Fatal(err)
	}
	var help bytes.Buffer
	if _, err := parse([]string{"--help"}, &help); !errors.Is(err, errShown) {
		t.Fatal(err)
	}
	_, options, _ := strings.Cut(string(b), "\n## Options\n")
	options, _, _ = strings.Cut(options, "\n## ")
	described := flagEntries(regexp.MustCompile("(?m)^- (?:`(-.)`, )?`--([a-z-]+)(?:=[A-Z=]+)?`:"), options)
	shown := flagEntries(regexp.MustCompile(`(?m)^  (?:(-.), |    )--([a-z-]+)(?:=\S+)?(?: \.\.\.)?`), help.String())
	if len(shown) == 0 || len(described) != len(shown) {
		t.Errorf("the manual describes %d flags, the help has %d", len(described), len(shown))
	}
	for name, text := range shown {
		if !strings.HasPrefix(described[name], text) {
			t.Errorf("%s: the manual says %q, the help %q", name, described[name], text)
		}
	}
	for _, want := range []string{"`7828`", "`127.0.0.1`", "`/stats`", "`/tmp/stats-pipe`", "`250ms`"} {
		if !slices.ContainsFunc(strings.Split(options, "\n- "), func(s string) bool { return strings.Contains(s, "Default "+want) }) {
			t.Errorf("the manual does not name the default %s", want)
		}
	}
}

// flagEntries returns the texts of the flags, by short and long name. begin matches the start of an entry.
func flagEntries(begin *regexp.Regexp, text string) map[string]string {
	found := map[string]string{}
	at := append(begin.FindAllStringSubmatchIndex(text, -1), []int{len(text)})
	for i, m := range at[:len(at)-1] {
		names := begin.FindStringSubmatch(text[m[0]:m[1]])
		found[names[1]+"--"+names[2]] = strings.Join(strings.Fields(text[m[1]:at[i+1][0]]), " ")
	}
	return found
}
