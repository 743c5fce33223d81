//go:build linux

package main

import (
	"fmt"
	"strings"
	"time"
)

// workload is one kind of traffic and its measurements.
type workload struct {
	name    string
	title   string
	traffic traffic
	network string        // udp, tcp or, for an idle daemon, none
	rate    int           // metrics a second when paced
	length  time.Duration // of paced traffic
	flush   time.Duration // the flush interval
	drain   int           // metrics in the socket of a stopped daemon; 0: not measured
	findMax bool          // find the highest rate without loss
	rounds  int           // maximum number of rounds; 0: no maximum
}

var (
	onlyCounters = mix{counters: 100}
	allKinds     = mix{counters: 50, timers: 30, gauges: 15, sets: 5}
)

// packed is the payload of a datagram that fills an Ethernet frame.
const packed = 1432

func workloads() []workload {
	return []workload{
		{
			name: "W1", title: "counters, 1,000 names, one a datagram, 50k/s",
			traffic: traffic{mix: onlyCounters, names: 1000},
			network: "udp", rate: 50_000, length: 3 * time.Second, flush: 2 * time.Second, drain: 60_000,
		},
		{
			name: "W2", title: "counters, 1,000 names, packed to 1432 bytes, 200k/s",
			traffic: traffic{mix: onlyCounters, names: 1000, pack: packed},
			network: "udp", rate: 200_000, length: 3 * time.Second, flush: 2 * time.Second, drain: 500_000,
		},
		{
			name: "W3", title: "50/30/15/5 % counters, timers, gauges, sets, 10,000 names, packed, 200k/s, flush every 2 s",
			traffic: traffic{mix: allKinds, names: 10_000, pack: packed},
			network: "udp", rate: 200_000, length: 3 * time.Second, flush: 2 * time.Second, drain: 500_000, findMax: true,
		},
		{
			name: "W4", title: "as W3 with 1,000,000 names, 100k/s for 15 s, flush every 10 s",
			traffic: traffic{mix: allKinds, names: 1_000_000, pack: packed},
			network: "udp", rate: 100_000, length: 15 * time.Second, flush: 10 * time.Second, rounds: 1,
		},
		{
			name: "W5", title: "counters, 10,000 names, one TCP connection, writes of 1432 bytes, 200k/s",
			traffic: traffic{mix: onlyCounters, names: 10_000, pack: packed, stream: true},
			network: "tcp", rate: 200_000, length: 3 * time.Second, flush: 2 * time.Second, drain: 5_000_000,
		},
		{
			name: "idle", title: "no traffic for 10 s", network: "none",
			length: 10 * time.Second, flush: 2 * time.Second, rounds: 1,
		},
	}
}

// chooseWorkloads returns the workloads in a list of names. An empty list means all.
func chooseWorkloads(list string) ([]workload, error) {
	return choose(list, workloads(), func(w workload) string { return w.name })
}

// choose returns the items named in a comma-separated list, in the order of items.
func choose[T any](list string, items []T, name func(T) string) ([]T, error) {
	if list == "" {
		return items, nil
	}
	wanted := map[string]bool{}
	for word := range strings.SplitSeq(list, ",") {
		wanted[strings.TrimSpace(word)] = true
	}
	var chosen []T
	var known []string
	for _, item := range items {
		known = append(known, name(item))
		if wanted[name(item)] {
			chosen = append(chosen, item)
			delete(wanted, name(item))
		}
	}
	for word := range wanted {
		return nil, fmt.Errorf("%q is not one of %s", word, strings.Join(known, ", "))
	}
	return chosen, nil
}
