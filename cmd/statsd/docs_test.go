package main

import (
	"cmp"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDocs checks that the manual describes exactly the existing flags. For each flag, it compares the help text,
// the short form, the other names and the default. The description in the manual may continue after the help
// text.
func TestDocs(t *testing.T) {
	b, err := os.ReadFile("../../docs/statsd.md")
	if err != nil {
		t.Fatal(err)
	}
	_, options, _ := strings.Cut(string(b), "\n## Options\n")
	options, _, _ = strings.Cut(options, "\n## ")
	described := map[string]string{}
	var order []string
	for _, entry := range strings.Split(options, "\n- ")[1:] {
		entry, _, _ = strings.Cut(entry, "\n\n")
		name := regexp.MustCompile("^(?:`-.`, )?`--([a-z-]+)").FindStringSubmatch(entry)
		if name == nil {
			t.Fatalf("no flag: %s", entry)
		}
		described[name[1]] = strings.Join(strings.Fields(entry), " ")
		order = append(order, name[1])
	}
	var want []string
	for _, f := range flags {
		want = append(want, f.name)
		entry := described[f.name]
		begin := "`--" + f.name
		if f.short != 0 {
			begin = "`-" + string(f.short) + "`, " + begin
		}
		if f.holder != "" {
			begin += "="
		} else {
			begin += "`"
		}
		if _, text, _ := strings.Cut(entry, "`: "); !strings.HasPrefix(entry, begin) || !strings.HasPrefix(text, f.help) {
			t.Errorf("the manual has no entry that begins with %s and continues %q", begin, f.help)
		}
		if f.def != "" && !strings.Contains(entry, "Default `"+f.def+"`") {
			t.Errorf("--%s: the manual does not say that the default is %s", f.name, f.def)
		}
		for _, alias := range f.aliases {
			if !strings.Contains(entry, "`--"+alias+"`") {
				t.Errorf("--%s: the manual does not name --%s", f.name, alias)
			}
		}
	}
	if !slices.Equal(order, want) {
		t.Errorf("the manual describes %q, the help %q", order, want)
	}
}

// TestHelp checks that the short help has about twenty flags, and that the full help has all flags.
func TestHelp(t *testing.T) {
	var short, long strings.Builder
	if err := errors.Join(printHelp(&short), printFullHelp(&long)); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range flags {
		entry := regexp.MustCompile("(?m)^(  -.,|     ) --" + f.name + "[=\\s]")
		if !entry.MatchString(long.String()) || entry.MatchString(short.String()) != f.common {
			t.Errorf("--%s is missing, or in the wrong help", f.name)
		}
		if f.common {
			n++
		}
	}
	if n < 18 || n > 28 {
		t.Errorf("%d flags in the short help", n)
	}
}

// TestDocsOfSinks checks that the manual has a row for each URL scheme of sinks, with exactly the scheme's keys.
func TestDocsOfSinks(t *testing.T) {
	b, err := os.ReadFile("../../docs/statsd.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| \\[`([a-z0-9+]+)`\\]\\(.*\\) \\| .* \\| (.*) \\| (.*) \\|$").FindAllStringSubmatch(string(b), -1)
	var described []string
	for _, row := range rows {
		described = append(described, row[1])
		i := slices.Index(schemeNames(), row[1])
		if i < 0 {
			continue
		}
		s := schemes[i]
		keys := []string{"name"}
		if newEndpoint(&s).get("prefix") != nil {
			keys = append(keys, "prefix")
		}
		for _, m := range regexp.MustCompile("`(.*?)`").FindAllStringSubmatch(row[3], -1) {
			keys = append(keys, m[1])
		}
		slices.Sort(keys)
		if want := slices.Sorted(slices.Values(newEndpoint(&s).keys())); !slices.Equal(keys, want) {
			t.Errorf("%s: the manual has the keys %q, the code %q", s.name, keys, want)
		}
		if where := cmp.Or(strings.Trim(s.host+", "+s.port, ", "), "none"); where != row[2] {
			t.Errorf("%s: the manual says that it is at %q, the code %q", s.name, row[2], where)
		}
	}
	if !slices.Equal(described, schemeNames()) {
		t.Errorf("the manual has the schemes %q, the code %q", described, schemeNames())
	}
}
