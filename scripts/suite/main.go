// Command suite runs the tests for make test and make stress. It prints a line for each stage. At the end it prints all
// failures again, and the number of tests.
//
//	suite [-check] [-no-skips] [-- GO TEST FLAGS]    runs each stage once
//	suite -quiet 20 -busy 20 [-- GO TEST FLAGS]      runs the tests many times
//
// With -quiet 20 it runs the tests 20 times, one run after another. With -busy 20 it then runs them 20 times, two runs
// at a time, while a process keeps each CPU core busy. With -results FILE, it appends the result of each run to FILE.
// So the runs can be spread over several calls.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// These are the directories of the main module and of the module with the cluster tests.
const (
	mainModule    = "./"
	clusterModule = "cluster/"
)

// options are the values of the command line flags.
type options struct {
	noSkips     bool
	checks      bool
	quiet, busy int
	packages    string
	modules     string
	results     string
	programs    string // directory for the project's commands
	testFlags   []string
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == burnCommand {
		burn()
	}
	var o options
	flag.BoolVar(&o.noSkips, "no-skips", false, "fail when a test is skipped")
	flag.BoolVar(&o.checks, "check", false, "also check format, lint and go.mod, as make check does")
	flag.IntVar(&o.quiet, "quiet", 0, "run only the tests, this number of times, one run after another")
	flag.IntVar(&o.busy, "busy", 0, "then run the tests this number of times, two runs at a time, while a process keeps each core busy")
	flag.StringVar(&o.results, "results", "", "append the result of each run to this file, and count the results of all runs in it")
	flag.StringVar(&o.packages, "packages", "", "packages to test (default: all packages of all modules)")
	flag.StringVar(&o.modules, "modules", mainModule, "folders of the modules, separated by blanks")
	flag.Parse()
	o.testFlags = flag.Args()
	if o.packages != "" {
		o.modules = mainModule
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "suite")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	o.programs = dir
	run := once
	if o.quiet+o.busy > 0 {
		run = stress
	}
	ok := run(ctx, o, os.Stdout)
	_ = os.RemoveAll(dir)
	if !ok {
		os.Exit(1)
	}
}

// command returns a command that runs until ctx ends. When ctx ends, all processes that the command
// has started are killed. Killing only go test would leave the test programs running.
func command(ctx context.Context, words ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// stage is a step of the run that either passes or fails.
type stage struct {
	name    string
	command []string
	env     []string
}

// preparations returns the stages that must run before all others. They build the project's
// commands, which the tests run.
func preparations(o options) []stage {
	return []stage{
		{name: "modules", command: []string{"make", "-s", "modules"}},
		{name: "build", command: []string{goCommand(), "build", "-o", o.programs, "./cmd/..."}},
	}
}

// checks returns the stages that are not tests. The linter uses the compiled packages of the tests,
// so that each package is compiled once. The linter also does the work of go vet.
func checks() []stage {
	flags := strings.Join(append(strings.Fields(os.Getenv("GOFLAGS")), raceFlag()...), " ")
	return []stage{
		{name: "format", command: []string{"make", "-s", "fmt-check"}},
		{name: "go.mod", command: []string{"make", "-s", "tidy-check"}},
		{name: "build of the linter", command: []string{"make", "-s", "bin/golangci-lint"}},
		{name: "lint", command: []string{"make", "-s", "lint"}, env: []string{"GOFLAGS=" + flags}},
	}
}

// once runs each stage one time, and reports whether all stages passed. The tests of the main
// module take longest, and often wait. Meanwhile, the other stages run one after another; lint is
// the last, because then most packages are compiled. The cluster tests run at the same time as
// both, because they wait most of the time.
func once(ctx context.Context, o options, out io.Writer) bool {
	b, env := newBoard(out), os.Environ()
	if os.Getenv("COUNTERPARTS") != "none" {
		if installCounterparts(ctx, b) {
			env = append(env, "COUNTERPARTS=required")
		}
	}
	for _, s := range preparations(o) {
		s.run(ctx, b)
	}
	env = append(env, programsVariable+"="+o.programs)
	var beside sync.WaitGroup
	beside.Go(func() {
		for module := range strings.FieldsSeq(o.modules) {
			switch module {
			case mainModule:
			case clusterModule:
				beside.Go(func() { testModule(ctx, o, module, env, b) })
			default:
				testModule(ctx, o, module, env, b)
			}
		}
		if o.checks {
			for _, s := range checks() {
				s.run(ctx, b)
			}
		}
	})
	testModule(ctx, o, mainModule, env, b)
	beside.Wait()
	return b.all.report(ctx, o.noSkips, out)
}

// testModule is the stage that runs the tests of one module.
func testModule(ctx context.Context, o options, module string, env []string, b *board) {
	if ctx.Err() != nil {
		return
	}
	l := b.begin(strings.TrimSuffix("tests of "+module, " of ./"))
	t := newTests(o, module, env)
	t.out = b
	t.progress = func() { l.progress(t.tally.String()) }
	tested := t.run(ctx)
	l.end(tested.String(), tested)
}

// run runs a stage. It shows the output of the stage only if the stage fails.
func (s stage) run(ctx context.Context, b *board) {
	if ctx.Err() != nil {
		return
	}
	l := b.begin(s.name)
	cmd := command(ctx, s.command...)
	cmd.Env = append(os.Environ(), s.env...)
	text, err := cmd.CombinedOutput()
	if err == nil {
		l.end("passed", tally{passed: 1})
		return
	}
	l.end("FAILED", failed(s.name, fmt.Sprintf("%s%s: %v\n", text, strings.Join(s.command, " "), err)))
}

// installCounterparts installs the programs that the tests use, and reports whether all are installed. If a program is
// missing, its tests are skipped. With COUNTERPARTS=required, a missing program makes this stage fail.
func installCounterparts(ctx context.Context, b *board) bool {
	l := b.begin("counterparts")
	text, err := command(ctx, "sh", filepath.Join("scripts", "counterparts")).CombinedOutput()
	said := strings.TrimSpace(strings.ReplaceAll(string(text), "counterparts: ", ""))
	if _, missing := errors.AsType[*exec.ExitError](err); err != nil && !missing {
		said = err.Error()
	}
	switch {
	case err == nil:
		l.end(strings.TrimSpace("passed  "+said), tally{passed: 1})
	case os.Getenv("COUNTERPARTS") == "required":
		l.end("FAILED", failed("counterparts", said+"\n"))
	default:
		l.end(said, tally{})
	}
	return err == nil
}
