// Command client compares this project's client with the two that Go programs
// use most, call by call, and prints the table of client/README.md:
//
//	cd bench/client && go run .
package main

import (
	"flag"
	"fmt"
	"math"
	"os"
	"regexp"
	"runtime"
	"sort"
	"sync"
	"time"
)

func main() {
	rounds := flag.Int("rounds", 9, "rounds of the whole table")
	only := flag.String("rows", ".", "regular expression: which rows")
	flag.Parse()
	pattern, err := regexp.Compile(*only)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/client: -rows:", err)
		os.Exit(2)
	}
	if err := run(*rounds, pattern); err != nil {
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

func run(rounds int, only *regexp.Regexp) error {
	cells := map[place]*cell{}
	// Round by round and burst by burst, so that what else the machine does hits
	// all alike.
	for range rounds {
		for _, r := range rows {
			for _, n := range goroutines {
				if !only.MatchString(r.name) {
					continue
				}
				if err := compare(cells, r, n); err != nil {
					return fmt.Errorf("%s: %w", r.name, err)
				}
			}
		}
	}
	fmt.Printf("%s, %s/%s, %d cores. Nanoseconds (allocations) a call: the median of %d bursts of %d calls.\n\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), rounds*(bursts-1), burst)
	printTable(cells, only)
	return datagrams()
}

// place is a cell's.
type place struct {
	row        string
	goroutines int
	contender  string
}

var goroutines = []int{1, 8}

// printTable prints the cells, and how far ahead of the best rival this client
// is where it is least.
func printTable(cells map[place]*cell, only *regexp.Regexp) {
	fmt.Println("| call | goroutines | this | cactus | datadog |")
	fmt.Println("| --- | ---: | ---: | ---: | ---: |")
	least, where := math.Inf(1), ""
	for _, r := range rows {
		if !only.MatchString(r.name) {
			continue
		}
		for _, n := range goroutines {
			this := cells[place{r.name, n, "this"}]
			cactus, datadog := cells[place{r.name, n, "cactus"}], cells[place{r.name, n, "datadog"}]
			fmt.Printf("| %s | %d | %s | %s | %s |\n", r.name, n, this, cactus, datadog)
			if ahead := min(cactus.median(), datadog.median())/this.median() - 1; ahead < least {
				least, where = ahead, fmt.Sprintf("%s with %d goroutines", r.name, n)
			}
		}
	}
	fmt.Fprintf(os.Stderr, "\nThe best rival takes %+.0f %% at least: %s.\n", 100*least, where)
}

// burst is how many calls are made without a rest. Faster than that for long no
// client can send: one would wait, others drop, and none be comparable.
const (
	burst  = 20_000
	bursts = 8
)

// compare adds a measurement of each contender that has such a call.
func compare(cells map[place]*cell, r row, n int) error {
	var runs []*measurement
	for _, c := range contenders {
		if c.merged != r.merged {
			continue
		}
		m, err := open(c, r, n)
		if err != nil {
			return err
		}
		defer m.made.close()
		if m.call == nil {
			continue
		}
		p := place{r.name, n, c.name}
		if cells[p] == nil {
			cells[p] = &cell{}
		}
		m.cell = cells[p]
		runs = append(runs, m)
	}
	for i := range bursts {
		for _, m := range runs {
			if err := m.burst(i == 0); err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
		}
	}
	return nil
}

// measurement is a contender at one row.
type measurement struct {
	contender
	made       calls
	call       func()
	goroutines int
	wire       *wire
	lines      int64
	cell       *cell
}

func open(c contender, r row, n int) (*measurement, error) {
	w, err := newWire()
	if err != nil {
		return nil, err
	}
	made, err := c.make(w)
	if err != nil {
		return nil, err
	}
	m := &measurement{contender: c, made: made, call: r.call(made), goroutines: n, wire: w}
	if c.merged && m.call != nil { // as after two intervals, the state of a program that runs for long
		for range 2 {
			m.call()
			made.flush()
		}
	}
	return m, nil
}

// burst makes a burst of calls, which counts if it is not to warm up.
func (m *measurement) burst(warmUp bool) error {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	took := repeat(m.call, m.goroutines)
	m.lines += burst
	if m.merged {
		m.made.flush()
	} else if err := m.wire.settle(m.lines); err != nil {
		return err
	}
	runtime.ReadMemStats(&after)
	if !warmUp {
		m.cell.ns = append(m.cell.ns, float64(took.Nanoseconds())/burst)
		m.cell.allocs = append(m.cell.allocs, float64(after.Mallocs-before.Mallocs)/burst)
	}
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
	return fmt.Sprintf("%.1f (%.0f)", c.median(), median(c.allocs))
}

// median is that of the times, or infinite without any.
func (c *cell) median() float64 {
	if c == nil {
		return math.Inf(1)
	}
	return median(c.ns)
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
