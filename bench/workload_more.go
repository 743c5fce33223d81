//go:build linux

package main

import "time"

// namesWorkloads returns workloads with many or long names.
func namesWorkloads() []workload {
	return []workload{
		{
			name: "W6", title: "counters, 10,000 series of 8 DogStatsD tags, packed, 200k/s, --tags=graphite",
			traffic: traffic{mix: onlyCounters, names: 10_000, pack: packed, tags: 8}, steady: true,
			network: "udp", rate: 200_000, length: 3 * time.Second, flush: 2 * time.Second, drain: 200_000,
			flags: []string{"--tags=graphite"},
			peers: "floor,floor-blocking,statsd,statsd_exporter,otelcol", absent: "collectd and etsy know no tags",
		},
		{
			name: "W7", title: "counters, 1,000,000 names by Zipf's law, 64 senders, packed, 200k/s",
			traffic: traffic{mix: onlyCounters, names: 1_000_000, pack: packed, zipf: true}, steady: true,
			network: "udp", senders: 64, rate: 200_000, length: 3 * time.Second, flush: 2 * time.Second, drain: 500_000,
		},
		{
			name: "W8", title: "counters, 10,000,000 names, packed, 500k/s for 20 s, flush every 30 s",
			traffic: traffic{mix: onlyCounters, names: 10_000_000, pack: packed}, steady: true,
			network: "udp", rate: 500_000, length: 20 * time.Second, flush: 30 * time.Second, rounds: 1,
			drain: 500_000, drawn: true,
			flags: []string{"--max-names=12000000", "--queue-max-bytes=4GiB"},
			peers: "floor,statsd", absent: "the others need more memory than this machine has",
		},
		{
			name: "W9", title: "counters, 2,000,000 names, each for the first time, packed, 2M/s for 1 s",
			traffic: traffic{mix: onlyCounters, names: 2_000_000, pack: packed, once: true},
			network: "udp", rate: 2_000_000, length: time.Second, flush: 2 * time.Second,
			flags: []string{"--max-names=3000000", "--queue-max-bytes=1GiB"},
			peers: "floor,statsd,brubeck,otelcol,statsd_exporter", absent: "collectd and etsy lose most of 100k/s with a million names: see W4",
		},
	}
}

// wayWorkloads returns workloads for inputs and outputs that not all daemons have.
func wayWorkloads() []workload {
	const length = 3 * time.Second
	counters := traffic{mix: onlyCounters, names: 1000, pack: packed}
	mixed := traffic{mix: allKinds, names: 10_000, pack: packed}
	return []workload{
		{
			name: "W10", title: "60/25/15 % counters, timers, gauges, 10,000 names, packed, 200k/s, a Prometheus page with 50 globs, scraped every 2 s",
			traffic: traffic{mix: mix{counters: 60, timers: 25, gauges: 15}, names: 10_000, pack: packed}, steady: true,
			network: "udp", rate: 200_000, length: length, flush: 2 * time.Second, drain: 500_000, mapping: true,
			peers: "floor,floor-blocking,statsd_exporter", absent: "the others have no such page",
		},
		{
			name: "W11", title: "as W3, through an edge and an owner (statsd://) that run on different cores", traffic: mixed, steady: true,
			network: "udp", rate: 200_000, length: length, flush: 2 * time.Second,
			peers: "floor,statsd", absent: "the others do not merge what several daemons received",
		},
		{
			name: "W12", title: "counters, 1,000 names, datagrams of 8 KiB, UDP and unix sockets, 200k/s",
			traffic: traffic{mix: onlyCounters, names: 1000, pack: 8 << 10}, steady: true,
			network: "udp", rate: 200_000, length: length, flush: 2 * time.Second, drain: 500_000,
			peers: "floor,floor-blocking,statsd,statsd_exporter", absent: "a comparison of two inputs",
		},
		{
			name: "hmac", title: "as W2, signed (udp+hmac) and plain", traffic: counters, steady: true,
			network: "udp", rate: 200_000, length: length, flush: 2 * time.Second, drain: 500_000,
			peers: "floor,floor-blocking,statsd", absent: "a comparison of two inputs",
		},
		{
			name: "otlp", title: "as W3, published over OTLP and HTTP, with gzip", traffic: mixed, steady: true,
			network: "udp", rate: 200_000, length: length, flush: 2 * time.Second,
			peers: "floor,statsd,otelcol", absent: "the others have no OTLP",
		},
	}
}
