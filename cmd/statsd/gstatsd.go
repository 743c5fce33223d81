package main

import (
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// gstatsdFlag is a flag of gstatsd's command line.
type gstatsdFlag struct {
	long   string
	short  byte
	same   string // the flag that means the same here; see arguments for the others
	holder string // what stands for the value in the help; empty for a switch
	help   string
}

// gstatsdFlags are all of gstatsd's flags, in the order of its help. Of one that is given
// again the last value counts, but for sinks.
var gstatsdFlags = []gstatsdFlag{
	{long: "bind", short: 'b', holder: "[HOST]:PORT", help: "address to listen on; :8125 when not given"},
	{long: "sink", short: 's', holder: "[HOST]:PORT", help: "where to send stats, also a URL as statsd --sink takes it; may be repeated, and one is needed"},
	{long: "type", short: 't', holder: "TYPE", help: "what all sinks are: graphite, when not given, or load"},
	{long: "verbose", short: 'v', help: "log each discarded line, or as -vv each line"},
	{long: "flush", short: 'f', same: "flush-interval", holder: "SECONDS", help: "flush interval; 10 when not given"},
	{long: "prefix", short: 'x', same: "prefix", holder: "PREFIX", help: "in front of all names; none when not given"},
	{long: "percent", short: 'p', same: "pct", holder: "NUMBER", help: "percentile threshold; 90 when not given"},
	{long: "daemonize", short: 'D', same: "daemonize", help: "go on in the background once all is ready"},
	{long: "help", short: 'h', same: "help", help: "print this, and exit"},
	{long: "version", same: "version", help: "print the version, and exit"},
}

// gstatsdTypes are what --type can say, which are schemes of sinks too.
var gstatsdTypes = []string{"graphite", "load"}

const gstatsdHead = `usage: gstatsd [flags]
       statsd --dialect=gstatsd [flags]

Takes stats as gstatsd does, and publishes them under gstatsd's names.

`

const gstatsdFoot = `
Where these have no other meaning, the long flags of statsd --help are flags here
too. Its environment variables and its file (--config) are the same.
`

func printGstatsdHelp(w io.Writer) error {
	var b strings.Builder
	b.WriteString(gstatsdHead)
	for _, f := range gstatsdFlags {
		printFlag(&b, flag{name: f.long, short: rune(f.short), holder: f.holder, help: f.help})
	}
	b.WriteString(gstatsdFoot)
	_, err := io.WriteString(w, b.String())
	return err
}

// isGstatsd reports whether a command line is gstatsd's: because it says so, or else
// because the program is called so.
func isGstatsd(program string, args []string) bool {
	if i := slices.IndexFunc(args, isDialect); i >= 0 {
		_, name, attached := strings.Cut(args[i], "=")
		return attached && name == "gstatsd" || !attached && slices.Contains(args[i+1:min(i+2, len(args))], "gstatsd")
	}
	return filepath.Base(program) == "gstatsd"
}

func isDialect(arg string) bool { return arg == "--dialect" || strings.HasPrefix(arg, "--dialect=") }

// asGstatsd reports whether the settings came from a command line of gstatsd's.
func (all settings) asGstatsd() bool {
	return slices.Contains(all.get("dialect").values, value{"gstatsd", fromCommandLine})
}

// followDialect sets what has another default in gstatsd's dialect.
func (all settings) followDialect() {
	if all.text("dialect") == "gstatsd" {
		all.setDefault("gauge-signs", "absolute")
		all.setDefault("naming", "gstatsd")
	}
}

// followNaming sets the dialect that goes with Etsy's names.
func (all settings) followNaming() {
	if strings.HasPrefix(all.text("naming"), "etsy") {
		all.setDefault("dialect", "etsy")
	}
}
