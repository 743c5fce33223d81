// Command man makes the manual pages from docs/*.md:
//
//	go run ./packaging/man -version 1.2.3 -date 2026-11-29 docs DIR
//
// The documentation is written only once, in Markdown. Each page in the variable pages becomes DIR/NAME.SECTION. A link
// becomes the name of the other manual. A table that is wider than 80 columns becomes a list. A list item of the form
// "- `--flag`: text" becomes a paragraph that begins with the flag.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// page is a manual and the Markdown file from which it is made.
type page struct {
	source  string
	name    string
	section int
	about   string // text for the section NAME; empty if the Markdown file has this section
}

// pages are all manuals.
var pages = []page{
	{source: "statsd.md", name: "statsd", section: 8},
	{source: "gstatsd.md", name: "gstatsd", section: 8},
	{source: "statsdmonitor.md", name: "statsdmonitor", section: 1},
	{source: "statvent.md", name: "statvent", section: 1},
	{source: "statsd.conf.md", name: "statsd.conf", section: 5},
	{source: "listeners.md", name: "statsd-listeners", section: 7},
	{source: "cluster.md", name: "statsd-cluster", section: 7, about: "edges, owners and engines"},
	{source: "rules.md", name: "statsd-rules", section: 7, about: "rules that drop, rename, tag or keep names"},
	{source: "lines.md", name: "statsd-lines", section: 7, about: "the lines that statsd reads"},
	{source: "published.md", name: "statsd-published", section: 7, about: "the names and values that statsd publishes"},
}

// titles are the titles of the sections of the Unix manual, by their number.
var titles = map[int]string{
	1: "User Commands", 5: "File Formats", 7: "Miscellaneous", 8: "System Administration",
}

func main() {
	version := flag.String("version", "", "version of the package")
	date := flag.String("date", "", "date of the version, such as 2026-11-29")
	flag.Parse()
	if err := run(*version, *date, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "man:", err)
		os.Exit(1)
	}
}

func run(version, date string, args []string) error {
	if len(args) != 2 || version == "" || date == "" {
		return errors.New("usage: man -version VERSION -date DATE DOCS DIR")
	}
	if err := os.MkdirAll(args[1], 0o755); err != nil {
		return err
	}
	for _, p := range pages {
		text, err := p.render(args[0], version, date)
		if err != nil {
			return err
		}
		file := filepath.Join(args[1], fmt.Sprintf("%s.%d", p.name, p.section))
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// render returns a manual in the language of man(7).
func (p page) render(docs, version, date string) (string, error) {
	text, err := os.ReadFile(filepath.Join(docs, p.source))
	if err != nil {
		return "", err
	}
	source, err := include(docs, string(text))
	if err != nil {
		return "", err
	}
	blocks := parse(source)
	if len(blocks) == 0 || blocks[0].kind != heading || blocks[0].level != 1 {
		return "", fmt.Errorf("%s: does not begin with a title", p.source)
	}
	r := &renderer{page: p}
	r.line(`.\" Made from docs/%s. Change that file.`, p.source)
	r.line(`.TH %s %d "%s" "statsd %s" "%s"`, strings.ToUpper(p.name), p.section, date, version, titles[p.section])
	blocks = p.head(r, blocks[1:])
	r.blocks(blocks)
	return r.String(), nil
}

// head writes the section NAME, which apropos(1) reads. It returns the remaining blocks.
func (p page) head(r *renderer, blocks []block) []block {
	about := p.about
	if len(blocks) > 1 && blocks[0].text == "Name" {
		_, about, _ = strings.Cut(blocks[1].text, " - ")
		blocks = blocks[2:]
	}
	r.line(".SH NAME\n%s \\- %s", p.name, r.text(about))
	if len(blocks) > 0 && blocks[0].kind != heading {
		r.line(".SH DESCRIPTION")
	}
	return blocks
}

// includeLine matches a comment such as "<!-- man: settings of statsd.md -->". The function include
// replaces the comment with the flags of that page, written as lines of a configuration file.
var includeLine = regexp.MustCompile(`(?m)^<!-- man: settings of ([a-z.]+) -->$`)

// flagTerm matches the beginning of a flag's description in a manual, such as "- `-p`,
// `--port=PORT`: ".
var flagTerm = regexp.MustCompile("(?m)^- (?:`-.`, )?`--([a-z-]+)(?:=([^`]*))?`:")

// include finds the comment that includeLine matches, and replaces it with the flags of the page
// that the comment names. The parameter docs is the directory of the pages.
func include(docs, text string) (string, error) {
	m := includeLine.FindStringSubmatch(text)
	if m == nil {
		return text, nil
	}
	from, err := os.ReadFile(filepath.Join(docs, m[1]))
	if err != nil {
		return "", err
	}
	_, options, ok := strings.Cut(string(from), "\n## Options\n")
	if !ok {
		return "", fmt.Errorf("%s: has no section Options", m[1])
	}
	options, _, _ = strings.Cut(options, "\n## ")
	options, _, _ = strings.Cut(options, "\n### About\n")
	if _, groups, ok := strings.Cut(options, "\n### "); ok {
		options = "### " + groups
	}
	settings := flagTerm.ReplaceAllStringFunc(options, func(s string) string {
		m := flagTerm.FindStringSubmatch(s)
		return "- `" + strings.TrimSpace(m[1]+" "+m[2]) + "`:"
	})
	return strings.Replace(text, m[0], settings, 1), nil
}
