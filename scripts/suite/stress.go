package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// stressing runs the tests many times.
type stressing struct {
	options
	out io.Writer

	mu       sync.Mutex
	examples map[string]string // output of a test's first failure
}

// outcomes are the results of the runs under one set of conditions.
type outcomes struct {
	conditions   string
	runs, passed int
	failed       map[string]int // runs by the test that failed in them
}

// stress runs the tests many times, and reports which ones failed, how often, and how.
func stress(ctx context.Context, o options, out io.Writer) bool {
	o.testFlags = append([]string{"-count=1"}, o.testFlags...)
	s := &stressing{options: o, out: out, examples: map[string]string{}}
	quiet := &outcomes{conditions: "quiet", failed: map[string]int{}}
	s.repeat(ctx, quiet, "quiet", o.quiet)
	busy := &outcomes{conditions: fmt.Sprintf("busy (%d burners, 2 runs at a time)", runtime.NumCPU()), failed: map[string]int{}}
	if o.busy > 0 && ctx.Err() == nil {
		stop, err := startBurners(runtime.NumCPU())
		if err != nil {
			fmt.Fprintln(out, "start a burner:", err)
			return false
		}
		var beside sync.WaitGroup
		beside.Go(func() { s.repeat(ctx, busy, "busy, first", o.busy) })
		beside.Go(func() { s.repeat(ctx, busy, "busy, second", o.busy) })
		beside.Wait()
		stop()
	}
	return s.report(ctx, quiet, busy)
}

// repeat runs the tests n times.
func (s *stressing) repeat(ctx context.Context, o *outcomes, name string, n int) {
	for i := range n {
		begun := time.Now()
		var all tally
		for module := range strings.FieldsSeq(s.modules) {
			all.add(newTests(s.options, module, os.Environ()).run(ctx))
		}
		if ctx.Err() != nil {
			return
		}
		s.mu.Lock()
		o.count(all, s.examples)
		begin(s.out, fmt.Sprintf("%s %d of %d", name, i+1, n))
		end(s.out, begun, all.String())
		for _, f := range all.failures {
			fmt.Fprintf(s.out, "    FAIL %s\n", f.name)
		}
		s.mu.Unlock()
	}
}

func (o *outcomes) count(all tally, examples map[string]string) {
	o.runs++
	if all.failed == 0 {
		o.passed++
	}
	for _, f := range all.failures {
		o.failed[f.name]++
		if examples[f.name] == "" {
			examples[f.name] = f.output
		}
	}
}

// report prints each test that failed, and the counts. It reports whether all passed.
func (s *stressing) report(ctx context.Context, all ...*outcomes) bool {
	for _, name := range slices.Sorted(maps.Keys(s.examples)) {
		fmt.Fprintf(s.out, "\nFAIL %s, the first time:\n%s", name, s.examples[name])
	}
	fmt.Fprintln(s.out)
	ok := ctx.Err() == nil
	for _, o := range all {
		fmt.Fprintf(s.out, "%s: %d of %d runs passed\n", o.conditions, o.passed, o.runs)
		ok = ok && o.passed == o.runs
		names := slices.SortedFunc(maps.Keys(o.failed), func(a, b string) int {
			return cmp.Or(o.failed[b]-o.failed[a], strings.Compare(a, b))
		})
		for _, name := range names {
			fmt.Fprintf(s.out, "    %d of %d: %s\n", o.failed[name], o.runs, name)
		}
	}
	return ok
}
