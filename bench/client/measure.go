package main

import (
	"fmt"
	"math"
	"runtime"
	"sort"
	"sync"
	"time"
)

// cell holds the measured values of one client in one row.
type cell struct{ ns, allocs []float64 }

// burst is the number of calls between two pauses. The benchmark needs pauses because no client can
// send at full speed for long: some clients would wait and others would drop lines, so that the
// times could not be compared.
const (
	burst  = 20_000
	bursts = 8
)

// compare measures each client that supports the call of this row.
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
		for j := range runs {
			m := runs[(i+j)%len(runs)] // change the order in each round
			if err := m.burst(i == 0); err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
		}
	}
	return nil
}

// measurement measures one client for one row.
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
	if c.merged && m.call != nil { // after two flush intervals, the client has the state of a long-running program
		for range 2 {
			m.call()
			made.flush()
		}
	}
	return m, nil
}

// burst makes a burst of calls and stores its time, unless it is a warm-up.
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

// repeat makes a burst of calls and returns its duration.
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

// median returns the median of the times. If there are none, it returns infinity.
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
