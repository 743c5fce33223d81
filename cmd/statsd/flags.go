package main

import (
	"fmt"
	"io"
	"strings"
)

// flag describes a setting.
type flag struct {
	group   string
	name    string
	short   rune
	aliases []string
	kind    kind
	choices []string // the values that there are, for a text that is not free
	many    bool     // may be given more than once
	needs   string   // the flag without which this one would do nothing
	holder  string   // what stands for the value in the help
	def     string   // see also derive
	help    string
}

// The groups of the help.
const (
	groupIntake  = "What comes in"
	groupFlush   = "What a flush publishes"
	groupOutput  = "Where it goes"
	groupMonitor = "The monitor"
	groupConsole = "The management console"
	groupAlerts  = "Alerts"
	groupLimits  = "Limits"
	groupLog     = "The log"
	groupProcess = "The process"
	groupAbout   = "About"
)

// flags are all flags, in the order of the help.
var flags = []flag{
	{group: groupIntake, name: "port", short: 'p', kind: isCount, holder: "8125", def: "8125", help: "port for UDP and TCP; 0 picks one"},
	{group: groupIntake, name: "name", short: 'n', holder: "HOST", help: "address to bind; all, IPv4 and IPv6, when not given"},
	{group: groupIntake, name: "receivers", kind: isCount, holder: "N", help: "UDP sockets that share the port; one a core"},
	{group: groupIntake, name: "udp-buffer", kind: isBytes, holder: "8MiB", def: "8MiB", help: "receive buffer of each UDP socket"},
	{group: groupIntake, name: "discard-senders", choices: []string{"auto", "on", "off"}, holder: "auto", def: "auto", help: "ask who sent a datagram, to show it with a bad line: on, off, or for a minute after each bad line (auto)"},
	{group: groupIntake, name: "dialect", choices: []string{"reference", "etsy", "gstatsd"}, holder: "reference", def: "reference", help: "rules for reading lines and cleaning names: reference, etsy (the default with --naming etsy and etsy-legacy) or gstatsd; on the command line, gstatsd also accepts gstatsd's flags (statsd --dialect=gstatsd --help)"},
	{group: groupIntake, name: "gauge-signs", choices: []string{"delta", "absolute"}, holder: "delta", def: "delta", help: "a signed gauge value adjusts it (delta), or sets it (absolute)"},
	{group: groupIntake, name: "tags", choices: []string{"drop", "graphite", "keep-in-name"}, holder: "drop", def: "drop", help: "drop tags, make them Graphite's (name;k=v), or make them nodes of the name (name.k.v)"},
	{group: groupIntake, name: "pipe-dir", holder: "DIR", help: "read the stat pipes of this host's processes there before each flush; by agreement /tmp/stats-pipe"},
	{group: groupIntake, name: "pipe-prefix", needs: "pipe-dir", holder: "PREFIX", help: "in front of names from pipes, behind the prefix of their kind; none when not given"},
	{group: groupIntake, name: "pipe-counters", needs: "pipe-dir", kind: isGlob, many: true, holder: "GLOB", help: "names in pipes that are counters, by how much they grew; the others are gauges; may be repeated"},
	{group: groupIntake, name: "pipe-timeout", needs: "pipe-dir", kind: isDuration, holder: "250ms", def: "250ms", help: "how long each process has for its answer"},

	{group: groupFlush, name: "flush-interval", kind: isDuration, holder: "10", def: "10", help: "seconds between two flushes, or a duration such as 1m"},
	{group: groupFlush, name: "naming", choices: namings(), holder: "reference", def: "reference", help: "whose names and values: reference, etsy, etsy-legacy (Etsy's statsd unless told otherwise) or gstatsd; the other flags' defaults follow"},
	{group: groupFlush, name: "counters", kind: isCounterStats, holder: "rate", help: "what is published of a counter: rate, count, or rate,count"},
	{group: groupFlush, name: "timer-stats", kind: isTimerStats, many: true, holder: "STAT,...", help: "what is published of a timer: lower, upper, mean, count, count_ps, sum, sum_squares, std, median, and for each percentile upper_N, mean_N, sum_N, count_N, sum_squares_N; may be repeated; none for histograms alone"},
	{group: groupFlush, name: "pct", short: 't', kind: isNumber, many: true, holder: "90", def: "90", help: "percentile threshold for timers, of the greatest samples if below 0; may be repeated"},
	{group: groupFlush, name: "histogram", kind: isHistogram, many: true, holder: "SUBSTRING:1,2.5,inf", help: "count the samples of timers whose names contain SUBSTRING in bins with these upper bounds; may be repeated, the first that fits counts"},
	{group: groupFlush, name: "gauges", choices: []string{"seen", "keep"}, holder: "seen", help: "publish gauges that were seen only, or go on with the last value (keep, and the default with --gauge-flushes)"},
	{group: groupFlush, name: "gauge-flushes", kind: isCount, holder: "0", def: "0", help: "for how many flushes a gauge is published after samples of it; 0 for as long as --gauge-expire says"},
	{group: groupFlush, name: "idle", choices: []string{"drop", "zero"}, holder: "drop", help: "publish nothing of counters, timers and sets that were not seen, or 0 until they expire (zero)"},
	{group: groupFlush, name: "prefix", holder: "PREFIX", help: "in front of every path; behind the prefix of the kind with --naming gstatsd"},
	{group: groupFlush, name: "suffix", holder: "SUFFIX", help: "behind every path"},
	{group: groupFlush, name: "counters-prefix", holder: "stats", help: "in front of counters"},
	{group: groupFlush, name: "timers-prefix", holder: "stats.timers", help: "in front of timers"},
	{group: groupFlush, name: "gauge-prefix", aliases: []string{"gauges-prefix"}, holder: "stats", help: "in front of gauges"},
	{group: groupFlush, name: "sets-prefix", holder: "stats", help: "in front of sets"},
	{group: groupFlush, name: "metadata-prefix", holder: "statsd", def: "statsd", help: "in front of the daemon's own figures, and the service that alerts name"},

	{group: groupOutput, name: "sink", short: 's', kind: isSink, many: true, holder: "URL", help: "where to publish, such as graphite://HOST:2003; may be repeated"},
	{group: groupOutput, name: "graphite-host", holder: "HOST", help: "publish to carbon's line receiver there; localhost when only the port is given"},
	{group: groupOutput, name: "graphite-port", kind: isCount, holder: "2003", help: "port of carbon's line receiver"},
	{group: groupOutput, name: "graphite-keep-open", kind: isSwitch, help: "keep one connection open; by default each send has its own, whose end confirms it"},
	{group: groupOutput, name: "graphite-connect-timeout", kind: isPositive, holder: "5", def: "5", help: "seconds that a connect may take, with the look-up and all addresses"},
	{group: groupOutput, name: "graphite-timeout", kind: isPositive, holder: "10", def: "10", help: "seconds that the rest of a send may take until the sink counts as failing"},
	{group: groupOutput, name: "graphite-give-up", kind: isPositive, holder: "5m", def: "5m", help: "how long an unfinished send may see no progress until it starts anew"},
	{group: groupOutput, name: "queue-max-bytes", kind: isBytes, holder: "64MiB", def: "64MiB", help: "what may wait in memory for a sink that fails; beyond it the oldest is dropped"},
	{group: groupOutput, name: "spool-dir", holder: "DIR", help: "keep on disk what a sink could not take in time, over restarts too"},
	{group: groupOutput, name: "spool-max-bytes", needs: "spool-dir", kind: isBytes, holder: "1GiB", def: "1GiB", help: "of each sink's spool; beyond it the oldest is dropped"},
	{group: groupOutput, name: "spool-fsync", needs: "spool-dir", kind: isPositive, holder: "1s", def: "1s", help: "what a crash of the machine may cost of the spool"},
	{group: groupOutput, name: "spool-after", needs: "spool-dir", kind: isDuration, holder: "250ms", def: "250ms", help: "how long a send may take before what waits goes to the spool"},
	{group: groupOutput, name: "replay-rate", needs: "spool-dir", kind: isCount, holder: "50000", def: "50000", help: "points per second from the spool; twice what flushes make if that is more"},
	{group: groupOutput, name: "state-file", holder: "FILE", help: "keep the values of gauges there, for adjustments after a restart"},
	{group: groupOutput, name: "grace", kind: isDuration, holder: "5", def: "5", help: "seconds that delivery may take at the end"},

	{group: groupMonitor, name: "monitor-port", kind: isPort, holder: "PORT", help: "XML-RPC and status page; --port plus 10 when not given, off for none"},
	{group: groupMonitor, name: "monitor-host", holder: "127.0.0.1", def: "127.0.0.1", help: "address to bind; another one than loopback opens it to all who reach it"},
	{group: groupMonitor, name: "keep-values", kind: isCount, holder: "100000", def: "100000", help: "names whose newest values it shows"},

	{group: groupConsole, name: "admin", kind: isConsole, holder: "[HOST:]PORT", help: "Etsy's management console, by agreement on port 8126; 127.0.0.1 unless a host is named; off for none"},
	{group: groupConsole, name: "admin-health", needs: "admin", choices: []string{"up", "down"}, holder: "up", def: "up", help: "what it answers to health until it is told otherwise"},

	{group: groupAlerts, name: "alert", short: 'a', kind: isSwitch, help: "look at publishing every so often, and tell the log and the notifiers"},
	{group: groupAlerts, name: "alert-interval", kind: isDuration, holder: "60", def: "60", help: "seconds between two looks"},
	{group: groupAlerts, name: "nsca-server", needs: "alert", holder: "HOST[:5667]", help: "NSCA daemon to report each look to"},
	{group: groupAlerts, name: "nsca-config", needs: "nsca-server", holder: "FILE", help: "send_nsca's file, with password and encryption method"},
	{group: groupAlerts, name: "nsca-host", needs: "nsca-server", holder: "NAME", help: "this host's name in Nagios; the system's when not given"},
	{group: groupAlerts, name: "nsca-service", needs: "nsca-server", holder: "NAME", help: "the service's name in Nagios; the metadata prefix when not given"},
	{group: groupAlerts, name: "nsca-legacy", needs: "nsca-server", kind: isSwitch, help: "send packets as NSCA before 2.9 takes them"},
	{group: groupAlerts, name: "notify-exec", needs: "alert", holder: "PATH", help: "program to run at each change, as PATH STATUS SERVICE TEXT"},

	{group: groupLimits, name: "max-names", kind: isCount, holder: "2000000", def: "2000000", help: "names in all; samples of further ones are refused"},
	{group: groupLimits, name: "max-name-length", kind: isCount, holder: "1024", def: "1024", help: "bytes of a name; samples of longer ones are discarded"},
	{group: groupLimits, name: "max-set-members", kind: isCount, holder: "1000000", def: "1000000", help: "members of a set in each receiver; further ones are refused"},
	{group: groupLimits, name: "max-timer-samples", kind: isCount, holder: "1000000", def: "1000000", help: "of a timer that each receiver keeps; with more its percentiles are estimates, within 1 %"},
	{group: groupLimits, name: "max-tcp-connections", kind: isCount, holder: "20000", def: "20000", help: "open at a time, if that many files may be; the one silent longest makes room"},
	{group: groupLimits, name: "tcp-idle-timeout", kind: isDuration, holder: "1h", def: "1h", help: "how long a connection may go without ending a line; 0 for ever"},
	{group: groupLimits, name: "tcp-line-timeout", kind: isDuration, holder: "30s", def: "30s", help: "how long a line may take from its first byte to its last"},
	{group: groupLimits, name: "expire", kind: isCount, holder: "2", help: "flushes after which an unused counter, timer or set is forgotten; a day's with --idle zero"},
	{group: groupLimits, name: "gauge-expire", kind: isDuration, holder: "24h", def: "24h", help: "how long the value of a gauge is remembered for adjustments"},

	{group: groupLog, name: "debug", short: 'd', kind: isSwitch, help: "log each discarded line"},
	{group: groupLog, name: "debug-metric", short: 'm', aliases: []string{"debug_metric"}, holder: "SUBSTRING", help: "with --debug, log received and published lines that contain it"},
	{group: groupLog, name: "quiet", short: 'q', kind: isSwitch, help: "log warnings and errors only"},
	{group: groupLog, name: "log-file", holder: "FILE", help: "log there instead of to standard error; opened anew at SIGHUP"},
	{group: groupLog, name: "log-format", choices: []string{"auto", "console", "json"}, holder: "auto", def: "auto", help: "console, json, or console on a terminal only (auto)"},
	{group: groupLog, name: "pprof", holder: "HOST:PORT", help: "serve live profiles there"},

	{group: groupProcess, name: "daemonize", short: 'D', kind: isSwitch, help: "go on in the background once all is ready; see --log-file"},
	{group: groupProcess, name: "pidfile", holder: "FILE", help: "hold and lock a file with the process id; a second daemon that wants it fails"},

	{group: groupAbout, name: "config", holder: "FILE", help: "read settings from FILE: a flag without its dashes and its value on each line"},
	{group: groupAbout, name: "check-config", kind: isSwitch, help: "print each setting and where it comes from, and exit"},
	{group: groupAbout, name: "version", kind: isSwitch, help: "print the version, and exit"},
}

const helpHead = `usage: statsd [flags]

Takes counters, gauges, timers and sets over UDP and TCP, adds them up, and
publishes them to Graphite.

Every flag can also be set as STATSD_DAEMON_<FLAG> in the environment
(STATSD_DAEMON_FLUSH_INTERVAL=10), or in the file that --config names. The
command line wins over the environment, and that over the file. A switch such
as --alert is turned off with --no-alert.
`

// The help's columns: where the texts about the flags begin, and where they end.
const (
	helpText = 37
	helpEnd  = 100
)

// printHelp writes the help, grouped.
func printHelp(w io.Writer) error {
	var b strings.Builder
	b.WriteString(helpHead)
	group := ""
	for _, f := range flags {
		if f.group != group {
			group = f.group
			fmt.Fprintf(&b, "\n%s\n", group)
			if group == groupAbout {
				printFlag(&b, flag{name: "help", short: 'h', help: "print this, and exit"})
			}
		}
		printFlag(&b, f)
	}
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
