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

// peer is a program that can be measured.
type peer struct {
	name string
	// version returns the version of the program. It returns an error if the program cannot be
	// measured.
	version func() (string, error)
	// command returns the command line of the daemon.
	command func(setup) ([]string, error)
	// counters describes the names under which the peer publishes counters. It is nil if the peer
	// publishes nothing. In this case losses are seen only in the kernel's count of dropped datagrams.
	counters *names
	// rates says that counters are published as a rate per second, and not as a sum per flush.
	rates bool
	// publishes says how the peer publishes points: "" means to carbon, "page" means as a Prometheus page, and "otlp"
	// means over OTLP. If it is "nothing", the peer publishes no points.
	publishes string
	// networks lists the networks on which the peer can receive. onlyDrain says that only the method bench.drained
	// measures the peer.
	networks  string
	onlyDrain bool
	// only lists the workloads in which a variant takes part. If the list is empty, the peer is not a variant, and takes
	// part in all workloads.
	only    string
	variant variant
}

// variant says how a variant differs from the daemon on which it is based.
type variant struct {
	network string                // network that replaces the network of the workload
	traffic func(traffic) traffic // function that changes the traffic of the workload
	signed  bool                  // whether datagrams are signed
	loose   bool                  // whether the daemon may run on all CPU cores
	buffer  int                   // size of the receive buffer in bytes; 0 for the size that all daemons have
	// partner returns the command line of a second daemon, which runs on the sender's core. If the
	// field measured is true, the partner runs on the daemon's core and is measured, and the first
	// daemon runs on the sender's core.
	partner  func(setup) []string
	measured bool
	late     time.Duration // maximum time from a flush until its points are published
	watch    watch         // function that queries the daemon while traffic is sent
}

// takesPart reports whether the peer is measured in a workload.
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

// adapt returns a copy of the workload with the changes of the peer's variant.
func (p peer) adapt(w workload) workload {
	if p.variant.network != "" {
		w.network = p.variant.network
	}
	if p.variant.traffic != nil {
		w.traffic = p.variant.traffic(w.traffic)
	}
	return w
}

// setup is the configuration for one run of a daemon.
type setup struct {
	dir          string // directory for the configuration files of this run
	port, carbon int
	flush        time.Duration
	buffer       int      // size of the receive buffer in bytes
	flags        []string // additional flags for this project's daemon
	mapping      bool     // whether the daemon maps names with the mapping file of this setup
}

// These methods return the addresses and files of a setup. The daemon uses several ports: the field port and higher
// ports. The port of its monitor is 10 higher than the field port.
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

// nothing is the value of peer.publishes for a daemon without a sink.
const nothing = "nothing"

// partnerPort is added to a port of the first daemon to get the port of the second daemon for the same purpose.
const partnerPort = 3

// benchKey is the key for signed datagrams. It need not be secret.
const benchKey = "every datagram of this benchmark"

// target returns the address to which traffic for the peer is sent.
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

// peers returns all programs. statsd is the path of this project's daemon.
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

// build returns a peer for a build of this project's daemon. path is the path of its executable file.
func build(name, path string) peer {
	return peer{
		name: name, networks: "udp,tcp,none", counters: reference, rates: true,
		version: func() (string, error) { return output(path, "--version") },
		command: func(s setup) ([]string, error) { return toCarbon(path, s), nil },
	}
}

// reference describes the names under which this project's daemon publishes counters.
var reference = &names{"stats." + counterRoot + ".", ""}

// others returns the daemons of other projects.
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
			name: "brubeck", networks: "udp,none", counters: &names{counterRoot + ".", ""},
			version: func() (string, error) {
				version, err := output(brubeck, "--version")
				return version + ", built by bench/peers/brubeck; it knows no sets", err
			},
			command: brubeckCommand,
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
