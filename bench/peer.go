//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// peer is a program to measure.
type peer struct {
	name string
	// version returns the measured version, or why the program cannot be measured.
	version func() (string, error)
	// command returns the command line of a daemon.
	command func(setup) ([]string, error)
	// counters are the published names of counters. It is nil for a peer that publishes nothing: then
	// only the kernel's drops show losses.
	counters *names
	// rates says that counters are published per second instead of per flush.
	rates bool
	// networks lists the networks to receive from. onlyDrain says that the peer takes part in drains
	// only.
	networks  string
	onlyDrain bool
}

// setup is the configuration of a daemon.
type setup struct {
	dir          string // its own directory for configuration files
	port, carbon int
	flush        time.Duration
	buffer       int // bytes of receive buffer
}

// peers lists the programs. statsd is the path of this project's daemon.
func peers(statsd string) []peer {
	self := func() (string, error) { return "Go, one read a datagram; counts newlines", nil }
	return []peer{
		{
			name: "floor", networks: "udp tcp none", version: self,
			command: func(s setup) ([]string, error) { return floorCommand(s) },
		},
		{
			name: "floor-blocking", networks: "udp", onlyDrain: true,
			version: func() (string, error) { return "Go, blocking recvmmsg of 32; counts newlines", nil },
			command: func(s setup) ([]string, error) { return floorCommand(s, "-blocking") },
		},
		{
			name: "statsd", networks: "udp tcp none", counters: &names{"stats." + counterRoot + ".", ""}, rates: true,
			version: func() (string, error) { return output(statsd, "--version") },
			command: func(s setup) ([]string, error) {
				return append(statsdCommand(statsd, s), "--graphite-host", "127.0.0.1", "--graphite-port", strconv.Itoa(s.carbon)), nil
			},
		},
		{
			name: "statsd-forward", networks: "udp",
			version: func() (string, error) { return output(statsd, "--version") },
			command: func(s setup) ([]string, error) { return forwardCommand(statsd, s) },
		},
		{
			name: "collectd", networks: "udp none", counters: &names{"bench.statsd.count-" + counterRoot, ""},
			version: func() (string, error) {
				return output("dpkg-query", "-W", "-f", "Debian's ${Version}", "collectd-core")
			},
			command: collectdCommand,
		},
		{
			name: "etsy", networks: "udp tcp none", counters: &names{"stats.counters." + counterRoot + ".", ".count"},
			version: func() (string, error) {
				return output("node", "-p", "'npm '+require('./"+etsyFolder+"/package.json').version+', node '+process.version")
			},
			command: etsyCommand,
		},
	}
}

func statsdCommand(statsd string, s setup) []string {
	return []string{statsd, "--port", strconv.Itoa(s.port), "--quiet", "--flush-interval", s.flush.String(),
		"--udp-buffer", strconv.Itoa(s.buffer / 2)} // the kernel doubles it
}

func output(command ...string) (string, error) {
	out, err := exec.Command(command[0], command[1:]...).Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", command[0], err)
	}
	return string(firstLine(out)), nil
}

func firstLine(text []byte) []byte {
	for i, c := range text {
		if c == '\n' {
			return text[:i]
		}
	}
	return text
}

func floorCommand(s setup, flags ...string) ([]string, error) {
	program, err := os.Executable()
	return append([]string{program, "floor", "-port", strconv.Itoa(s.port)}, flags...), err
}

// collectd publishes the values that its plugins read, in every interval. DeleteX forgets idle
// names, like this daemon; CounterSum adds counters up per interval.
const collectdConfig = `
Hostname "bench"
FQDNLookup false
BaseDir "%[1]s"
PIDFile "%[1]s/pid"
TypesDB "/usr/share/collectd/types.db"
Interval %[2]g
LoadPlugin statsd
LoadPlugin write_graphite
<Plugin statsd>
  Host "127.0.0.1"
  Port "%[3]d"
  DeleteCounters true
  DeleteTimers true
  DeleteGauges true
  DeleteSets true
  CounterSum true
  TimerLower true
  TimerUpper true
  TimerCount true
  TimerPercentile 90
</Plugin>
<Plugin write_graphite>
  <Node "bench">
    Host "127.0.0.1"
    Port "%[4]d"
    Protocol "tcp"
    StoreRates false
    EscapeCharacter "_"
  </Node>
</Plugin>
`

func collectdCommand(s setup) ([]string, error) {
	path := filepath.Join(s.dir, "collectd.conf")
	text := fmt.Sprintf(collectdConfig, s.dir, s.flush.Seconds(), s.port, s.carbon)
	return []string{"/usr/sbin/collectd", "-f", "-C", path}, os.WriteFile(path, []byte(text), 0o644)
}

// etsyFolder is where make test and make bench install Etsy's statsd.
const etsyFolder = ".counterparts/node_modules/statsd"

func etsyCommand(s setup) ([]string, error) {
	type object = map[string]any
	server := func(network string) object {
		return object{"server": "./servers/" + network, "address": "127.0.0.1", "port": s.port}
	}
	// stats.js reads JavaScript, which includes JSON.
	config, err := json.Marshal(object{
		"servers":      []object{server("udp"), server("tcp")},
		"mgmt_address": "127.0.0.1", "mgmt_port": s.port + 1,
		"flushInterval": s.flush.Milliseconds(),
		"backends":      []string{"./backends/graphite"},
		"graphiteHost":  "127.0.0.1", "graphitePort": s.carbon,
		"graphite": object{"legacyNamespace": false},
	})
	if err != nil {
		return nil, err
	}
	folder, err := filepath.Abs(etsyFolder)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(s.dir, "etsy.js")
	return []string{"node", filepath.Join(folder, "stats.js"), path}, os.WriteFile(path, config, 0o644)
}
