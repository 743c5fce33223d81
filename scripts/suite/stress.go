package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"
)

// stressing is a repeated run of the tests.
type stressing struct {
	options
	out    io.Writer
	commit string

	mu      sync.Mutex
	results []result
	shown   map[string]bool // tests whose output was already shown; the output of each test is shown once
	unkept  error           // why a result could not be written to the results file
}

// stress runs the tests many times. It reports which tests failed, how often, and with which
// output. If there is a results file, the report includes the runs of earlier calls. stress returns
// true if all runs of this call passed.
func stress(ctx context.Context, o options, out io.Writer) bool {
	o.testFlags = append([]string{"-count=1"}, o.testFlags...)
	if said, err := command(ctx, goCommand(), "build", "-o", o.programs, "./cmd/...").CombinedOutput(); err != nil {
		fmt.Fprintf(out, "%sbuild: %v\n", said, err)
		return false
	}
	s := &stressing{options: o, out: out, commit: commit(), shown: map[string]bool{}}
	s.repeat(ctx, "quiet", "quiet", o.quiet)
	if o.busy > 0 && ctx.Err() == nil {
		stop, err := startBurners(runtime.NumCPU())
		if err != nil {
			fmt.Fprintln(out, "start a process that keeps a core busy:", err)
			return false
		}
		fmt.Fprintf(out, "busy: %d processes that keep the cores busy, and 2 runs at a time\n", runtime.NumCPU())
		var beside sync.WaitGroup
		beside.Go(func() { s.repeat(ctx, "busy", "busy, first", o.busy) })
		beside.Go(func() { s.repeat(ctx, "busy", "busy, second", o.busy) })
		beside.Wait()
		stop()
	}
	return s.report() && ctx.Err() == nil
}

// repeat runs the tests n times.
func (s *stressing) repeat(ctx context.Context, conditions, name string, n int) {
	for i := range n {
		begun := time.Now()
		all := s.testAll(ctx)
		if ctx.Err() != nil {
			return
		}
		s.took(result{at: begun, commit: s.commit, conditions: conditions, took: time.Since(begun)}, fmt.Sprintf("%s %d of %d", name, i+1, n), all)
	}
}

// testAll runs the tests of all modules. The tests of the main module run beside the others, as in make test.
func (s *stressing) testAll(ctx context.Context) (all tally) {
	test := func(module string) tally {
		return newTests(s.options, module, append(os.Environ(), programsVariable+"="+s.programs)).run(ctx)
	}
	var others tally
	var beside sync.WaitGroup
	beside.Go(func() {
		for module := range strings.FieldsSeq(s.modules) {
			if module != mainModule {
				others.add(test(module))
			}
		}
	})
	all = test(mainModule)
	beside.Wait()
	all.add(others)
	return all
}

// took prints the result of a run and writes it to the results file.
func (s *stressing) took(r result, name string, all tally) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, "%-28s%6.1fs  %v\n", name, r.took.Seconds(), &all)
	for _, f := range all.failures {
		fmt.Fprintf(s.out, "    FAIL %s\n", f.name)
		r.failed = append(r.failed, f.name)
		if !s.shown[f.name] {
			s.shown[f.name] = true
			fmt.Fprint(s.out, f.output)
		}
	}
	s.results = append(s.results, r)
	if s.options.results != "" && s.unkept == nil {
		s.unkept = keep(s.options.results, r)
	}
}

// report prints the counts. It returns true if all runs passed.
func (s *stressing) report() bool {
	fmt.Fprintln(s.out)
	addUp(s.results, s.out)
	if s.options.results != "" {
		all, err := kept(s.options.results)
		if s.unkept != nil {
			err = s.unkept
		}
		if err != nil {
			fmt.Fprintln(s.out, "FAIL cannot write the results file:", err)
			return false
		}
		fmt.Fprintf(s.out, "\nall %d runs in %s:\n", len(all), s.options.results)
		addUp(all, s.out)
	}
	return len(s.shown) == 0
}
