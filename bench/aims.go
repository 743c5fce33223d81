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
	b.WriteString("## Aims\n\nRatios are of CPU time unless they say something else. `go run ./bench NAME` measures one of them.\n\n| question | where | aim |\n|---|---|---|\n")
	for _, a := range aims() {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", a.question, a.where, a.aim)
	}
	return b.String()
}

func aims() []aim {
	return []aim{
		{"receiving without a query, to receiving without probes", "looking: idle/bare", "1.01"},
		{"receiving while `top` looks; while `senders` looks", "looking: top/idle, senders/idle; watched: whole daemons", "1.05; 1.15"},
		{"1M samples a second with 8 streams and 32 connections", "watched: received", "as without"},
		{"receiving with `--forward`, to receiving without", "W1, W2, W3: statsd, forward, drained", "1.03"},
		{"an edge's flush, to the summary of one daemon", "edge: edge/summarize", "2"},
		{"an owner's decoding and merging of a row, to the summary of a name", "edge: owner/summarize", "1"},
		{"bytes of a forwarded name, to its line for Graphite", "edge: bytes/line", "0.6"},
		{"from the end of an interval until an owner has published it", "W11: published after", "0.1 of the interval (200 ms)"},
		{"replay of what an edge kept during an outage", "replay", "20 × real time"},
		{"a Prometheus page with 50 globs", "W10: statsd, page", "0.10 of statsd_exporter, 1.35 of statsd without a sink"},
		{"a page with 50 regular expressions, to 50 globs", "regexes", "1.05"},
		{"memory of a series; CPU of a page with gzip", "series: × statsd_exporter", "0.15; 0.10"},
		{"a million counters, scraped without a pause: the longest flush, to flushes without a scrape", "`SOAK=1m go test -v -run TestSoakScrapes ./sink/prometheus`", "1.2; a scrape takes 1 s"},
		{"a new mapping for a million names", "`SOAK=1m go test -v -run TestSoakMemory ./sink/prometheus`", "2 s, and no late flush"},
		{"50 rules at intake that match nothing", "names: rules=unmatched; W3: statsd, 50 rules", "1.02"},
		{"tags as part of the series, to lines without tags", "names: tags=graphite; W6", "3"},
		{"datagrams of 8 KiB over a unix socket, to UDP", "W12: statsd, unixgram", "1.2"},
		{"signed datagrams, to plain ones", "hmac: statsd, hmac", "1.15"},
	}
}
