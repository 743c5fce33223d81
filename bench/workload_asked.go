//go:build linux

package main

import "time"

// askedWorkloads returns workloads that each answer a single question about performance.
func askedWorkloads() []workload {
	counters := traffic{mix: onlyCounters, names: 1000, pack: packed}
	all := []workload{
		{
			name: "watched", title: "counters, 1,000 names, packed, 1M/s, while people use the monitor",
			traffic: counters, steady: true, network: "udp", rate: 1_000_000, length: 3 * time.Second, flush: 2 * time.Second,
			peers: "floor,statsd", absent: "the others have no such monitor",
		},
		{
			name: "series", title: "counters, a Prometheus page with 50 globs and 200,000 series: each series is sent once at 10k/s, then the page is scraped every 2 s",
			traffic: traffic{mix: onlyCounters, names: 200_000, pack: packed, once: true}, measure: series,
			network: "udp", rate: 10_000, flush: 2 * time.Second, rounds: 1, mapping: true,
			peers: "statsd_exporter", absent: "the others have no such page",
		},
		{
			name: "replay", title: "as W3 for 20 s while the owner of a cluster is down: how fast the edge sends the kept rows when the owner is up again",
			traffic: traffic{mix: allKinds, names: 10_000, pack: packed}, measure: replay,
			network: "udp", rate: 200_000, length: 20 * time.Second, flush: time.Second,
			peers: "none", absent: "the others do not keep intervals",
		},
	}
	for _, g := range []struct{ name, title, pattern, packages string }{
		{"looking", "CPU time of a receiver without a query, during a top query, and during a senders query: ratios", "Looking", "./intake"},
		{"names", "CPU time of lines with tags, of rules that match nothing and of names to clean, as ratios to lines with plain names", "NameRatios", "./intake"},
		{"edge", "CPU time of a flush in an edge and in an owner, as ratios to a single daemon; bytes of a forwarded name, as a ratio to its lines for Graphite", "Interval", "./partial"},
		{"regexes", "time of a Prometheus page with 50 regular expressions, as a ratio to a page with 50 globs", "Regexes", "./sink/prometheus"},
	} {
		all = append(all, workload{
			name: g.name, title: g.title, network: "benchmark", peers: "none",
			goBench: []string{"-bench", "^Benchmark" + g.pattern + "$", g.packages},
		})
	}
	return all
}
