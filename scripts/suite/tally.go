package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// failure is a failed test or stage, with its output.
type failure struct{ name, output string }

// tally holds the numbers of passed, failed and skipped tests.
type tally struct {
	passed, failed, skipped int
	failures                []failure
	skips                   map[string][]string // skipped tests, by the reason
}

func (t tally) String() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", t.passed, t.failed, t.skipped)
}

// failed returns the tally of a failed stage.
func failed(name, output string) tally {
	return tally{failed: 1, failures: []failure{{name, output}}}
}

func (t *tally) fail(f failure) {
	t.failed++
	t.failures = append(t.failures, f)
}

// failedIn reports whether a test of the package failed.
func (t *tally) failedIn(pkg string) bool {
	return slices.ContainsFunc(t.failures, func(f failure) bool { return strings.HasPrefix(f.name, pkg+" ") })
}

var reason = regexp.MustCompile(`(?m)^ *[\w.]+\.go:\d+: (.*)$`)

// skip counts a skipped test. The reason is the last line that the test has logged.
func (t *tally) skip(name, output string) {
	t.skipped++
	why := "no reason given"
	if found := reason.FindAllStringSubmatch(output, -1); found != nil {
		why = found[len(found)-1][1]
	}
	if t.skips == nil {
		t.skips = map[string][]string{}
	}
	t.skips[why] = append(t.skips[why], name)
}

func (t *tally) add(other tally) {
	t.passed += other.passed
	t.failed += other.failed
	t.skipped += other.skipped
	t.failures = append(t.failures, other.failures...)
	for why, names := range other.skips {
		if t.skips == nil {
			t.skips = map[string][]string{}
		}
		t.skips[why] = append(t.skips[why], names...)
	}
}

// report prints the skipped tests with their reasons, the failures, and the counts. It returns
// false if a test failed, if the run was interrupted, or if noSkips is true and a test was skipped.
func (t *tally) report(ctx context.Context, noSkips bool, out io.Writer) bool {
	for _, why := range slices.Sorted(maps.Keys(t.skips)) {
		names := t.skips[why]
		fmt.Fprintf(out, "\nskipped, %s:\n", why)
		for _, name := range names {
			fmt.Fprintf(out, "    %s\n", name)
		}
	}
	for _, f := range t.failures {
		fmt.Fprintf(out, "\nFAIL %s\n%s", f.name, f.output)
	}
	if noSkips && t.skipped > 0 {
		fmt.Fprintln(out, "\nFAIL: a test was skipped, but -no-skips is set")
	}
	if ctx.Err() != nil {
		fmt.Fprintln(out, "\nFAIL: interrupted")
	}
	fmt.Fprintf(out, "\n%v\n", t)
	return t.failed == 0 && (!noSkips || t.skipped == 0) && ctx.Err() == nil
}
