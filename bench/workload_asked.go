//go:build linux

package main

import "time"

// askedWorkloads returns workloads that each answer a single question about performance.
func askedWorkloads() []workload {
	counters := traffic{mix: onlyCounters, names: 1000, pack: packed}
	all := []workload{
		{
			name: "watched", title: "counters, 1,000 names, packed, 1M/s, while people look",
			traffic: counters, steady: true, network: "udp", rate: 1_000_000, length: 3 * time.Second, flush: 2 * time.Second,
			peers: "floor,statsd", absent: "the others cannot be asked",
		},
		{
			name: "series", title: "counters, 200,000 series on a Prometheus page with 50 globs, each sent once at 10k/s, then the page every 2 s",
			traffic: traffic{mix: onlyCounters, names: 200_000, pack: packed, once: true}, measure: series,
			network: "udp", rate: 10_000, flush: 2 * time.Second, rounds: 1, mapping: true,
			peers: "statsd_exporter", absent: "the others have no such page",
		},
		{
			name: "replay", title: "as W3 for 20 s while the owner of a cluster is down: how fast its edge sends this afterwards",
			traffic: traffic{mix: allKinds, names: 10_000, pack: packed}, measure: replay,
			network: "udp", rate: 200_000, length: 20 * time.Second, flush: time.Second,
			peers: "none", absent: "the others do not keep intervals",
		},
	}
	for _, g := range []struct{ name, title, pattern, packages string }{
		{"looking", "a receiver without a query, while top looks, and while senders looks: ratios of CPU", "Looking", "./intake"},
		{"names", "tags, rules that match nothing and names to clean, to plain names: ratios of CPU", "NameRatios", "./intake"},
		{"edge", "an edge and an owner, to the summary of one daemon: ratios of CPU, and of bytes to the bytes for Graphite", "Interval", "./partial"},
		{"regexes", "a Prometheus page with 50 regular expressions, to one with 50 globs: ratio of time", "Regexes", "./sink/prometheus"},
	} {
		all = append(all, workload{
			name: g.name, title: g.title, network: "benchmark", peers: "none",
			goBench: []string{"-bench", "^Benchmark" + g.pattern + "$", g.packages},
		})
	}
	return all
}
