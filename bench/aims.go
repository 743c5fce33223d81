//go:build linux

package main

import (
	"fmt"
	"strings"
)

// aim is the expected result of one measurement.
type aim struct{ question, where, aim string }

// aimsText returns a table that says where each result can be found, and what the result should be.
func aimsText() string {
	var b strings.Builder
	b.WriteString("## Aims\n\nAn aim without a unit is a ratio of CPU times, unless the question says otherwise.\n`go run ./bench NAME` measures one workload.\n\n| question | where | aim |\n|---|---|---|\n")
	for _, a := range aims() {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", a.question, a.where, a.aim)
	}
	return b.String()
}

func aims() []aim {
	return []aim{
		{"receiving while no query runs, compared with receiving without probes", "looking: idle/bare", "1.01"},
		{"receiving while a `top` query runs; while a `senders` query runs; both compared with no query", "looking: top/idle, senders/idle; watched: the same with whole daemons", "1.05; 1.15"},
		{"samples received of 1M a second, with 8 streams and 32 connections to the monitor", "watched: received", "the same as without them"},
		{"receiving with `--forward`, compared with receiving without it", "W1, W2, W3: statsd, forward, drained", "1.03"},
		{"an edge's flush, compared with the flush of a single daemon", "edge: edge/summarize", "2"},
		{"an owner's decoding and merging, compared with the flush of a single daemon", "edge: owner/summarize", "1"},
		{"bytes of a forwarded name, compared with the bytes of a line for Graphite", "edge: bytes/line", "0.6"},
		{"time from the end of an interval until an owner has published the interval", "W11: published after", "0.1 of the interval (200 ms)"},
		{"replay of the intervals that an edge kept during an outage", "replay", "20 × real time"},
		{"a sample of a random known counter, ten million names compared with 1,000", "W8: CPU when drained", "2.2"},
		{"a Prometheus page with 50 globs", "W10: statsd, page", "0.10 of statsd_exporter, 1.35 of statsd without a sink"},
		{"a Prometheus page with 50 regular expressions, compared with a page with 50 globs", "regexes", "1.05"},
		{"memory of a series; CPU of a page with gzip", "series: × statsd_exporter", "0.15; 0.10"},
		{"a million counters, scraped three times in each interval: the longest flush, compared with flushes without a scrape", "`SOAK=1m go test -v -run TestSoakScrapes ./sink/prometheus`", "1.2; a scrape takes 1 s"},
		{"a new mapping for a million names", "`SOAK=1m go test -v -run TestSoakMemory ./sink/prometheus`", "2 s, and no late flush"},
		{"50 rules at intake that match nothing, compared with no rules", "names: rules=unmatched; W3: statsd, 50 rules", "1.02"},
		{"tags as part of the series, compared with lines without tags", "names: tags=graphite; W6", "3"},
		{"datagrams of 8 KiB over a unix socket, compared with UDP", "W12: statsd, unixgram", "1.2"},
		{"signed datagrams, compared with datagrams without a signature", "hmac: statsd, hmac", "1.15"},
	}
}
