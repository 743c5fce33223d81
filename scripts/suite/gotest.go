package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// tests is one run of go test in one module.
type tests struct {
	command []string
	module  string
	env     []string
	verbose bool
	out     io.Writer // gets the name of each failed test as soon as the test has failed; with -v it also gets all output
	// progress is called after each package, unless it is nil.
	progress func()

	tally  tally
	states map[id]*state
}

// id identifies a test. If test is empty, it identifies the package.
type id struct{ pkg, test string }

// state is the state of a test that has started and not ended yet.
type state struct {
	output      bytes.Buffer
	ended       bool
	hasSubtests bool
	childFailed bool
}

// longest lists the packages whose tests take longest. They start first, so that they do not run
// alone at the end.
var longest = []string{"./server/hostile", "./server", "./meta/page", "./aggregate", "./client", "./cmd/statsd", "./sink/..."}

// newTests prepares a run with these options. A test that hangs is ended by a time limit, which is much longer than
// the tests need on a busy machine. go vet is turned off, because make check includes it. More packages than cores
// are tested at the same time, because many tests wait most of the time. The race detector is told to omit its pause
// of one second at the end of a program.
func newTests(o options, module string, env []string) *tests {
	t := &tests{module: module, states: map[id]*state{}, out: io.Discard}
	t.verbose = slices.Contains(o.testFlags, "-v")
	t.env = append(slices.Clone(env), "TESTS=all", strings.TrimSpace("GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE")))
	packages := []string{"./..."}
	switch {
	case o.packages != "":
		packages = strings.Fields(o.packages)
	case module == mainModule:
		packages = append(slices.Clone(longest), packages...)
	}
	t.command = append([]string{goCommand(), "test", "-json", "-timeout=60m", "-vet=off", "-p=" + strconv.Itoa(2*runtime.NumCPU())}, raceFlag()...)
	t.command = append(append(t.command, o.testFlags...), packages...)
	return t
}

// programsVariable is the environment variable with the folder of the project's commands; see
// internal/counterpart.
const programsVariable = "STATSD_TEST_PROGRAMS"

// goCommand returns the go command. make can set it in the environment.
func goCommand() string { return cmp.Or(os.Getenv("GO"), "go") }

// raceFlag returns the flag for the race detector. It returns nothing if there is no C compiler,
// which the race detector needs.
func raceFlag() []string {
	cgo, err := exec.Command(goCommand(), "env", "CGO_ENABLED").Output()
	if err == nil && strings.TrimSpace(string(cgo)) == "1" {
		return []string{"-race"}
	}
	return nil
}

// event is a line in the output of go test -json; see go doc test2json.
type event struct {
	Action      string
	Package     string
	ImportPath  string // set only in events with build output
	FailedBuild string
	Test        string
	Output      string
	Elapsed     float64
}

// run runs the tests and returns the results.
func (t *tests) run(ctx context.Context) tally {
	cmd := command(ctx, t.command...)
	cmd.Dir, cmd.Env = t.module, t.env
	var complaint, others bytes.Buffer // standard error, and the lines of standard output that are not events
	cmd.Stderr = &complaint
	events, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.tally.fail(failure{name: "go test", output: err.Error() + "\n"})
		return t.tally
	}
	for lines := bufio.NewReader(events); ; {
		line, err := lines.ReadBytes('\n')
		var e event
		if json.Unmarshal(line, &e) == nil {
			t.take(e)
		} else {
			others.Write(line)
		}
		if err != nil {
			break
		}
	}
	if err := cmd.Wait(); err != nil && t.tally.failed == 0 && ctx.Err() == nil {
		t.fail("go test in "+t.module, fmt.Sprintf("%s%s%s: %v\n", complaint.String(), others.String(), strings.Join(t.command, " "), err))
	}
	return t.tally
}

// take processes one event in the output of go test.
func (t *tests) take(e event) {
	switch e.Action {
	case "build-output":
		t.state(id{pkg: e.ImportPath}).output.WriteString(e.Output)
	case "run":
		t.state(id{e.Package, e.Test})
	case "output":
		t.state(id{e.Package, e.Test}).output.WriteString(e.Output)
		if t.verbose {
			_, _ = io.WriteString(t.out, e.Output)
		}
	case "pass", "fail", "skip":
		if e.Test == "" {
			t.packageEnded(e)
		} else {
			t.ended(id{e.Package, e.Test}, e.Action)
		}
	}
}

func (t *tests) state(of id) *state {
	s := t.states[of]
	if s == nil {
		s = &state{}
		t.states[of] = s
	}
	return s
}

// parent returns the parent test of a subtest, or nil. The name of a subtest can contain slashes
// itself.
func (t *tests) parent(of id) *state {
	for {
		i := strings.LastIndexByte(of.test, '/')
		if i < 0 {
			return nil
		}
		of.test = of.test[:i]
		if s := t.states[of]; s != nil {
			return s
		}
	}
}

// ended counts a finished test. A test with subtests is counted only if it fails although none of its subtests has failed.
func (t *tests) ended(of id, action string) {
	s := t.state(of)
	s.ended = true
	if parent := t.parent(of); parent != nil {
		parent.hasSubtests = true
		parent.childFailed = parent.childFailed || action == "fail"
	}
	switch {
	case action == "fail" && !s.childFailed:
		t.fail(short(of.pkg)+" "+of.test, s.output.String())
	case s.hasSubtests:
	case action == "pass":
		t.tally.passed++
	case action == "skip":
		t.tally.skip(short(of.pkg)+" "+of.test, s.output.String())
	}
	s.output = bytes.Buffer{}
}

// packageEnded counts failures of a package other than failed tests: a failed build, a failed
// TestMain, or tests that have not ended.
func (t *tests) packageEnded(e event) {
	if e.Action == "fail" {
		found := false
		for of, s := range t.states {
			if of.pkg != e.Package || of.test == "" {
				continue
			}
			found = found || s.childFailed
			if !s.ended {
				t.fail(short(of.pkg)+" "+of.test, s.output.String())
				found = true
			}
		}
		output := t.state(id{pkg: e.FailedBuild}).output.String() + t.state(id{pkg: e.Package}).output.String()
		if !found && !t.tally.failedIn(short(e.Package)) {
			t.fail(short(e.Package), output)
		}
	}
	for of := range t.states {
		if of.pkg == e.Package {
			delete(t.states, of)
		}
	}
	if t.progress != nil {
		t.progress()
	}
}

func (t *tests) fail(name, output string) {
	t.tally.fail(failure{name, output})
	fmt.Fprintf(t.out, "\n    FAIL %s\n", name)
}

// short returns the path of a package relative to the project.
func short(pkg string) string {
	const module = "github.com/statsd-ops/statsd"
	if pkg == module {
		return "."
	}
	return strings.TrimPrefix(pkg, module+"/")
}
