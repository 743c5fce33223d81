package main

import (
	"fmt"
	"strings"
)

const helpHead = `usage: statsdmonitor [--at HOST[:PORT]] [COMMAND [ARGUMENT] [FLAGS]]

Asks a running statsd. Without a command, statsdmonitor prints the status of statsd.
statsdmonitor COMMAND --help shows the flags of a command.
`

const helpFoot = `
The older form prints each figure of the daemon on one line. Its format never changes:
  statsdmonitor HOST PORT [--values|--discards|--ledger|--alerts] [--json]

Exit status: 0 the answer was printed; 1 the daemon cannot be reached, or refuses the
query; 2 the command line is wrong; 3 the ledger does not balance; 4 not found. The
command "check" exits with 0 to 3, as Nagios expects.
`

// helpEnd is the maximum width of the help text.
const helpEnd = 88

// help returns the help for the command on the command line, or the help for all commands.
func (l *line) help() string {
	if l.named {
		return l.command.usage()
	}
	var b strings.Builder
	b.WriteString(helpHead)
	group := ""
	for i := range commands {
		c := &commands[i]
		if c.group != group {
			group = c.group
			fmt.Fprintf(&b, "\n%s\n", group)
		}
		helpEntry(&b, "  "+c.call(), 28, c.help)
	}
	b.WriteString("\nFlags of all commands\n")
	for _, u := range everywhere {
		flagEntry(&b, u)
	}
	flagEntry(&b, use{name: "watch"})
	b.WriteString(helpFoot)
	return b.String()
}

// call returns the command with its arguments, for the help text.
func (c *command) call() string { return strings.TrimSpace(c.name + " " + c.args) }

// usage returns the help of one command.
func (c *command) usage() string {
	var b strings.Builder
	fmt.Fprintf(&b, "usage: statsdmonitor %s [FLAGS]\n\n%s\n\nFlags\n", c.call(), c.help)
	for _, u := range c.takes() {
		flagEntry(&b, u)
	}
	return b.String()
}

func flagEntry(b *strings.Builder, u use) {
	f := findFlag(u.name)
	left := "      " + f.spelling()
	switch {
	case len(f.name) == 1:
		left = "  " + f.spelling()
	case f.short != 0:
		left = "  -" + string(f.short) + ", " + f.spelling()
	}
	switch {
	case f.optional:
		left += "[=" + f.holder + "]"
	case f.kind != isSwitch && len(f.name) == 1:
		left += " " + f.holder
	case f.kind != isSwitch:
		left += "=" + f.holder
	}
	help := f.help
	if u.fallback != "" {
		help += " Default " + u.fallback + "."
	}
	helpEntry(b, left, 28, help)
}

// helpEntry writes a name, and its description in a column to the right.
func helpEntry(b *strings.Builder, name string, column int, text string) {
	if len(name)+2 > column {
		b.WriteString(name + "\n")
		name = ""
	}
	fmt.Fprintf(b, "%-*s", column-1, name)
	at := column - 1
	for word := range strings.FieldsSeq(text) {
		if at+1+len(word) > helpEnd {
			fmt.Fprintf(b, "\n%*s", column-1, "")
			at = column - 1
		}
		b.WriteString(" " + word)
		at += 1 + len(word)
	}
	b.WriteByte('\n')
}
