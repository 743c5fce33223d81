package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/statsd-ops/statsd/internal/counterpart"
)

const docs = "../../docs"

// renderAll makes all manuals in a temporary folder and returns the folder.
func renderAll(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := run("1.2.3", "2026-11-29", []string{docs, dir}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// each runs f as a subtest for each manual.
func each(t *testing.T, f func(t *testing.T, path string)) {
	dir := renderAll(t)
	files, err := filepath.Glob(filepath.Join(dir, "*.[1-8]"))
	if err != nil || len(files) != len(pages) {
		t.Fatalf("%d manuals, %v, want %d", len(files), err, len(pages))
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) { f(t, path) })
	}
}

// mandoc reports no warning.
func TestLint(t *testing.T) {
	mandoc := counterpart.Find(t, "mandoc")
	each(t, func(t *testing.T, path string) {
		if out, err := exec.Command(mandoc, "-Tlint", "-W", "warning", path).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

// apropos(1) and whatis(1) can read the line in the section NAME.
func TestName(t *testing.T) {
	lexgrog := counterpart.Find(t, "lexgrog")
	each(t, func(t *testing.T, path string) {
		name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
		out, err := exec.Command(lexgrog, path).CombinedOutput()
		if err != nil || !strings.Contains(string(out), `: "`+name+" - ") {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

// No line is wider than 80 columns, the width of a terminal.
func TestWidth(t *testing.T) {
	mandoc := counterpart.Find(t, "mandoc")
	each(t, func(t *testing.T, path string) {
		out, err := exec.Command(mandoc, "-Tutf8", "-O", "width=78", path).Output()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(unstruck(string(out))) {
			if line = strings.TrimSuffix(line, "\n"); utf8.RuneCountInString(line) > 80 {
				t.Errorf("too wide: %s", line)
			}
		}
	})
}

// unstruck removes overstrikes: nroff marks a bold X by X, backspace, X.
func unstruck(text string) string {
	var out []rune
	for _, c := range text {
		if c == '\b' && len(out) > 0 {
			out = out[:len(out)-1]
			continue
		}
		out = append(out, c)
	}
	return string(out)
}

// statsd(8) has a paragraph for each flag, and statsd.conf(5) has a paragraph for each setting.
func TestFlags(t *testing.T) {
	dir := renderAll(t)
	source, err := os.ReadFile(filepath.Join(docs, "statsd.md"))
	if err != nil {
		t.Fatal(err)
	}
	flags := string(read(t, filepath.Join(dir, "statsd.8")))
	settings := string(read(t, filepath.Join(dir, "statsd.conf.5")))
	found := flagTerm.FindAllStringSubmatch(string(source), -1)
	if len(found) < 70 {
		t.Fatalf("found only %d flags", len(found))
	}
	about := false
	for _, m := range found {
		about = about || m[1] == "help"
		name := escapeCode(m[1])
		if !strings.Contains(flags, `\-\-`+name) {
			t.Errorf("statsd(8) has no --%s", m[1])
		}
		if got := strings.Contains(settings, ".TP 7\n"+`\fB`+name); got == about {
			t.Errorf("statsd.conf(5) has %s: %v", m[1], got)
		}
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Each Markdown construct is rendered in the usual form for manuals.
func TestForms(t *testing.T) {
	wide := strings.Repeat("wide ", 20)
	for _, tt := range []struct{ name, markdown, want string }{
		{"paragraph", "one\ntwo **bold** `a-b`", "one two \\fBbold\\fR \\fBa\\-b\\fR\n"},
		{"paragraphs", "one\n\ntwo", "one\n.PP\ntwo\n"},
		{"macro", ".dot\n\n'quote", "\\&.dot\n.PP\n\\&'quote\n"},
		{"section", "## See me\n\n### Then", ".SH SEE ME\n.SS Then\n"},
		{"code", "```sh\na-b \\\n.c\n```", ".PP\n.RS 2\n.nf\na\\-b \\e\n\\&.c\n.fi\n.RE\n"},
		{"indented code", "so:\n\n    x\n\n    y", "so:\n.PP\n.RS 2\n.nf\nx\n\ny\n.fi\n.RE\n"},
		{"long code", "    " + wide + "x", ".PP\n.RS 2\n.nf\n" + strings.TrimSpace(strings.Repeat("wide ", 14)) + "\n    " + strings.Repeat("wide ", 6) + "x\n.fi\n.RE\n"},
		{"flag", "- `-p`, `--port=PORT`: The\n  port.", ".TP 7\n\\fB\\-p\\fR, \\fB\\-\\-port=PORT\\fR\nThe port.\n"},
		{"bullets", "- one\n- two\n  more\n\nend", ".IP \\(bu 2\none\n.IP \\(bu 2\ntwo more\n.PP\nend\n"},
		{"nested", "- one\n\n  ```\n  x\n  ```", ".IP \\(bu 2\none\n.RS\n.PP\n.RS 2\n.nf\nx\n.fi\n.RE\n.RE\n"},
		{"numbers", "1. one\n2. two", ".IP 1. 4\none\n.IP 2. 4\ntwo\n"},
		{"table", "| a | b |\n|---|---|\n| `x\\|y` | 1 |", ".PP\n.RS 2\n.nf\na    b\nx|y  1\n.fi\n.RE\n"},
		{"wide table", "| a | b | c |\n|---|---|---|\n| `x` | " + wide + "| 1 |", ".TP 7\n\\fBx\\fR\nb: " + strings.TrimSpace(wide) + "\n.br\nc: 1\n"},
		{"links", "[far](https://x.y/z), [page](lines.md#tags), [this](#here), [lost](metrics.md). See [it](metrics.md).",
			"far (https://x.y/z), page (statsd-lines(7)), this, lost. See it (/usr/share/doc/statsd/docs/metrics.md).\n"},
		{"see also", "## See also\n\n[lines](lines.md), [m](metrics.md)", ".SH SEE ALSO\nstatsd-lines(7), m (/usr/share/doc/statsd/docs/metrics.md)\n"},
		{"letters", "café <https://x.y/a-b>", "caf\\[u00E9] https://x.y/a\\-b\n"},
		{"comment", "<!-- hidden -->\nshown", "shown\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &renderer{page: pages[0]}
			if r.blocks(parse(tt.markdown)); r.String() != tt.want {
				t.Errorf("%q\ngives %q\nwant  %q", tt.markdown, r.String(), tt.want)
			}
		})
	}
}
