package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/soak"
)

// module contains the files of a Go module with tests for each kind of result.
var module = map[string]string{
	"go.mod": "module github.com/statsd-ops/statsd\n\ngo 1.26\n",
	"good/good_test.go": `package good
import "testing"
func TestGood(t *testing.T) {}
func TestParts(t *testing.T) {
	t.Run("a/b", func(t *testing.T) {})
	t.Run("c", func(t *testing.T) { t.Skip("no c here") })
}`,
	"bad/bad_test.go": `package bad
import "testing"
func TestPart(t *testing.T) {
	t.Run("x/s", func(t *testing.T) { t.Error("wrong x") })
	t.Run("y", func(t *testing.T) {})
}
func TestItself(t *testing.T) {
	t.Run("z", func(t *testing.T) {})
	t.Error("wrong itself")
}`,
	"panics/panics_test.go": `package panics
import "testing"
func TestPanics(t *testing.T) { panic("help") }`,
	"exits/exits_test.go": `package exits
import ("os"; "testing")
func TestMain(m *testing.M) { os.Exit(7) }
func TestNothing(t *testing.T) {}`,
	"broken/broken_test.go": `package broken
import "testing"
func TestBroken(t *testing.T) { undefined() }`,
}

func TestEveryEnd(t *testing.T) {
	soak.Slow(t)
	dir := t.TempDir()
	for name, text := range module {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tested := newTests(options{}, dir, append(os.Environ(), "GOWORK=off"))
	tested.command = []string{"go", "test", "-json", "./..."} // without the race detector, the test is faster
	got := tested.run(t.Context())
	if got.passed != 4 || got.failed != 5 || got.skipped != 1 {
		t.Errorf("%v, want 4 passed, 5 failed, 1 skipped", got)
	}
	var names []string
	for _, f := range got.failures {
		names = append(names, f.name)
	}
	slices.Sort(names)
	if want := "bad TestItself; bad TestPart/x/s; broken; exits; panics TestPanics"; strings.Join(names, "; ") != want {
		t.Errorf("failed: %s\nwant: %s", strings.Join(names, "; "), want)
	}

	var out bytes.Buffer
	if got.report(t.Context(), false, &out) {
		t.Error("the report says that all is well")
	}
	for _, want := range []string{"wrong x", "wrong itself", "help", "undefined: undefined", "skipped, no c here:\n    good TestParts/c\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, &out)
		}
	}
	if !strings.HasSuffix(out.String(), "\n\n4 passed, 5 failed, 1 skipped\n") {
		t.Errorf("the report ends with %q", out.String()[max(0, out.Len()-60):])
	}
}

func TestGoTestFails(t *testing.T) {
	soak.Slow(t)
	tested := newTests(options{testFlags: []string{"-no-such-flag"}}, ".", os.Environ())
	got := tested.run(t.Context())
	if got.failed != 1 || !strings.Contains(got.failures[0].output, "no-such-flag") {
		t.Errorf("%v: %+v", got, got.failures)
	}
}

// If a test is killed, there is no event for its end.
func TestUnended(t *testing.T) {
	var tested = tests{states: map[id]*state{}, out: &bytes.Buffer{}}
	for _, line := range []string{
		`{"Action":"run","Package":"p","Test":"TestHangs"}`,
		`{"Action":"output","Package":"p","Test":"TestHangs","Output":"SIGQUIT\n"}`,
		`{"Action":"fail","Package":"p"}`,
	} {
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		tested.take(e)
	}
	if got := tested.tally; got.failed != 1 || got.failures[0] != (failure{"p TestHangs", "SIGQUIT\n"}) {
		t.Errorf("%+v", got)
	}
}

// With the flag -no-skips, a skipped test makes the run fail.
func TestNoSkips(t *testing.T) {
	var all tally
	all.passed = 1
	all.skip("p TestX", "    x_test.go:1: why\n")
	if !all.report(t.Context(), false, &bytes.Buffer{}) || all.report(t.Context(), true, &bytes.Buffer{}) {
		t.Error("skips count where they are allowed, or do not where they are forbidden")
	}
}

// The tests use the commands that the suite has built.
func TestProgramsAreFound(t *testing.T) {
	if programsVariable != counterpart.Programs {
		t.Errorf("%s and %s differ", programsVariable, counterpart.Programs)
	}
}

// The processes that keep cores busy end with the suite, even if the suite is killed.
func TestBurn(t *testing.T) {
	if os.Getenv("SUITE_TEST_BURN") != "" {
		burn()
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestBurn$")
	cmd.Env = append(os.Environ(), "SUITE_TEST_BURN=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// The report adds up all results in the results file, including the results of earlier calls of this program.
func TestResultsAddUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dist", "stress.log")
	var out bytes.Buffer
	for _, failures := range [][]failure{nil, {{"server TestA/a b", "why\n"}, {"meta", "\n"}}, {{"meta", "\n"}}} {
		s := &stressing{options: options{results: path}, out: &out, commit: "abc", shown: map[string]bool{}}
		s.took(result{at: time.Now(), commit: "abc", conditions: "busy", took: 3 * time.Second}, "busy 1 of 1", tally{failures: failures})
		s.took(result{at: time.Now(), commit: "abd+", conditions: "quiet", took: time.Second}, "quiet 1 of 1", tally{})
		if ok := s.report(); ok != (failures == nil) {
			t.Errorf("with %d failures: %v", len(failures), ok)
		}
	}
	want := "\nall 6 runs in " + path + ":\nquiet: 3 of 3 runs passed\nbusy: 1 of 3 runs passed\n" +
		"    2 of 3: meta\n    1 of 3: server TestA/a b\ncommits: abc abd+\n"
	if !strings.HasSuffix(out.String(), want) || !strings.Contains(out.String(), "    FAIL server TestA/a b\nwhy\n") {
		t.Errorf("the report is\n%s\nwant why a test failed, and at the end\n%s", &out, want)
	}
	if err := os.WriteFile(path, []byte("nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if all, err := kept(path); err == nil {
		t.Errorf("nonsense reads as %v", all)
	}
}

// Stages that run at the same time each have a line, and are counted.
func TestBoard(t *testing.T) {
	var out bytes.Buffer
	b := &board{out: &out, terminal: true}
	lint, tests := b.begin("lint"), b.begin("tests")
	tests.progress("3 passed")
	lint.end("FAILED", failed("lint", "why\n"))
	tests.end("4 passed", tally{passed: 4})
	if got := out.String(); !strings.Contains(got, "running: lint; tests 3 passed") || strings.Count(got, "\n") != 2 {
		t.Errorf("printed %q", got)
	}
	if b.all.passed != 4 || b.all.failed != 1 || b.all.failures[0] != (failure{"lint", "why\n"}) {
		t.Errorf("%+v", b.all)
	}
}
