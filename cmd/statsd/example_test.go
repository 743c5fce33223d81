package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// settingLine matches a setting in the output of --print-config.
var settingLine = regexp.MustCompile(`(?m)^#([a-z_-]+)(?: .*)?$`)

// TestPrintConfig checks that the output of --print-config is a valid configuration file, which sets nothing.
// With one # removed from each line, the file must be valid too, and set each flag once.
func TestPrintConfig(t *testing.T) {
	var b strings.Builder
	if err := printExample(&b); err != nil {
		t.Fatal(err)
	}
	commented := b.String()
	for _, s := range readBack(t, commented) {
		if s.given() && s.group != groupAbout {
			t.Errorf("as it is, it sets --%s", s.name)
		}
	}

	uncommented := readBack(t, regexp.MustCompile("(?m)^#").ReplaceAllString(commented, ""))
	defaults := newSettings(flags)
	if err := defaults.setDefaults(); err != nil {
		t.Fatal(err)
	}
	for _, s := range uncommented {
		if s.group == groupAbout {
			continue
		}
		if !s.given() {
			t.Errorf("it does not have --%s", s.name)
		}
		usual := defaults.text(s.name)
		if s.example == "" && s.kind != isSwitch && s.text() != usual {
			t.Errorf("--%s: it has %q, the default is %q", s.name, s.text(), usual)
		}
	}
	var names []string
	for _, m := range settingLine.FindAllStringSubmatch(commented, -1) {
		names = append(names, m[1])
	}
	for i, s := 0, defaults; i < len(names); i++ {
		if s[i].name != names[i] {
			t.Fatalf("setting %d is %s, want %s, as in the help", i, names[i], s[i].name)
		}
	}
}

// readBack reads a configuration file in the same way as statsd --config FILE --check-config does.
func readBack(t *testing.T, text string) settings {
	t.Helper()
	path := filepath.Join(t.TempDir(), "statsd.conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	all := newSettings(flags)
	line := arguments{args: []string{"--config", path, "--check-config"}}
	if err := all.resolve(line, func(string) string { return "" }); err != nil {
		t.Fatalf("it is not valid: %v", err)
	}
	var out, warnings strings.Builder
	if err := all.checkConfig(&out, &warnings); err != nil {
		t.Fatalf("it is not valid: %v", err)
	}
	return all
}

// TestPrintConfigWidth checks that no line is longer than 90 columns, unless a single value is longer.
func TestPrintConfigWidth(t *testing.T) {
	var b strings.Builder
	if err := printExample(&b); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if strings.HasPrefix(line, "##") && len(line) > exampleWidth+1 {
			t.Errorf("too long: %s", line)
		}
	}
}
