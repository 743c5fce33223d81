//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// workload is a type of traffic, and what is measured with it.
type workload struct {
	name    string
	title   string
	traffic traffic
	network string        // udp, unixgram, tcp, or none for a daemon without traffic
	senders int           // number of sockets to send from; 0 means one
	rate    int           // metrics per second for traffic at a fixed rate
	length  time.Duration // duration of the traffic at a fixed rate
	steady  bool          // whether to send the traffic a second time, when the daemon knows all names
	flush   time.Duration // flush interval
	drain   int           // number of metrics to send to the socket of a suspended daemon; 0 means no drain
	drawn   bool          // whether the metrics of the drain have random names, after the daemon has received all names
	findMax bool          // whether to find the highest rate without loss
	rounds  int           // maximum number of rounds; 0 means no maximum
	peers   string        // names of the other daemons that are measured; empty means all
	absent  string        // why the remaining daemons are not measured
	flags   []string      // additional flags for this project's daemon
	goBench []string      // arguments of go test, if the workload runs Go benchmarks
	// If measure is not nil, it is called, and no traffic is sent at a fixed rate.
	measure func(*bench, peer, workload) (measured, error)
	mapping bool // whether the daemons that serve a Prometheus page use a mapping file of 50 globs
}

// scaled returns the workload with less traffic.
func (w workload) scaled(scale float64) workload {
	if w.traffic.names >= 1_000_000 {
		w.traffic.names = int(float64(w.traffic.names) * scale)
		if scale != 1 {
			w.title += fmt.Sprintf("; here %d names", w.traffic.names)
		}
	}
	if w.network != "none" {
		w.length = max(time.Second/2, time.Duration(float64(w.length)*scale))
		w.flush = max(min(w.flush, 2*time.Second), time.Duration(float64(w.flush)*scale))
	}
	w.drain = int(float64(w.drain) * scale)
	w.findMax = w.findMax && scale == 1 // the search for the highest rate takes too long for a scaled workload
	return w
}

var (
	onlyCounters = mix{counters: 100}
	allKinds     = mix{counters: 50, timers: 30, gauges: 15, sets: 5}
)

// packed is a packet size in bytes: a UDP payload of this size fits into one Ethernet frame.
const packed = 1432

func workloads() []workload {
	return slices.Concat(basicWorkloads(), namesWorkloads(), wayWorkloads(), askedWorkloads())
}

// basicWorkloads returns the workloads that all daemons support.
func basicWorkloads() []workload {
	return []workload{
		{
			name: "W1", title: "counters, 1,000 names, one a datagram, 50k/s",
			traffic: traffic{mix: onlyCounters, names: 1000}, steady: true,
			network: "udp", rate: 50_000, length: 3 * time.Second, flush: 2 * time.Second, drain: 60_000,
		},
		{
			name: "W2", title: "counters, 1,000 names, packed to 1432 bytes, 200k/s",
			traffic: traffic{mix: onlyCounters, names: 1000, pack: packed}, steady: true,
			network: "udp", rate: 200_000, length: 3 * time.Second, flush: 2 * time.Second, drain: 500_000,
		},
		{
			name: "W3", title: "50/30/15/5 % counters, timers, gauges, sets, 10,000 names, packed, 200k/s, flush every 2 s",
			traffic: traffic{mix: allKinds, names: 10_000, pack: packed}, steady: true,
			network: "udp", rate: 200_000, length: 3 * time.Second, flush: 2 * time.Second, drain: 500_000, findMax: true,
		},
		{
			name: "W4", title: "as W3 with 1,000,000 names, 100k/s for 15 s, flush every 10 s",
			traffic: traffic{mix: allKinds, names: 1_000_000, pack: packed},
			network: "udp", rate: 100_000, length: 15 * time.Second, flush: 10 * time.Second, rounds: 1,
		},
		{
			name: "W5", title: "counters, 10,000 names, one TCP connection, writes of 1432 bytes, 200k/s",
			traffic: traffic{mix: onlyCounters, names: 10_000, pack: packed, stream: true}, steady: true,
			network: "tcp", rate: 200_000, length: 3 * time.Second, flush: 2 * time.Second, drain: 5_000_000,
		},
		{
			name: "idle", title: "no traffic for a minute, a flush every 10 s", network: "none",
			length: time.Minute, flush: 10 * time.Second, rounds: 1,
		},
	}
}

func workloadName(w workload) string { return w.name }
func peerName(p peer) string         { return p.name }

// known returns the names of all items, separated by commas.
func known[T any](items []T, name func(T) string) string {
	var all []string
	for _, item := range items {
		all = append(all, name(item))
	}
	return strings.Join(all, ", ")
}

// choose returns the items whose names are in a comma-separated list, in the order of items. An
// empty list selects all items. A listed name also selects the variants of the item: their names
// begin with the listed name and a comma.
func choose[T any](list string, items []T, name func(T) string) ([]T, error) {
	if list == "" {
		return items, nil
	}
	wanted := map[string]bool{}
	for word := range strings.SplitSeq(list, ",") {
		wanted[strings.TrimSpace(word)] = true
	}
	found := map[string]bool{}
	var chosen []T
	for _, item := range items {
		first, _, _ := strings.Cut(name(item), ",")
		if wanted[first] {
			chosen = append(chosen, item)
			found[first] = true
		}
	}
	for word := range wanted {
		if !found[word] {
			return nil, fmt.Errorf("%q is not one of %s", word, known(items, name))
		}
	}
	return chosen, nil
}
