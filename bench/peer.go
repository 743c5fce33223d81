//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// peer is a program to measure.
type peer struct {
	name string
	// version returns the version, or the reason why the program cannot be measured.
	version func() (string, error)
	// command returns the command line of a daemon.
	command func(setup) ([]string, error)
	// counters are the published names of counters. It is nil for a peer that publishes nothing. For such a peer only
	// the kernel's drops show losses.
	counters *names
	// rates says that counters are published per second instead of per flush.
	rates bool
	// publishes says how the peer publishes: to carbon if empty, otherwise page (for Prometheus), otlp or nothing.
	publishes string
	// networks lists the networks to receive from. onlyDrain says that the peer takes part in drains
	// only.
	networks  string
	onlyDrain bool
	// only lists the workloads of a variant. The variant takes part in no other workload.
	only    string
	variant variant
}

// variant holds the differences between a peer and the daemon of which it is a variant.
type variant struct {
	network string                // replaces the network of the workload
	traffic func(traffic) traffic // changes the traffic of the workload
	signed  bool                  // datagrams are signed
	loose   bool                  // the daemon may run on all cores
	// partner is the command line of a second daemon, which runs on the sender's core. With measured set, the two
	// daemons change places: the partner runs on the daemon's core and is measured.
	partner  func(setup) []string
	measured bool
	late     time.Duration // how long after its flush an interval may be published
	watch    watch         // looks at the daemon during paced traffic
}

// takesPart reports whether a workload has a row for the peer.
func (p peer) takesPart(w workload) bool {
	switch {
	case p.only != "":
		return listed(p.only, w.name)
	case w.peers != "" && !listed(w.peers, p.name), p.onlyDrain && w.drain == 0:
		return false
	}
	return listed(p.networks, w.network)
}

func listed(list, word string) bool { return slices.Contains(strings.Split(list, ","), word) }

// adapt returns the workload with the peer's changes.
func (p peer) adapt(w workload) workload {
	if p.variant.network != "" {
		w.network = p.variant.network
	}
	if p.variant.traffic != nil {
		w.traffic = p.variant.traffic(w.traffic)
	}
	return w
}

// setup is the configuration of a daemon.
type setup struct {
	dir          string // its own directory for configuration files
	port, carbon int
	flush        time.Duration
	buffer       int      // bytes of receive buffer
	flags        []string // of this project's daemon
	mapping      bool     // the file of this setup maps the names
}

// The places of a setup. The ports after the first are the daemon's too: 10 after each is a monitor's.
func (s setup) page() string   { return strconv.Itoa(s.port + 1) }
func (s setup) otlp() string   { return strconv.Itoa(s.port + 2) }
func (s setup) link() string   { return strconv.Itoa(s.port + 4) }
func (s setup) socket() string { return filepath.Join(s.dir, "socket") }
func (s setup) keys() string   { return filepath.Join(s.dir, "keys") }
func (s setup) globs() string  { return filepath.Join(s.dir, "globs.yml") }
func (s setup) rules() string  { return filepath.Join(s.dir, "rules.yml") }
func (s setup) monitor() string {
	return "http://127.0.0.1:" + strconv.Itoa(s.port+10)
}

// nothing says that a daemon has no sink.
const nothing = "nothing"

// partnerPort is added to the ports of the first daemon to get the ports of the second.
const partnerPort = 3

// benchKey signs datagrams. It is no secret.
const benchKey = "every datagram of this benchmark"

// target returns the address at which the peer receives.
func (p peer) target(w workload, s setup) target {
	t := target{network: w.network, address: "127.0.0.1:" + strconv.Itoa(s.port), senders: w.senders}
	if w.network == "unixgram" {
		t.address = s.socket()
	}
	if p.variant.signed {
		t.key = []byte(benchKey)
	}
	return t
}

// peers lists the programs. statsd is the path of this project's daemon.
func peers(statsd string) []peer {
	return slices.Concat([]peer{
		{
			name: "floor", networks: "udp,tcp,none",
			version: func() (string, error) { return "Go, one read a datagram; counts newlines", nil },
			command: func(s setup) ([]string, error) { return floorCommand(s) },
		},
		{
			name: "floor-blocking", networks: "udp", onlyDrain: true,
			version: func() (string, error) { return "Go, blocking recvmmsg of 32; counts newlines", nil },
			command: func(s setup) ([]string, error) { return floorCommand(s, "-blocking") },
		},
		build("statsd", statsd),
	}, variants(statsd), others())
}

// build is this project's daemon, built at the given path.
func build(name, path string) peer {
	return peer{
		name: name, networks: "udp,tcp,none", counters: reference, rates: true,
		version: func() (string, error) { return output(path, "--version") },
		command: func(s setup) ([]string, error) { return toCarbon(path, s), nil },
	}
}

// reference describes the names under which this project's daemon publishes counters.
var reference = &names{"stats." + counterRoot + ".", ""}

// others are the daemons of other projects.
func others() []peer {
	return []peer{
		{
			name: "collectd", networks: "udp,none", counters: &names{"bench.statsd.count-" + counterRoot, ""},
			version: func() (string, error) {
				return output("dpkg-query", "-W", "-f", "Debian's ${Version}", "collectd-core")
			},
			command: collectdCommand,
		},
		{
			name: "etsy", networks: "udp,tcp,none", counters: &names{"stats.counters." + counterRoot + ".", ".count"},
			version: func() (string, error) {
				return output("node", "-p", "'npm '+require('./"+etsyFolder+"/package.json').version+', node '+process.version")
			},
			command: etsyCommand,
		},
		{
			name: "statsd_exporter", networks: "udp,tcp,none", counters: &names{counterRoot + "_", ""}, publishes: "page",
			version: func() (string, error) {
				return moduleVersion("statsd_exporter", "github.com/prometheus/statsd_exporter")
			},
			command: exporterCommand,
		},
		{
			name: "otelcol", networks: "udp,none", counters: &names{counterRoot + ".", ""}, publishes: "otlp",
			version: func() (string, error) {
				return moduleVersion("otelcol", "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/statsdreceiver")
			},
			command: otelcolCommand,
		},
	}
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
