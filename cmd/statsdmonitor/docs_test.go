package main

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func manual(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../docs/statsdmonitor.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// section returns the text below a heading of the manual.
func section(t *testing.T, heading string) string {
	t.Helper()
	_, text, found := strings.Cut(manual(t), "\n## "+heading+"\n")
	text, _, _ = strings.Cut(text, "\n## ")
	if !found {
		t.Fatalf("no section %s", heading)
	}
	return text
}

// described returns the texts of list items by name. It finds the items whose beginning matches the regular expression
// begin. The name is the part that the expression captures. Each returned text is one line.
func described(begin, text string) map[string]string {
	found := map[string]string{}
	item := regexp.MustCompile(begin)
	for part := range strings.SplitSeq(text, "\n- ") {
		part, _, _ = strings.Cut(part, "\n\n")
		if m := item.FindStringSubmatch(part); m != nil {
			found[m[1]] = strings.Join(strings.Fields(part[len(m[0]):]), " ")
		}
	}
	return found
}

// same checks that the manual describes exactly the existing entries. In the manual, a description may continue
// after the help text.
func same(t *testing.T, what string, manual, there map[string]string) {
	t.Helper()
	if a, b := slices.Sorted(maps.Keys(manual)), slices.Sorted(maps.Keys(there)); !slices.Equal(a, b) || len(a) == 0 {
		t.Errorf("the manual describes the %s %q, there are %q", what, a, b)
	}
	for name, text := range there {
		if !strings.HasPrefix(manual[name], text) {
			t.Errorf("%s %s: the manual says %q, the help %q", what, name, manual[name], text)
		}
	}
}

// TestManual checks that the manual has the same commands and flags as the program, with the same texts.
func TestManual(t *testing.T) {
	there := map[string]string{}
	for i := range commands {
		there[commands[i].call()] = commands[i].help
	}
	same(t, "commands", described("^`([^`]+)`: ", section(t, "Commands")), there)

	there = map[string]string{}
	for i := range flags {
		there[flags[i].name] = flags[i].help
	}
	of := "^(?:`-.`, )?`--?([a-z-]+)[^`]*`: "
	manual := described(of, section(t, "Options"))
	maps.Copy(manual, described(of, section(t, "The older form")))
	same(t, "flags", manual, there)
}

// TestDefaults checks that the manual contains the defaults of all flags.
func TestDefaults(t *testing.T) {
	manual := described("^(?:`-.`, )?`--?([a-z-]+)[^`]*`: ", section(t, "Options"))
	for i := range commands {
		for _, u := range commands[i].takes() {
			if u.fallback != "" && u.fallback != "0s" && !strings.Contains(manual[u.name], "`"+u.fallback+"`") {
				t.Errorf("%s: the manual does not say that --%s is %s", commands[i].name, u.name, u.fallback)
			}
		}
	}
}

// TestHelp checks that the help lists all commands, and that the help of a command lists its flags.
func TestHelp(t *testing.T) {
	help, _ := invoke(t, exitOK, "--help")
	for i := range commands {
		c := &commands[i]
		if !strings.Contains(help, "\n  "+c.call()+" ") {
			t.Errorf("the help has no %s", c.call())
		}
		usage, _ := invoke(t, exitOK, c.name, "--help")
		for _, u := range c.takes() {
			if !strings.Contains(usage, " "+findFlag(u.name).spelling()) {
				t.Errorf("the help of %s has no --%s", c.name, u.name)
			}
		}
		if other, _ := invoke(t, exitOK, "help", c.name); other != usage {
			t.Errorf("help %s differs", c.name)
		}
	}
	for line := range strings.Lines(help) {
		if len(line) > helpEnd+1 {
			t.Errorf("the help is too wide: %s", line)
		}
	}
}
