// Command client compares this project's client with two popular Go clients. It measures each call of the clients, and
// prints the table of client/README.md:
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
	"time"
)

func main() {
	rounds := flag.Int("rounds", 9, "rounds of the whole table")
	only := flag.String("rows", ".", "measure the rows that match this regular expression")
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

// row is a row of the table.
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

func run(rounds int, only *regexp.Regexp) error {
	cells := map[place]*cell{}
	// The clients take turns in each round, so that other load on the machine affects all of them
	// equally.
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
	fmt.Printf("%s, %s/%s, %d cores. Nanoseconds (allocations) per call: the median of %d bursts of %d calls.\n\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), rounds*(bursts-1), burst)
	printTable(cells, only)
	return datagrams()
}

// place identifies a cell of the table.
type place struct {
	row        string
	goroutines int
	contender  string
}

var goroutines = []int{1, 8}

// printTable prints the cells. It also prints the row in which this client has the smallest lead
// over another client.
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
	if where != "" {
		fmt.Fprintf(os.Stderr, "\nThe closest rival takes %.0f %% longer: %s.\n", 100*least, where)
	}
}

// datagrams prints how many datagrams each client sends for a million increments. The rate of the
// increments is so low that no client drops any.
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
			return fmt.Errorf("%s sent %d lines, not 1,000,000", name, lines)
		}
	}
	return nil
}
