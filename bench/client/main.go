// Command client compares this project's client with the two that Go programs
// use most, call by call, and prints the table of client/README.md:
//
//	cd bench/client && go run .
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"sort"
	"sync"
	"time"
)

func main() {
	rounds := flag.Int("rounds", 9, "rounds of the whole table")
	flag.Parse()
	if err := run(*rounds); err != nil {
		fmt.Fprintln(os.Stderr, "bench/client:", err)
		os.Exit(1)
	}
}

// row is a line of the table.
type row struct {
	name   string
	merged bool
	call   func(c calls) func()
}

var rows = []row{
	{"`Incr`", false, func(c calls) func() { return c.incr }},
	{"`Incr`, two tags", false, func(c calls) func() { return c.incrTags }},
	{"`Gauge`", false, func(c calls) func() { return c.gauge }},
	{"`Timing`", false, func(c calls) func() { return c.timing }},
	{"`Set`", false, func(c calls) func() { return c.set }},
	{"`Counter` handle", false, func(c calls) func() { return c.handle }},
	{"merged `Incr`", true, func(c calls) func() { return c.incr }},
	{"merged `Incr`, two tags", true, func(c calls) func() { return c.incrTags }},
	{"merged `Gauge`", true, func(c calls) func() { return c.gauge }},
	{"merged `Timing`", true, func(c calls) func() { return c.timing }},
	{"merged `Set`", true, func(c calls) func() { return c.set }},
	{"merged `Counter` handle", true, func(c calls) func() { return c.handle }},
}

// cell is what one contender took for one row.
type cell struct{ ns, allocs []float64 }

func run(rounds int) error {
	goroutines := []int{1, 8}
	cells := map[string]*cell{}
	key := func(r row, n int, c string) string { return fmt.Sprint(r.name, n, c) }
	// Round by round, so that what else the machine does hits all alike.
	for range rounds {
		for _, r := range rows {
			for _, n := range goroutines {
				for _, c := range contenders {
					if c.merged != r.merged {
						continue
					}
					if err := measure(cells, key(r, n, c.name), c, r, n); err != nil {
						return err
					}
				}
			}
		}
	}
	fmt.Printf("%s, %s/%s, %d cores. Nanoseconds (allocations) a call: the median of %d bursts of %d calls.\n\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), rounds*(bursts-1), burst)
	fmt.Println("| call | goroutines | this | cactus | datadog |")
	fmt.Println("| --- | ---: | ---: | ---: | ---: |")
	for _, r := range rows {
		for _, n := range goroutines {
			fmt.Printf("| %s | %d | %s | %s | %s |\n", r.name, n,
				cells[key(r, n, "this")], cells[key(r, n, "cactus")], cells[key(r, n, "datadog")])
		}
	}
	return datagrams()
}

// burst is how many calls are made without a rest. Faster than that for long no
// client can send: one would wait, others drop, and none be comparable.
const (
	burst  = 20_000
	bursts = 8
)

// measure adds one measurement to a cell, if the contender has such a call.
func measure(cells map[string]*cell, key string, c contender, r row, goroutines int) error {
	w, err := newWire()
	if err != nil {
		return err
	}
	made, err := c.make(w)
	if err != nil {
		return err
	}
	defer made.close()
	call := r.call(made)
	if call == nil {
		return nil
	}
	if cells[key] == nil {
		cells[key] = &cell{}
	}
	if c.merged { // as after two intervals, the state of a program that runs for long
		for range 2 {
			call()
			made.flush()
		}
	}
	var before, after runtime.MemStats
	for i := range bursts {
		if i == 1 { // the first one warms up
			runtime.ReadMemStats(&before)
		}
		took := repeat(call, goroutines)
		if i > 0 {
			cells[key].ns = append(cells[key].ns, float64(took.Nanoseconds())/burst)
		}
		if !c.merged {
			if err := w.settle(int64((i + 1) * burst)); err != nil {
				return fmt.Errorf("%s of %s: %w", r.name, c.name, err)
			}
		}
	}
	runtime.ReadMemStats(&after)
	cells[key].allocs = append(cells[key].allocs, float64(after.Mallocs-before.Mallocs)/((bursts-1)*burst))
	return nil
}

// repeat makes a burst of calls and returns how long it took.
func repeat(call func(), goroutines int) time.Duration {
	var wg sync.WaitGroup
	start := time.Now()
	for range goroutines {
		wg.Go(func() {
			for range burst / goroutines {
				call()
			}
		})
	}
	wg.Wait()
	return time.Since(start)
}

func (c *cell) String() string {
	if c == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f (%.0f)", median(c.ns), median(c.allocs))
}

func median(all []float64) float64 {
	sort.Float64s(all)
	return all[len(all)/2]
}

// datagrams counts what a million increments become at a rate that every client
// can send.
func datagrams() error {
	fmt.Println("\n| datagrams for a million `Incr` | |")
	fmt.Println("| --- | ---: |")
	for _, c := range contenders {
		w, err := newWire()
		if err != nil {
			return err
		}
		made, err := c.make(w)
		if err != nil {
			return err
		}
		for i := range 1_000_000 {
			made.incr()
			if i%1000 == 999 {
				time.Sleep(time.Millisecond)
			}
		}
		made.close()
		name := c.name
		if c.merged {
			name += ", merged"
		}
		fmt.Printf("| %s | %d |\n", name, w.writes.Load())
		if lines := w.lines.Load(); lines != 1_000_000 && !c.merged {
			return fmt.Errorf("%s sent %d of a million", name, lines)
		}
	}
	return nil
}
