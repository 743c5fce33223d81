//go:build linux

// Command bench compares this project's daemon with others: CPU time per metric, highest rate, memory,
// and losses. It starts each daemon, sends it the same traffic, receives its published points, and
// compares them with the traffic.
//
//	go run ./bench                                    # everything; 15 minutes
//	go run ./bench -workloads W1,W3 -peers floor,statsd
//	go run ./bench cost                               # one sample, one name: docs/cost.md; 4 minutes
//
// The speed of machines drifts. So daemons are compared with a floor measured in the same minutes: a
// receiver that only counts newlines.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
)

func main() {
	command := func() error { return run(os.Args[1:], os.Stdout, os.Stderr) }
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "floor":
			command = func() error { return runFloor(os.Args[2:]) }
		case "cost":
			command = func() error { return runCost(os.Args[2:], os.Stdout, os.Stderr) }
		}
	}
	if err := command(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	statsd := flags.String("statsd", "bin/statsd", "this project's daemon, from make build")
	workloadList := flags.String("workloads", "", "which of W1,W2,W3,W4,W5,idle (default all)")
	peerList := flags.String("peers", "", "which of floor,floor-blocking,statsd,statsd-forward,collectd,etsy (default all that are installed)")
	repeats := flags.Int("repeats", 3, "rounds; in each, every daemon runs once")
	results := flags.String("results", "", "also write the tables to this file")
	_ = flags.Parse(args) // it exits
	chosen, err := chooseWorkloads(*workloadList)
	if err != nil {
		return fmt.Errorf("-workloads: %w", err)
	}
	wanted, err := choose(*peerList, peers(*statsd), func(p peer) string { return p.name })
	if err != nil {
		return fmt.Errorf("-peers: %w", err)
	}

	report := newReport(append([]string{"go run ./bench"}, args...))
	there := wanted[:0]
	for _, p := range wanted {
		version, err := p.version()
		if err != nil && (*peerList != "" || p.name == "statsd") {
			return fmt.Errorf("%s cannot be measured: %w", p.name, err)
		}
		if err != nil {
			fmt.Fprintf(stderr, "bench: leaving out %s: %v\n", p.name, err)
			continue
		}
		report.measured(p.name, version)
		there = append(there, p)
	}

	b, err := newBench(report)
	if err != nil {
		return err
	}
	for _, w := range chosen {
		table := b.table(w, there, *repeats, stderr)
		fmt.Fprintln(stdout, table)
		report.add(table)
	}
	b.restore()
	if *results == "" {
		return nil
	}
	return os.WriteFile(*results, []byte(report.String()), 0o644)
}

// newBench prepares the machine as far as its rights allow, and notes the rest in the report.
func newBench(report *report) (*bench, error) {
	b := &bench{restore: func() {}}
	if err := b.pinDaemons(report); err != nil {
		return nil, err
	}
	if os.Geteuid() != 0 {
		report.note("Receive buffers differ, because only root can make them equal.")
		return b, nil
	}
	restore, err := keepReceiveBuffers()
	if err != nil {
		return nil, err
	}
	b.buffers, b.restore = true, restore
	report.note(fmt.Sprintf("Every daemon has a receive buffer of %d MiB, and of %d MiB for the drain.", pacedBuffer>>20, drainBuffer>>20))
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-interrupted
		restore()
		os.Exit(1)
	}()
	return b, nil
}

// pinDaemons runs daemons on a separate core, if there are two.
func (b *bench) pinDaemons(report *report) error {
	_, err := exec.LookPath("taskset")
	b.pin = err == nil && runtime.NumCPU() > daemonCore
	if !b.pin {
		report.note("Daemons share their cores with the sender.")
		return nil
	}
	if err := pinSelf(ownCore); err != nil {
		return fmt.Errorf("pin this program to core %d: %w", ownCore, err)
	}
	report.note(fmt.Sprintf("Daemons run on core %d; the sender, and the carbon that receives the published points, on core %d.", daemonCore, ownCore))
	return nil
}
