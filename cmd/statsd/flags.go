package main

// flag describes a setting.
type flag struct {
	group   string
	name    string
	short   rune
	aliases []string
	kind    kind
	choices []string // all valid values, if there are few
	many    bool     // the flag may be given several times
	needs   string   // the flag has no effect without this other flag
	orNeeds string   // this flag may be set instead of the flag in needs
	holder  string   // placeholder for the value in the help text
	def     string   // default value; the method derive may set another default
	example string   // a value for --print-config, for flags without a default
	help    string
	common  bool // the flag is in the short help
}

// Groups of flags in the help.
const (
	groupIntake  = "Input"
	groupFlush   = "What a flush publishes"
	groupOutput  = "Output"
	groupCluster = "Cluster"
	groupMonitor = "Monitor"
	groupConsole = "Management console"
	groupAlerts  = "Alerts"
	groupLimits  = "Limits"
	groupLog     = "Log"
	groupProcess = "Process"
	groupAbout   = "About"
)

// flags lists all flags, in the order of the help.
var flags = []flag{
	{group: groupIntake, name: "port", short: 'p', kind: isCount, holder: "8125", def: "8125", common: true, help: "Port for UDP and TCP; port 0 picks a free port."},
	{group: groupIntake, name: "name", short: 'n', holder: "HOST", common: true, help: "Address to listen on. By default, the daemon listens on all IPv4 and IPv6 addresses."},
	{group: groupIntake, name: "listen", kind: isListener, many: true, holder: "URL", example: "unixgram:///run/statsd/dsd.socket", common: true, help: "Where to receive: udp://HOST:PORT, udp+hmac://HOST:PORT, tcp://HOST:PORT, tcp+tls://HOST:PORT, unixgram://PATH or unix://PATH. May be repeated. With --listen, the daemon listens at --name and --port only if one of these two flags is given."},
	{group: groupIntake, name: "receivers", kind: isCount, holder: "N", example: "4", help: "Number of UDP sockets that share the port. The default is one per core."},
	{group: groupIntake, name: "udp-buffer", kind: isBytes, holder: "8MiB", def: "8MiB", help: "Receive buffer of each UDP socket."},
	{group: groupIntake, name: "discard-senders", choices: []string{"auto", "on", "off"}, holder: "auto", def: "auto", help: "Find out who sent each bad line: always (on), never (off), or for one minute after each bad line (auto)."},
	{group: groupIntake, name: "dialect", choices: []string{"reference", "etsy", "gstatsd"}, holder: "reference", def: "reference", help: "Rules for parsing lines and cleaning names: reference (as deviantART's pystatsd), etsy (as Etsy's statsd) or gstatsd. With --dialect=gstatsd, the command line may also contain gstatsd's flags."},
	{group: groupIntake, name: "gauge-signs", choices: []string{"delta", "absolute"}, holder: "delta", def: "delta", help: "Meaning of a sign in front of a gauge's value: adjust the gauge (delta), or set the gauge to the signed value (absolute)."},
	{group: groupIntake, name: "tags", choices: []string{"drop", "graphite", "labels", "keep-in-name"}, holder: "drop", def: "drop", help: "What to do with tags: drop them (drop), publish them as tags of Graphite such as name;k=v (graphite), publish them as labels of Prometheus (labels), or add them to the name as in name.k.v (keep-in-name)."},
	{group: groupIntake, name: "tag-styles", kind: isTagStyles, holder: "STYLE,...", def: "dogstatsd,graphite", help: "Formats of tags to parse: dogstatsd, graphite, influxdb, librato, signalfx, or all."},
	{group: groupIntake, name: "container", needs: "tags", choices: []string{"drop", "label"}, holder: "drop", def: "drop", help: "What to do with the container ID that clients of DogStatsD send: drop the ID (drop), or add the ID as a tag with the name container_id (label)."},
	{group: groupIntake, name: "names", choices: []string{"clean", "as-sent"}, holder: "clean", def: "clean", help: "What to do with names: change names so that Graphite accepts them (clean), or keep names as they were sent (as-sent). Kept names can have any UTF-8 characters. Use as-sent if a mapping of the prometheus sink needs the original names."},
	{group: groupIntake, name: "rules", holder: "FILE", help: "File with rules that drop, rename, tag or keep received names. After SIGHUP, the daemon reads the file again."},
	{group: groupIntake, name: "pipe-dir", holder: "DIR", example: "/tmp/stats-pipe", help: "Directory with stat pipes: named pipes to which processes on this host write their stats. The daemon reads the stat pipes before each flush."},
	{group: groupIntake, name: "pipe-prefix", needs: "pipe-dir", holder: "PREFIX", help: "Prefix for names from stat pipes. In a published path, PREFIX comes after the prefix for counters or gauges, as in stats.PREFIX.NAME."},
	{group: groupIntake, name: "pipe-counters", needs: "pipe-dir", kind: isGlob, many: true, holder: "GLOB", example: "*.requests", help: "Which names in stat pipes are counters: the names that match GLOB. For counters, the increase since the last reading is published. All other names are gauges. May be repeated."},
	{group: groupIntake, name: "pipe-timeout", needs: "pipe-dir", kind: isDuration, holder: "250ms", def: "250ms", help: "Time limit for reading the stat pipe of a process."},

	{group: groupFlush, name: "flush-interval", kind: isDuration, holder: "10", def: "10", common: true, help: "Seconds between two flushes, or a duration such as 1m."},
	{group: groupFlush, name: "naming", choices: namings(), holder: "reference", def: "reference", common: true, help: "Scheme of published names and values: reference (as deviantART's pystatsd), etsy, etsy-legacy (the default of Etsy's statsd) or gstatsd. The scheme also changes the defaults of other flags."},
	{group: groupFlush, name: "counters", kind: isCounterStats, holder: "rate", help: "Values to publish for each counter: rate, count, or rate,count."},
	{group: groupFlush, name: "timer-stats", kind: isTimerStats, many: true, holder: "STAT,...", help: "Values to publish for each timer: lower, upper, mean, count, count_ps, sum, sum_squares, std, median, and for each percentile upper_N, mean_N, sum_N, count_N, sum_squares_N. May be repeated. With the value none, only histograms of timers are published."},
	{group: groupFlush, name: "pct", short: 't', kind: isNumbers, many: true, holder: "90", def: "90", common: true, help: "Percentile threshold of timers, or several thresholds separated by commas. A negative threshold selects the largest samples: -10 is the largest 10 %. May be repeated."},
	{group: groupFlush, name: "histogram", kind: isHistogram, many: true, holder: "SUBSTRING:1,2.5,inf", example: "render:0.1,1,10,inf", help: "Count samples of timers whose name contains SUBSTRING, in bins with these upper bounds. May be repeated. The first substring that matches a name is used."},
	{group: groupFlush, name: "gauges", choices: []string{"seen", "keep"}, holder: "seen", help: "Publish only gauges that were received in the flush interval (seen), or publish the last value of every gauge (keep)."},
	{group: groupFlush, name: "gauge-flushes", kind: isCount, holder: "0", def: "0", help: "Number of flushes that publish a gauge after its last sample. With --gauge-flushes=0 and --gauges=keep, a gauge is published until it expires (see --gauge-expire)."},
	{group: groupFlush, name: "idle", choices: []string{"drop", "zero"}, holder: "drop", help: "For counters, timers and sets without samples in the flush interval, publish nothing (drop), or 0 until they expire (zero)."},
	{group: groupFlush, name: "prefix", holder: "PREFIX", common: true, help: "Prefix of every path. With --naming gstatsd, PREFIX comes after the prefix for counters, timers, gauges or sets."},
	{group: groupFlush, name: "suffix", holder: "SUFFIX", help: "Suffix of every path."},
	{group: groupFlush, name: "counters-prefix", holder: "stats", help: "Prefix of counters."},
	{group: groupFlush, name: "timers-prefix", holder: "stats.timers", help: "Prefix of timers."},
	{group: groupFlush, name: "gauge-prefix", aliases: []string{"gauges-prefix"}, holder: "stats", help: "Prefix of gauges."},
	{group: groupFlush, name: "sets-prefix", holder: "stats", help: "Prefix of sets."},
	{group: groupFlush, name: "metadata-prefix", holder: "statsd", def: "statsd", help: "Prefix of the daemon's own metrics, and the name of the service in alerts."},

	{group: groupOutput, name: "sink", short: 's', kind: isSink, many: true, holder: "URL", example: "graphite+tls://west.example.com:2103?name=west", common: true, help: "Where to publish, such as graphite://HOST:2003. May be repeated."},
	{group: groupOutput, name: "graphite-host", holder: "HOST", example: "carbon.example.com", common: true, help: "Publish to carbon's line receiver on this host."},
	{group: groupOutput, name: "graphite-port", kind: isCount, holder: "2003", example: "2003", common: true, help: "Port of carbon's line receiver."},
	{group: groupOutput, name: "graphite-keep-open", kind: isSwitch, help: "Use one connection for all sends. By default, each send opens a new connection, and the receiver confirms the points by closing the connection."},
	{group: groupOutput, name: "graphite-connect-timeout", kind: isPositive, holder: "5", def: "5", help: "Time limit for a connect, in seconds, including the name resolution and all addresses of the host."},
	{group: groupOutput, name: "graphite-timeout", kind: isPositive, holder: "10", def: "10", help: "Time limit for a send after the connect, in seconds. If a send takes longer, the sink counts as failing."},
	{group: groupOutput, name: "graphite-give-up", kind: isPositive, holder: "5m", def: "5m", help: "Time without progress after which an unfinished send starts again on a new connection."},
	{group: groupOutput, name: "queue-max-bytes", kind: isBytes, holder: "64MiB", def: "64MiB", help: "Memory for points that wait while their sink fails. When this memory is full, the oldest points are dropped."},
	{group: groupOutput, name: "spool-dir", holder: "DIR", example: "/var/lib/statsd", common: true, help: "Directory for points that a sink has not accepted in time. The points in this directory survive a restart of the daemon."},
	{group: groupOutput, name: "spool-max-bytes", needs: "spool-dir", kind: isBytes, holder: "1GiB", def: "1GiB", help: "Disk space for each sink's spool. When the spool is full, the oldest points are dropped."},
	{group: groupOutput, name: "spool-fsync", needs: "spool-dir", kind: isPositive, holder: "1s", def: "1s", help: "Time between two syncs of the spool to the disk. A crash of the machine can lose the points that were written since the last sync."},
	{group: groupOutput, name: "spool-after", needs: "spool-dir", kind: isDuration, holder: "250ms", def: "250ms", help: "If a send takes longer than this time, further points for the same sink are written to the spool."},
	{group: groupOutput, name: "replay-rate", needs: "spool-dir", kind: isCount, holder: "50000", def: "50000", help: "Maximum number of points per second that are sent from the spool: this number, or twice the number of new points per second if that is larger."},
	{group: groupOutput, name: "state-file", holder: "FILE", common: true, help: "Save the values of gauges in this file, so that samples such as +3 and -3 can adjust the values after a restart."},
	{group: groupOutput, name: "grace", kind: isDuration, holder: "5", def: "5", help: "Time for delivering the last points when the daemon ends, in seconds."},

	{group: groupCluster, name: "forward", kind: isForward, many: true, holder: "URL", example: "statsd://central.example.com:8127", common: true, help: "Forward the data of each flush interval to a cluster, which publishes the data: statsd://HOST:8127, or nats://HOST,HOST,HOST. With --sink, this daemon also sends the data to its own sinks. May be given twice, with from=TIME in the URL of the cluster that takes over at that time."},
	{group: groupCluster, name: "forward-id", needs: "forward", holder: "NAME", example: "web1", help: "Name of this daemon in the cluster. The name must be unique. The default is the name of the host."},
	{group: groupCluster, name: "forward-match", needs: "forward", kind: isGlob, many: true, holder: "GLOB", example: "app.*", help: "Forward only names that match. All other names are published by the sinks of this daemon. May be repeated."},
	{group: groupCluster, name: "collect", kind: isCollect, holder: "URL", example: "statsd://:8127", common: true, help: "Merge and publish the data that the daemons of a cluster forward. If URL is statsd://[HOST]:8127, this daemon is the central daemon of the cluster. If URL is nats://HOST,HOST,HOST, this daemon shares the partitions of the data with other daemons of this kind (owners)."},
	{group: groupCluster, name: "collect-id", needs: "collect", holder: "NAME", example: "central1", help: "Name of this owner in the cluster. The name must be unique. The default is the name of the host."},
	{group: groupCluster, name: "collect-partitions", needs: "collect", kind: isCount, holder: "16", example: "16", help: "Number of partitions of a new cluster, a power of two. The number of partitions can never change, and must be the same for all owners. If the URL of --collect begins with statsd://, the default is 4."},
	{group: groupCluster, name: "collect-replicas", needs: "collect", kind: isCount, holder: "3", def: "3", help: "Number of NATS servers that keep each message of a new cluster."},
	{group: groupCluster, name: "collect-bytes", needs: "collect", kind: isBytes, holder: "64GiB", example: "64GiB", help: "Disk space for the messages of all partitions. When the disk space is full, each daemon that forwards data stores its own messages. If the URL of --collect begins with statsd://, the default is 1GiB."},
	{group: groupCluster, name: "lateness", needs: "collect", kind: isDuration, holder: "5s", def: "5s", help: "How long to wait, after the end of a flush interval, for daemons that have not sent the interval's data."},
	{group: groupCluster, name: "late", needs: "collect", choices: []string{"correct", "count"}, holder: "correct", def: "correct", help: "What to do with data that arrives after the time in --lateness: publish the interval again (correct), or only count the data (count)."},
	{group: groupCluster, name: "late-horizon", needs: "collect", kind: isPositive, holder: "2h", def: "2h", help: "How long after the end of a flush interval its data is still merged. The value must be the same for all owners."},

	{group: groupMonitor, name: "monitor-port", kind: isPort, holder: "PORT", common: true, help: "Port of the monitor (XML-RPC, status page, /healthz, /metrics). The default is --port plus 10; the value off disables the monitor."},
	{group: groupMonitor, name: "monitor-host", holder: "127.0.0.1", def: "127.0.0.1", help: "Address of the monitor. An address other than loopback opens the monitor to everyone who can reach it."},
	{group: groupMonitor, name: "monitor-tokens", holder: "FILE", help: "File with the hashes of tokens and their roles: read or operate. Only clients that have a token with the role operate can change the running daemon. With this flag, a monitor that other machines can reach answers only clients with a token."},
	{group: groupMonitor, name: "monitor-cert", needs: "monitor-key", holder: "FILE", help: "Certificate in PEM format. With a certificate, the monitor uses TLS."},
	{group: groupMonitor, name: "monitor-key", needs: "monitor-cert", holder: "FILE", help: "Private key for --monitor-cert, in PEM format."},
	{group: groupMonitor, name: "keep-values", kind: isCount, holder: "100000", def: "100000", help: "Number of names whose latest values the monitor shows."},
	{group: groupMonitor, name: "history-memory", kind: isBytes, holder: "16MiB", def: "16MiB", help: "Memory for the published values of the last hour. With 0, no values are stored."},

	{group: groupConsole, name: "admin", kind: isConsole, holder: "[HOST:]PORT", example: "127.0.0.1:8126", help: "Address of Etsy's management console, usually port 8126; the value off disables the console. The default host is 127.0.0.1."},
	{group: groupConsole, name: "admin-health", needs: "admin", choices: []string{"up", "down"}, holder: "up", def: "up", help: "Health that the console reports until a client changes it: up or down."},

	{group: groupAlerts, name: "alert", short: 'a', kind: isSwitch, common: true, help: "Check regularly whether publishing works, and report problems to the log and the notifiers."},
	{group: groupAlerts, name: "alert-interval", kind: isDuration, holder: "60", def: "60", help: "Seconds between two checks of --alert."},
	{group: groupAlerts, name: "nsca-server", needs: "alert", holder: "HOST[:5667]", example: "nagios.example.com", common: true, help: "NSCA daemon that receives a report of each check. Needs --alert."},
	{group: groupAlerts, name: "nsca-config", needs: "nsca-server", holder: "FILE", help: "Configuration file of send_nsca, with the password and the encryption method."},
	{group: groupAlerts, name: "nsca-host", needs: "nsca-server", holder: "NAME", example: "web1", help: "Name of this host in Nagios. The default is the name of the host."},
	{group: groupAlerts, name: "nsca-service", needs: "nsca-server", holder: "NAME", example: "statsd", help: "Name of the service in Nagios. The default is the value of --metadata-prefix."},
	{group: groupAlerts, name: "nsca-legacy", needs: "nsca-server", kind: isSwitch, help: "Send packets in the format of NSCA before version 2.9."},
	{group: groupAlerts, name: "notify-exec", needs: "alert", holder: "PATH", help: "Program to run when the status changes, with the arguments STATUS SERVICE TEXT. Needs --alert."},
	{group: groupAlerts, name: "notify-webhook", kind: isURL, many: true, holder: "URL", example: "https://hooks.example.com/statsd", common: true, help: "URL that gets a JSON object when a problem begins, changes its state, or ends. May be repeated. Works without --alert."},
	{group: groupAlerts, name: "notify-alertmanager", kind: isURL, many: true, holder: "URL", example: "http://alertmanager.example.com:9093", help: "URL of a Prometheus Alertmanager, such as http://HOST:9093. The Alertmanager gets the current problems. May be repeated. Works without --alert."},
	{group: groupAlerts, name: "notify-slack", kind: isURL, many: true, holder: "URL", example: "https://hooks.slack.example.com/services/T/B/SECRET", help: "Incoming webhook of Slack or a similar program. The webhook gets a message when a problem begins or ends. May be repeated. Works without --alert."},
	{group: groupAlerts, name: "notify-auth-file", holder: "FILE", help: "File with HTTP headers, such as Authorization: Bearer TOKEN, for the three --notify flags with URLs; see the manual."},

	{group: groupLimits, name: "max-names", kind: isCount, holder: "2000000", def: "2000000", common: true, help: "Maximum number of names. At this limit, samples with new names are refused."},
	{group: groupLimits, name: "max-name-length", kind: isCount, holder: "1024", def: "1024", help: "Maximum length of a name, in bytes. Samples with longer names are discarded."},
	{group: groupLimits, name: "max-set-members", kind: isCount, holder: "1000000", def: "1000000", help: "Maximum number of members of a set that each receiver (--receivers) stores for one flush. Additional members are refused."},
	{group: groupLimits, name: "max-timer-samples", kind: isCount, holder: "1000000", def: "1000000", help: "Maximum number of samples of a timer that each receiver (--receivers) stores for one flush. With more samples, percentiles are estimates with an error of at most 1 %."},
	{group: groupLimits, name: "max-tcp-connections", kind: isCount, holder: "20000", def: "20000", help: "Maximum number of open TCP connections, if the system allows that many files. At the limit, a new connection replaces the connection that has been silent for the longest time."},
	{group: groupLimits, name: "tcp-idle-timeout", kind: isDuration, holder: "1h", def: "1h", help: "Close a TCP connection after this time without a complete line; the value 0 means no limit."},
	{group: groupLimits, name: "tcp-line-timeout", kind: isDuration, holder: "30s", def: "30s", help: "Close a TCP connection if the time between the first and the last byte of a line is longer than this time."},
	{group: groupLimits, name: "expire", kind: isCount, holder: "2", help: "Forget a counter, timer or set after this number of flushes without a sample. With --idle=zero, the default of --expire is the number of flushes in a day."},
	{group: groupLimits, name: "gauge-expire", kind: isDuration, holder: "24h", def: "24h", help: "How long the value of a gauge is kept after its last sample, so that samples such as +3 and -3 can adjust the gauge."},

	{group: groupLog, name: "debug", short: 'd', kind: isSwitch, common: true, help: "Log each discarded line."},
	{group: groupLog, name: "debug-metric", short: 'm', aliases: []string{"debug_metric"}, holder: "SUBSTRING", help: "With --debug, log received and published lines that contain SUBSTRING."},
	{group: groupLog, name: "quiet", short: 'q', kind: isSwitch, common: true, help: "Log only warnings and errors."},
	{group: groupLog, name: "log-file", holder: "FILE", common: true, help: "Log to this file instead of standard error. After SIGHUP, the daemon opens the file again."},
	{group: groupLog, name: "log-format", choices: []string{"auto", "console", "json"}, holder: "auto", def: "auto", help: "Format of the log: console, json, or auto (console on a terminal, else json)."},
	{group: groupLog, name: "pprof", kind: isConsole, holder: "[HOST:]PORT", help: "Serve Go profiles of the running daemon at this address. The default host is 127.0.0.1."},

	{group: groupProcess, name: "daemonize", short: 'D', kind: isSwitch, help: "Continue in the background when the daemon is ready; see --log-file."},
	{group: groupProcess, name: "pidfile", holder: "FILE", help: "Write the process id to this file and lock it. A second daemon with the same file does not start."},

	{group: groupAbout, name: "help", short: 'h', kind: isSwitch, common: true, help: "Print the most common flags and exit."},
	{group: groupAbout, name: "help-all", kind: isSwitch, common: true, help: "Print all flags and exit."},
	{group: groupAbout, name: "config", holder: "FILE", common: true, help: "Read settings from this file: on each line a flag without its dashes, a space, and its value."},
	{group: groupAbout, name: "check-config", kind: isSwitch, common: true, help: "Print each setting and its source, or all errors, and exit."},
	{group: groupAbout, name: "print-config", kind: isSwitch, common: true, help: "Print a configuration file with all settings and exit. Each setting is commented out and shows its default."},
	{group: groupAbout, name: "check-mapping", holder: "FILE", help: "Check FILE, a mapping file for a prometheus sink, print what the mapping does with each name in --names-from, and exit."},
	{group: groupAbout, name: "check-rules", holder: "FILE", help: "Check FILE, a file for the flag --rules, print what the rules do with each name in --names-from, and exit."},
	{group: groupAbout, name: "names-from", needs: "check-mapping", orNeeds: "check-rules", holder: "FILE|URL", help: "Source of the names for --check-mapping and --check-rules: a file, - for standard input, or the address of a running monitor or prometheus sink."},
	{group: groupAbout, name: "version", kind: isSwitch, common: true, help: "Print the version and exit."},
}
