package main

import (
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// gstatsdFlag is a flag on gstatsd's command line.
type gstatsdFlag struct {
	long   string
	short  byte
	same   string // the equivalent statsd flag; the type gstatsdLine handles flags without an equivalent
	holder string // placeholder for the value in the help text; empty for a switch
	help   string
}

// gstatsdFlags lists all flags of gstatsd, in the order of its help. If a flag is given several times, its last
// value is used, except for sinks.
var gstatsdFlags = []gstatsdFlag{
	{long: "bind", short: 'b', holder: "[HOST]:PORT", help: "Address to listen on. The default is :8125."},
	{long: "sink", short: 's', holder: "[HOST]:PORT", help: "Where to publish: an address, or a URL as for statsd --sink. May be repeated. At least one sink is needed."},
	{long: "type", short: 't', holder: "TYPE", help: "Type of all sinks: graphite (the default) or load. A sink of type load keeps the sums of the last minutes in memory, and serves these sums over HTTP."},
	{long: "verbose", short: 'v', help: "Log each discarded line; -vv logs every line."},
	{long: "flush", short: 'f', same: "flush-interval", holder: "SECONDS", help: "Flush interval. The default is 10."},
	{long: "prefix", short: 'x', same: "prefix", holder: "PREFIX", help: "Prefix of all names. By default, names have no prefix."},
	{long: "percent", short: 'p', same: "pct", holder: "NUMBER", help: "Percentile threshold. The default is 90."},
	{long: "daemonize", short: 'D', same: "daemonize", help: "Continue in the background when the daemon is ready."},
	{long: "help", short: 'h', same: "help", help: "Print this help and exit."},
	{long: "version", same: "version", help: "Print the version and exit."},
}

// gstatsdTypes are the values of --type. They are also URL schemes of sinks.
var gstatsdTypes = []string{"graphite", "load"}

const gstatsdHead = `usage: gstatsd [flags]
       statsd --dialect=gstatsd [flags]

Receives stats as gstatsd does, and publishes them under gstatsd's names.

`

const gstatsdFoot = `
The long flags of statsd --help-all can also be used, except flags to which this list
gives another meaning. The environment variables and the file of --config are the same
as for statsd.
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

// isGstatsd reports whether a command line uses gstatsd's syntax. This is the case with --dialect gstatsd. Without
// --dialect, it is the case if the program's name is gstatsd.
func isGstatsd(program string, args []string) bool {
	if i := slices.IndexFunc(args, isDialect); i >= 0 {
		_, name, attached := strings.Cut(args[i], "=")
		return attached && name == "gstatsd" || !attached && slices.Contains(args[i+1:min(i+2, len(args))], "gstatsd")
	}
	return nameOf(program) == "gstatsd"
}

// nameOf returns the name of a program in messages: statsd or gstatsd.
func nameOf(program string) string {
	if filepath.Base(program) == "gstatsd" {
		return "gstatsd"
	}
	return "statsd"
}

func isDialect(arg string) bool { return arg == "--dialect" || strings.HasPrefix(arg, "--dialect=") }

// asGstatsd reports whether the settings come from a gstatsd command line.
func (all settings) asGstatsd() bool {
	return slices.Contains(all.get("dialect").values, value{"gstatsd", fromCommandLine})
}

// followDialect sets the defaults for the gstatsd dialect.
func (all settings) followDialect() {
	if all.text("dialect") == "gstatsd" {
		all.setDefault("gauge-signs", "absolute")
		all.setDefault("naming", "gstatsd")
	}
}

// followNaming sets the dialect etsy if --naming is one of Etsy's schemes.
func (all settings) followNaming() {
	if strings.HasPrefix(all.text("naming"), "etsy") {
		all.setDefault("dialect", "etsy")
	}
}
