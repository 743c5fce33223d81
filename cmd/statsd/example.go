package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

const exampleHead = `## Settings of statsd: on each line a flag without its dashes, a space, and its value.
## statsd.conf(5) explains the format, and statsd(8) explains each flag. In this file,
## each setting has one # in front of it, and shows its default. A flag without a value
## is off by default: remove the # in front of the flag to turn the flag on. The command
## statsd --config FILE --check-config finds mistakes.
`

// exampleWidth is the maximum width of help text in the file.
const exampleWidth = 88

// printExample writes a configuration file with all settings as comments, in groups. The file is valid without
// changes, and also if one # is removed from each line.
func printExample(w io.Writer) error {
	defaults := newSettings(flags)
	if err := defaults.setDefaults(); err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString(exampleHead)
	group := ""
	for _, s := range defaults {
		if s.group == groupAbout {
			continue
		}
		if s.group != group {
			group = s.group
			fmt.Fprintf(&b, "\n## %s %s\n", group, strings.Repeat("-", exampleWidth-4-len(group)))
		}
		printExampleOf(&b, s)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func printExampleOf(b *strings.Builder, s *setting) {
	text := s.help
	if slices.ContainsFunc(s.choices, func(c string) bool { return !strings.Contains(text, c) }) {
		text += " One of " + oneOf(s.choices) + "."
	}
	value := s.text()
	switch {
	case s.example != "":
		text += " Not set; for example:"
		value = s.example
	case value == "" && s.kind != isSwitch:
		value = `""`
		if strings.ContainsAny(s.holder, "[:") {
			text += " A value is " + s.holder + "."
		}
	}
	b.WriteByte('\n')
	writeWrapped(b, text)
	fmt.Fprintln(b, strings.TrimSpace("#"+s.name+" "+value))
}

// writeWrapped writes text as comment lines.
func writeWrapped(b *strings.Builder, text string) {
	column := 0
	for word := range strings.FieldsSeq(text) {
		if column+1+len(word) > exampleWidth {
			b.WriteByte('\n')
			column = 0
		}
		if column == 0 {
			b.WriteString("##")
			column = 2
		}
		b.WriteString(" " + word)
		column += 1 + len(word)
	}
	b.WriteByte('\n')
}
