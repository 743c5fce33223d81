//go:build linux

package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"
)

// cost is one measurement of the daemon. It gives one or more rows of the table.
type cost struct {
	title string
	run   func(*bench, peer) (measured, error)
	rows  []costRow
}

// costRow is a row of the table in docs/cost.md.
type costRow struct {
	what, unit string
	of         func(measured) float64
	values     []float64
}

// costFlush is the flush interval of the daemon while costs are measured.
const costFlush = 2 * time.Second

// runCost measures what one sample, one name and one member cost in this project's daemon. A shared
// machine is slow at times, so runCost measures everything in several rounds.
func runCost(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench cost", flag.ExitOnError)
	statsd := flags.String("statsd", "bin/statsd", "path of this project's daemon, which make build creates")
	repeats := flags.Int("repeats", 3, "rounds")
	_ = flags.Parse(args) // ignore the error, because Parse exits on errors
	b := &bench{restore: func() {}}
	if err := b.pinDaemons(newReport(nil)); err != nil {
		return err
	}
	daemon, all := self(*statsd), costs()
	for round := range *repeats {
		for _, c := range all {
			fmt.Fprintf(stderr, "bench: round %d of %d: %s\n", round+1, *repeats, c.title)
			m, err := c.run(b, daemon)
			if err != nil {
				return fmt.Errorf("%s: %w", c.title, err)
			}
			for i := range c.rows {
				c.rows[i].values = append(c.rows[i].values, c.rows[i].of(m))
			}
		}
	}
	fmt.Fprint(stdout, "| cost of | median | least to most | |\n|---|---:|---:|---|\n")
	for _, c := range all {
		for _, r := range c.rows {
			slices.Sort(r.values)
			fmt.Fprintf(stdout, "| %s | %s | %s to %s | %s |\n", c.title+r.what,
				brief(r.values[len(r.values)/2]), brief(r.values[0]), brief(r.values[len(r.values)-1]), r.unit)
		}
	}
	return nil
}

// self returns this project's daemon as a peer.
func self(statsd string) peer {
	all := peers(statsd)
	return all[slices.IndexFunc(all, func(p peer) bool { return p.name == "statsd" })]
}

// brief formats a value with two significant digits. A value of at least 100 is formatted as an
// integer.
func brief(v float64) string {
	if v >= 100 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 2, 64)
}

func costs() []cost {
	kinds := []struct {
		name   string
		mix    mix
		points int
	}{
		{"counter", onlyCounters, 1}, {"gauge", mix{gauges: 100}, 1},
		{"timer", mix{timers: 100}, 5}, {"set", mix{sets: 100}, 1},
	}
	cpu := func(m measured) float64 { return m.cpu }
	perSample := []costRow{{"", "µs of CPU", cpu, nil}}
	all := []cost{
		{"a counter's sample, UDP, one a datagram, 50,000/s", sampleCost("udp", traffic{mix: onlyCounters, names: 1000}, 50_000), slices.Clone(perSample)},
		{"a counter's sample, UDP, packed, 200,000/s", sampleCost("udp", traffic{mix: onlyCounters, names: 1000, pack: packed}, 200_000), slices.Clone(perSample)},
	}
	for _, k := range kinds {
		t := traffic{mix: k.mix, names: 1000, pack: packed, stream: true}
		all = append(all, cost{"a " + k.name + "'s sample, TCP, packed, 200,000/s", sampleCost("tcp", t, 200_000), slices.Clone(perSample)})
	}
	for _, k := range kinds {
		all = append(all, cost{"a " + k.name + " in a flush, with one sample", nameCost(k.mix, k.points), []costRow{
			{"", "µs of CPU", cpu, nil},
			{": memory", "bytes", func(m measured) float64 { return float64(m.rss-m.idleRSS) / (manyNames - fewNames) }, nil},
		}})
	}
	kept := func(m measured) float64 { return float64(m.rss-m.idleRSS) / keptSamples }
	samples := traffic{mix: mix{timers: 100}, names: 100, pack: packed, stream: true}
	return append(all,
		cost{"a sample of a timer, until the flush", keptCost(samples.packets), []costRow{{": memory", "bytes", kept, nil}}},
		cost{"a member of a set, until the flush", keptCost(func() []packet { return memberPackets(keptSamples) }), []costRow{{": memory", "bytes", kept, nil}}})
}

