//go:build linux

// Command bench compares this project's daemon with other daemons: CPU time per metric, maximum rate, memory, and
// losses. It starts each daemon, sends it the same traffic, receives the published points, and compares them with the
// traffic.
//
//	go run ./bench                                    # measure everything; takes more than an hour
//	go run ./bench -repeats 1 -scale 0.2              # measure everything once, with less traffic; takes 15 minutes
//	go run ./bench W6                                 # measure one workload
//	go run ./bench -peers floor,statsd W1 W3          # measure two programs in two workloads
//	go run ./bench -other old/statsd W1               # compare two builds of the daemon
//	go run ./bench -results bench/RESULTS.md          # measure everything and write the results file, like make bench
//	go run ./bench cost                               # measure the cost of a sample and a name for docs/cost.md; 4 minutes
//	go run ./bench profile                            # make cmd/statsd/default.pgo; takes 2 minutes
//
// The speed of a machine changes over time. So daemons are compared with the floor, which is measured in the same
// minutes. The floor is a receiver that only counts newlines.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
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
		case "profile":
			command = func() error { return runProfile(os.Args[2:], os.Stderr) }
		}
	}
	if err := command(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	statsd := flags.String("statsd", "bin/statsd", "path of this project's daemon, which make build creates")
	peerList := flags.String("peers", "", "comma-separated programs to measure, of "+known(peers(""), peerName)+" (default: all that are installed)")
	other := flags.String("other", "", "path of another build of the daemon, to measure both builds")
	repeats := flags.Int("repeats", 3, "number of rounds; in each round every daemon runs once")
	scale := flags.Float64("scale", 1, "multiply the traffic, and large numbers of names, by this fraction")
	results := flags.String("results", "", "also write the tables to this file")
	flags.Usage = func() {
		fmt.Fprintf(stderr, "Usage: bench [flags] [WORKLOAD...]\n\nThe workloads are %s. Without any, all are measured.\n\n", known(workloads(), workloadName))
		flags.PrintDefaults()
	}
	_ = flags.Parse(args) // ignore the error, because Parse exits on errors
	chosen, err := choose(strings.Join(flags.Args(), ","), workloads(), workloadName)
	if err != nil {
		return fmt.Errorf("workload %w", err)
	}
	wanted, err := choose(*peerList, peers(*statsd), peerName)
	if err != nil {
		return fmt.Errorf("-peers: %w", err)
	}
	if *other != "" {
		wanted = append(wanted, build("statsd, other build", *other))
	}
	report := newReport(append([]string{"go run ./bench"}, args...))
	there, err := report.installed(wanted, *peerList != "", stderr)
	if err != nil {
		return err
	}
	b, err := newBench(report)
	if err != nil {
		return err
	}
	defer b.restore()
	for _, w := range chosen {
		table := b.table(w.scaled(*scale), there, *repeats, stderr)
		fmt.Fprintln(stdout, table)
		report.add(table)
		if *results == "" {
			continue
		}
		// Write the file after each workload, so that an interrupted run keeps its results.
		if err := os.WriteFile(*results, []byte(report.String()), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// installed returns the peers that can be measured, and adds their versions to the report.
func (r *report) installed(wanted []peer, asked bool, stderr io.Writer) (there []peer, err error) {
	for _, p := range wanted {
		version, err := p.version()
		if err != nil && (asked || p.name == "statsd") {
			return nil, fmt.Errorf("%s cannot be measured: %w", p.name, err)
		}
		if err != nil {
			fmt.Fprintf(stderr, "bench: %s is not measured: %v\n", p.name, err)
			r.peers = append(r.peers, p.name+": not measured, because it is not installed")
			continue
		}
		if p.only == "" {
			r.peers = append(r.peers, p.name+": "+version)
		}
		there = append(there, p)
	}
	return there, nil
}

// newBench prepares the machine, as far as the benchmark has the permissions. For each step that is
// not possible, newBench adds a note to the report.
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
	report.note(fmt.Sprintf("Every daemon has a receive buffer of %d MiB, and of %d MiB for the drain. A unix socket holds %d datagrams.", pacedBuffer>>20, drainBuffer>>20, unixQueue))
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-interrupted
		restore()
		os.Exit(1)
	}()
	return b, nil
}

// pinDaemons makes daemons run on a separate CPU core, if the machine has two cores.
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
