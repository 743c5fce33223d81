package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/notify/nsca"
	"github.com/statsd-ops/statsd/server"
)

// resolved returns the settings for a command line and an environment.
func resolved(t *testing.T, args []string, environment map[string]string) settings {
	t.Helper()
	all := newSettings(flags)
	if err := all.resolve(arguments{args: args}, func(name string) string { return environment[name] }); err != nil {
		t.Fatalf("%s: %v", args, err)
	}
	return all
}

// problemsOf returns the errors in a command line.
func problemsOf(args []string) error {
	return newSettings(flags).resolve(arguments{args: args}, func(string) string { return "" })
}

// configOf returns the server's configuration for a command line.
func configOf(t *testing.T, args []string) server.Config {
	t.Helper()
	all := resolved(t, args, nil)
	sinks, err := all.endpoints(nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := all.config(zerolog.Nop(), sinks)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// others returns a value other than the default for each flag of the daemon. All these values are valid together. The
// flag --names is left out, because sinks for Graphite do not support names in their original form.
func others(t *testing.T) map[string]string {
	texts := map[string]string{
		"port": "18125", "monitor-port": "off", "gauge-expire": "25h", "pipe-timeout": "1s", "pct": "50", "tag-styles": "all",
		"nsca-config":        write(t, "send_nsca.cfg", "password=s3cret\nencryption_method=2\n"),
		"notify-exec":        "/bin/true",
		"monitor-tokens":     write(t, "tokens", "read other "+strings.Repeat("0", 64)),
		"rules":              write(t, "rules.yml", "mappings: [{match: a, name: b}]"),
		"notify-auth-file":   write(t, "headers", "Authorization: Bearer other\n"),
		"log-file":           filepath.Join(t.TempDir(), "log"),
		"collect-partitions": "8", "collect-replicas": "5", "late-horizon": "1h",
		"spool-dir": t.TempDir(), "state-file": "other.state", "pidfile": "other.pid",
	}
	byKind := map[kind]string{
		isPositive: "7s", isSink: "graphite://other:7?name=west", isListener: "unixgram:///run/other.socket?name=other", isText: "other", isGlob: "other", isConsole: "18126", isSwitch: "true", isCount: "7", isNumbers: "7", isDuration: "7s", isBytes: "3MiB",
		isCounterStats: "count,rate", isTimerStats: "median,sum_N", isHistogram: "other:1,inf", isURL: "http://other/", isForward: "nats://other", isCollect: "nats://other",
	}
	for _, f := range flags {
		switch {
		case f.group == groupAbout || f.name == "pprof" || f.name == "names":
		case len(f.choices) > 0:
			texts[f.name] = f.choices[1]
		case texts[f.name] == "":
			texts[f.name] = byKind[f.kind]
		}
	}
	return texts
}

// commandLine returns the arguments that set flags to these texts.
func commandLine(t *testing.T, texts map[string]string) (args []string) {
	for name, text := range texts {
		if resolved(t, nil, nil).get(name).kind == isSwitch {
			args = append(args, "--"+name)
		} else {
			args = append(args, "--"+name, text)
		}
	}
	return args
}

// configured is the configuration for some settings, without the parts that cannot be compared.
type configured struct {
	server.Config
	sinks     []any // configurations of the sinks
	nsca      nsca.Config
	notifiers int
	channels  []any // configurations of the notifiers
	level     zerolog.Level
}

// TestEveryFlag checks that a change of any flag changes the configuration.
func TestEveryFlag(t *testing.T) {
	texts := others(t)
	config := func(args ...string) (c configured) {
		all := resolved(t, args, nil)
		log, logErr := newLogger(all, io.Discard)
		sinks, sinksErr := all.endpoints(nil)
		var err, nscaErr error
		c.Config, err = all.config(zerolog.Nop(), sinks)
		c.nsca, nscaErr = all.nsca()
		if err := errors.Join(sinksErr, err, nscaErr, logErr); err != nil {
			t.Fatalf("%s: %v", args, err)
		}
		for _, s := range c.Sinks {
			c.sinks = append(c.sinks, s.Config)
		}
		c.level, c.notifiers = zerolog.Level(log.least.Load()), len(c.Notifiers)
		for _, ch := range c.Channels {
			c.channels = append(c.channels, ch.Name, ch.Config)
		}
		c.Sinks, c.Notifiers, c.Channels, c.Log, c.Connect, c.OpenCluster = nil, nil, nil, zerolog.Logger{}, nil, nil
		return c
	}
	// Some flags need other flags. Set these other flags to values that differ from the values in the test.
	base := []string{"--alert", "--debug", "--graphite-host=a", "--nsca-server=a", "--nsca-host=a", "--spool-dir=" + t.TempDir(), "--pipe-dir=a", "--tags=keep-in-name", "--admin=a:1", "--notify-webhook=http://a/", "--monitor-cert=a", "--monitor-key=a", "--forward=nats://a", "--collect=nats://a"}
	for name, text := range texts {
		var with, without []string
		for _, arg := range base {
			if !strings.HasPrefix(arg, "--"+name) {
				with, without = append(with, arg), append(without, arg)
			}
		}
		switch name {
		case "alert", "debug": // leave out the flags that need --alert or --debug
			with, without = []string{"--" + name}, nil
		case "quiet": // --debug overrides --quiet
			with, without = []string{"--quiet"}, nil
		default:
			with = append(with, commandLine(t, map[string]string{name: text})...)
			if len(without) < len(base) {
				without = base
			}
		}
		onlyStart := slices.ContainsFunc(restartFlags, func(f flag) bool { return f.name == name })
		if !onlyStart && reflect.DeepEqual(config(with...), config(without...)) {
			t.Errorf("--%s=%s changes nothing", name, text)
		}
	}
}

// TestEverySource checks that each flag gives the same settings on the command line, in the environment and in a
// file.
func TestEverySource(t *testing.T) {
	texts := others(t)
	args := commandLine(t, texts)
	var lines []string
	environment := map[string]string{}
	for name, text := range texts {
		lines = append(lines, name+" "+text)
		environment[resolved(t, nil, nil).get(name).variable()] = text
	}
	file := write(t, "all.conf", strings.Join(lines, "\n"))
	for _, tt := range []struct {
		origin string
		all    settings
	}{
		{fromCommandLine, resolved(t, args, nil)},
		{"STATSD_DAEMON_", resolved(t, nil, environment)},
		{file + ":", resolved(t, []string{"--config", file}, nil)},
		{file + ":", resolved(t, nil, map[string]string{"STATSD_DAEMON_CONFIG": file})},
	} {
		for name, want := range texts {
			s := tt.all.get(name)
			if len(s.values) != 1 || s.text() != want || !strings.HasPrefix(s.values[0].origin, tt.origin) {
				t.Errorf("--%s is %v, want %q from %s", name, s.values, want, tt.origin)
			}
		}
	}
}

// TestPrecedence sets a flag in all sources, and removes one source after another.
func TestPrecedence(t *testing.T) {
	file := write(t, "statsd.conf", "grace 3\npct 30\npct 31\n")
	environment := map[string]string{"STATSD_DAEMON_GRACE": "2", "STATSD_DAEMON_PCT": "20  21"}
	args := []string{"--config", file}
	for _, tt := range []struct {
		all   settings
		grace value
		pct   []value
	}{
		{resolved(t, append(args, "--grace=1", "-t10", "--pct=11"), environment),
			value{"1", fromCommandLine}, []value{{"10", fromCommandLine}, {"11", fromCommandLine}}},
		{resolved(t, args, environment),
			value{"2", "STATSD_DAEMON_GRACE"}, []value{{"20", "STATSD_DAEMON_PCT"}, {"21", "STATSD_DAEMON_PCT"}}},
		{resolved(t, args, nil),
			value{"3", file + ":1"}, []value{{"30", file + ":2"}, {"31", file + ":3"}}},
		{resolved(t, nil, map[string]string{"STATSD_DAEMON_GRACE": ""}),
			value{"5", fromDefault}, []value{{"90", fromDefault}}},
	} {
		if got := tt.all.get("grace").values; !reflect.DeepEqual(got, []value{tt.grace}) {
			t.Errorf("grace is %v, want %v", got, tt.grace)
		}
		if got := tt.all.get("pct").values; !reflect.DeepEqual(got, tt.pct) {
			t.Errorf("pct is %v, want %v", got, tt.pct)
		}
	}
}

// TestPrintReadsBack checks that the output of --check-config is a valid configuration file with the same
// settings.
func TestPrintReadsBack(t *testing.T) {
	for _, args := range [][]string{nil, {"--counters-prefix=", "-t1", "-t2"}, commandLine(t, others(t))} {
		before := resolved(t, args, nil)
		var printed bytes.Buffer
		if err := before.print(&printed); err != nil {
			t.Fatal(err)
		}
		after := resolved(t, []string{"--config", write(t, "printed.conf", printed.String())}, nil)
		for i, s := range before {
			if got, want := setTo(after[i]), setTo(s); s.group != groupAbout && !slices.Equal(got, want) {
				t.Errorf("%s: --%s is %q, and read back %q", args, s.name, want, got)
			}
		}
	}
}

// setTo returns the values of a setting that are in effect.
func setTo(s *setting) (texts []string) {
	if s.off() {
		return []string{"false"}
	}
	for _, v := range s.values {
		texts = append(texts, v.text)
	}
	return texts
}

// TestOddMemory checks the warnings about limits that allow more memory than is available. A warning is about a single
// limit, or about several limits together.
func TestOddMemory(t *testing.T) {
	all := resolved(t, []string{"-s", "a:1", "-s", "load://?max-bytes=50MiB", "-s", "prometheus://"}, nil)
	sinks, err := all.endpoints(nil)
	if err != nil {
		t.Fatal(err)
	}
	const mib = 1 << 20
	for available, want := range map[float64]string{
		1000 * mib: "",
		0:          "", // the available memory is unknown
		400 * mib:  "--max-names, --history-memory, --queue-max-bytes and the sinks: together they would need 475 MiB, but only 400 MiB are available",
		300 * mib:  "--max-names 2000000: so many names would need 345 MiB, but only 300 MiB are available",
	} {
		if got := strings.Join(all.oddMemory(sinks, available), "\n"); got != want {
			t.Errorf("with %v bytes: %q, want %q", available, got, want)
		}
	}
}