// sampleCost returns a measurement that sends samples with few different names at a rate.
func sampleCost(network string, t traffic, rate int) func(*bench, peer) (measured, error) {
	return func(b *bench, p peer) (measured, error) {
		w := workload{name: fmt.Sprint(network, t), network: network, traffic: t, rate: rate, length: 3 * time.Second, flush: costFlush}
		packets := b.traffic(w)
		return b.with(p, w, pacedBuffer, func(d *daemon, c *carbon) (measured, error) {
			return costOf(d, func() (float64, error) {
				s, err := d.send(packets, int(float64(rate)*w.length.Seconds()), rate)
				await(p, w, c, s)
				if s.count == 0 { // the traffic has no counters, so the number of lost samples is unknown
					return float64(s.metrics), err
				}
				return float64(s.metrics) * p.part(c.snapshot(), w, s), err
			})
		})
	}
}

// fewNames and manyNames are the numbers of names that nameCost sends. The memory of a name is computed from the
// difference between the two measurements. Even if the names are timers, which have five points each, the points of
// manyNames names fit into the daemon's queue.
const (
	fewNames  = 50_000
	manyNames = 150_000
)

// costRounds is how often each name is sent.
const costRounds = 4

// nameCost measures the memory with fewNames and with manyNames. It stores the memory with fewNames in the field
// idleRSS of the result. So the difference between rss and idleRSS is the memory of the additional names.
func nameCost(mix mix, points int) func(*bench, peer) (measured, error) {
	return func(b *bench, p peer) (measured, error) {
		few, err := nameRounds(b, p, mix, points, fewNames)
		if err != nil {
			return few, err
		}
		many, err := nameRounds(b, p, mix, points, manyNames)
		many.idleRSS = few.rss
		return many, err
	}
}

// nameRounds sends each name costRounds times. Before each repetition it waits until the points of
// all names are published.
func nameRounds(b *bench, p peer, mix mix, points, names int) (measured, error) {
	t := traffic{mix: mix, names: names, pack: packed, stream: true}
	w := workload{name: fmt.Sprint("names", t), network: "tcp", traffic: t, flush: costFlush}
	packets := b.traffic(w)
	return b.with(p, w, pacedBuffer, func(d *daemon, c *carbon) (measured, error) {
		return costOf(d, func() (float64, error) {
			for round := range costRounds {
				if _, err := d.send(packets, names, 0); err != nil {
					return 0, err
				}
				if err := awaitLines(c, (round+1)*names*points); err != nil {
					return 0, err
				}
			}
			return float64(names * costRounds), nil
		})
	})
}

// keptSamples is the number of samples or members that keptCost sends in one flush interval.
const keptSamples = 1_000_000

// keptCost measures the memory of the samples of timers, or of the members of sets, that the daemon
// stores until the flush.
func keptCost(packets func() []packet) func(*bench, peer) (measured, error) {
	return func(b *bench, p peer) (measured, error) {
		w := workload{network: "tcp", flush: 10 * time.Second}
		return b.with(p, w, pacedBuffer, func(d *daemon, c *carbon) (measured, error) {
			return costOf(d, func() (float64, error) {
				if err := awaitLines(c, 1); err != nil { // wait for a flush, so that a complete interval follows
					return 0, err
				}
				if _, err := d.send(packets(), keptSamples, 0); err != nil {
					return 0, err
				}
				return keptSamples, awaitLines(c, c.snapshot().lines+1)
			})
		})
	}
}

// memberPackets returns n lines for 100 sets. Each line contains a new member of 16 bytes.
func memberPackets(n int) []packet {
	var all []packet
	var p packet
	for i := range n {
		line := fmt.Sprintf("uid%s:%016x|s\n", name(i%100), i)
		if len(p.data)+len(line) > packed {
			all, p = append(all, p), packet{}
		}
		p.data = append(p.data, line...)
		p.metrics++
	}
	return append(all, p)
}

// costOf measures the daemon while the function do runs. The result of do is the number of units of
// work that the daemon has done.
func costOf(d *daemon, do func() (float64, error)) (m measured, err error) {
	m.idleRSS = memory(d.pid, "VmRSS")
	before, err := cpuTime(d.pid)
	if err != nil {
		return m, err
	}
	n, err := do()
	if err != nil {
		return m, err
	}
	after, err := cpuTime(d.pid)
	m.cpu, m.rss = micros(after-before)/n, memory(d.pid, "VmHWM")
	return m, err
}

// awaitLines waits until the daemon has published n lines.
func awaitLines(c *carbon, n int) error {
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if c.snapshot().lines >= n {
			return nil
		}
	}
	return fmt.Errorf("%d of %d lines were published within 2 minutes", c.snapshot().lines, n)
}
