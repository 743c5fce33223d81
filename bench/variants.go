//go:build linux

package main

import (
	"strconv"
	"time"
)

// variants returns variants of this project's daemon, with other flags or other traffic. Each
// variant belongs to one workload.
func variants(statsd string) []peer {
	version := func() (string, error) { return output(statsd, "--version") }
	carbon := func(name, workloads string, v variant, flags ...string) peer {
		return peer{
			name: name, only: workloads, version: version, counters: reference, rates: true, variant: v,
			command: func(s setup) ([]string, error) { return append(toCarbon(statsd, s), flags...), nil },
		}
	}
	named := func(n int) variant {
		return variant{traffic: func(t traffic) traffic { return traffic{mix: t.mix, names: n, pack: t.pack} }}
	}
	changed := func(p peer, change func(*setup)) peer {
		p.command = func(s setup) ([]string, error) {
			change(&s)
			return toCarbon(statsd, s), nil
		}
		return p
	}
	return append(clusterVariants(statsd), []peer{
		changed(carbon("statsd, 50 rules", "W3", variant{}), func(s *setup) { s.flags = []string{"--rules", s.rules()} }),
		carbon("statsd, 8 streams, 32 connections", "watched", variant{watch: crowd}),
		carbon("statsd, top", "watched", variant{watch: looks("top")}),
		carbon("statsd, senders", "watched", variant{watch: looks("senders")}),
		{
			name: "statsd, no sink", only: "W10", version: version, publishes: nothing,
			command: func(s setup) ([]string, error) { return statsdCommand(statsd, s), nil },
		},
		changed(carbon("statsd, tags dropped", "W6", variant{}), func(s *setup) { s.flags = nil }),
		carbon("statsd, lines without tags", "W6", named(10_000)),
		carbon("statsd, 10,000 names", "W7", named(10_000)),
		carbon("statsd, all cores, 1 receiver", "W7", variant{loose: true}, "--receivers=1"),
		carbon("statsd, all cores, 2 receivers", "W7", variant{loose: true}, "--receivers=2"),
		carbon("statsd, 1,000 names", "W8", named(1000)),
		carbon("statsd, buffer of 256 MiB", "W9", variant{buffer: 256 << 20}),
		{
			name: "statsd, page", only: "W10,series", version: version, counters: &names{counterRoot + "_", ""}, publishes: "page",
			command: func(s setup) ([]string, error) {
				return append(statsdCommand(statsd, s), "--names=as-sent", "--tags=labels", "--sink", "prometheus://127.0.0.1:"+s.page()+"?mapping="+s.globs()), nil
			},
		},
		changed(carbon("statsd, unixgram", "W12", variant{network: "unixgram"}), func(s *setup) {
			s.flags = []string{"--listen", "unixgram://" + s.socket()}
		}),
		changed(carbon("statsd, hmac", "hmac", variant{signed: true}), func(s *setup) {
			s.flags = []string{"--listen", "udp+hmac://127.0.0.1:" + strconv.Itoa(s.port) + "?keys=" + s.keys() + "&buffer=" + strconv.Itoa(s.buffer/2)}
			s.port += partnerPort
		}),
		{
			name: "statsd, otlp", only: "otlp", version: version, counters: &names{counterRoot + ".", ""}, publishes: "otlp",
			command: func(s setup) ([]string, error) {
				return append(statsdCommand(statsd, s), "--sink", "otlp://127.0.0.1:"+s.otlp()), nil
			},
		},
	}...)
}

// lateness is the maximum time from a flush until a cluster has published its points. It is longer than the default of
// --lateness: an owner that does not know its edges yet waits for the time --lateness.
const lateness = 6 * time.Second

// clusterVariants returns two variants of a cluster of an edge and an owner. In the first variant
// the edge is measured, in the second variant the owner.
func clusterVariants(statsd string) []peer {
	version := func() (string, error) { return output(statsd, "--version") }
	return []peer{
		{
			name: "statsd, forward", only: "W1,W2,W3,replay", version: version, counters: reference, rates: true,
			command: edgeCommand(statsd), variant: variant{partner: ownerCommand(statsd), late: lateness},
		},
		{
			name: "statsd, edge", only: "W11", version: version, counters: reference, rates: true,
			command: edgeCommand(statsd), variant: variant{partner: ownerCommand(statsd), late: lateness},
		},
		{
			name: "statsd, owner", only: "W11", version: version, counters: reference, rates: true,
			command: edgeCommand(statsd), variant: variant{partner: ownerCommand(statsd), measured: true, late: lateness},
		},
	}
}

func statsdCommand(statsd string, s setup) []string {
	return append([]string{statsd, "--port", strconv.Itoa(s.port), "--quiet", "--flush-interval", s.flush.String(),
		"--udp-buffer", strconv.Itoa(s.buffer / 2)}, s.flags...) // the kernel doubles the size that the daemon requests
}

func toCarbon(statsd string, s setup) []string {
	return append(statsdCommand(statsd, s), "--graphite-host", "127.0.0.1", "--graphite-port", strconv.Itoa(s.carbon))
}

// edgeCommand returns the command line of an edge, which forwards everything to the owner.
func edgeCommand(statsd string) func(setup) ([]string, error) {
	return func(s setup) ([]string, error) {
		return append(statsdCommand(statsd, s), "--forward", "statsd://127.0.0.1:"+s.link(), "--forward-id", "edge",
			"--spool-dir", s.dir+"/edge"), nil
	}
}

// ownerCommand returns the command line of an owner, which merges and publishes the rows that the
// edge forwards.
func ownerCommand(statsd string) func(setup) []string {
	return func(s setup) []string {
		link := s.link()
		s.port += partnerPort
		return append(toCarbon(statsd, s), "--collect", "statsd://127.0.0.1:"+link, "--collect-id", "owner", "--spool-dir", s.dir+"/owner")
	}
}
