package main

import (
	"fmt"
	"io"
	"strings"
)

const helpHead = `usage: statsd [flags]

Receives counters, gauges, timers and sets over UDP and TCP, aggregates them, and
publishes the results to Graphite and other sinks.

Every flag can also be set in the environment, as STATSD_DAEMON_<FLAG>
(STATSD_DAEMON_FLUSH_INTERVAL=10), or in the file of --config. The command line
wins over the environment, and the environment over the file. --no-alert turns off a
switch such as --alert.
`

const helpFoot = `
These are the most common flags. statsd --help-all shows all %d flags.
`

// Columns in which the texts of the help start and end.
const (
	helpText = 37
	helpEnd  = 100
)

// printHelp prints the most common flags, by group.
func printHelp(w io.Writer) error {
	foot := fmt.Sprintf(helpFoot, len(flags))
	return printFlags(w, foot, func(f flag) bool { return f.common })
}

// printFullHelp prints all flags, by group.
func printFullHelp(w io.Writer) error {
	return printFlags(w, "", func(flag) bool { return true })
}

func printFlags(w io.Writer, foot string, shown func(flag) bool) error {
	var b strings.Builder
	b.WriteString(helpHead)
	group := ""
	for _, f := range flags {
		if !shown(f) {
			continue
		}
		if f.group != group {
			group = f.group
			fmt.Fprintf(&b, "\n%s\n", group)
		}
		printFlag(&b, f)
	}
	b.WriteString(foot)
	_, err := io.WriteString(w, b.String())
	return err
}

func printFlag(b *strings.Builder, f flag) {
	left := "      --" + f.name
	if f.short != 0 {
		left = fmt.Sprintf("  -%c, --%s", f.short, f.name)
	}
	if f.holder != "" {
		left += "=" + f.holder
	}
	if len(left) >= helpText {
		b.WriteString(left + "\n")
		left = ""
	}
	const margin = helpText - 1
	fmt.Fprintf(b, "%-*s", margin, left)
	column := margin
	for word := range strings.FieldsSeq(f.help) {
		if column+1+len(word) > helpEnd {
			fmt.Fprintf(b, "\n%*s", margin, "")
			column = margin
		}
		b.WriteString(" " + word)
		column += 1 + len(word)
	}
	b.WriteByte('\n')
}
