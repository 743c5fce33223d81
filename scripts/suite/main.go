// Suite runs the tests for make test and make stress. It prints each stage,
// repeats the failures at the end, and counts the tests.
//
//	suite [-no-skips] [-- GO TEST FLAGS]           every stage once
//	suite -quiet 20 -busy 20 [-- GO TEST FLAGS]    the tests many times
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
	"syscall"
	"time"
)

// options are the values of the command line.
type options struct {
	noSkips     bool
	quiet, busy int
	packages    string
	modules     string
	testFlags   []string
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == burnCommand {
		burn()
	}
	var o options
	flag.BoolVar(&o.noSkips, "no-skips", false, "fail when a test is skipped")
	flag.IntVar(&o.quiet, "quiet", 0, "run only the tests, this often, one run at a time")
	flag.IntVar(&o.busy, "busy", 0, "then run the tests this often beside a second run and a burner on each core")
	flag.StringVar(&o.packages, "packages", "", "packages to test (default: every module's)")
	flag.StringVar(&o.modules, "modules", "./", "folders of the modules, separated by blanks")
	flag.Parse()
	o.testFlags = flag.Args()
	if o.packages != "" {
		o.modules = "./"
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run := once
	if o.quiet+o.busy > 0 {
		run = stress
	}
	if !run(ctx, o, os.Stdout) {
		os.Exit(1)
	}
}

// command prepares a command that ends with ctx, together with all processes that it started: go
// test alone would leave the tests running.
func command(ctx context.Context, words ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// stage is a part of the check that either passes or fails.
type stage struct {
	name    string
	command []string
}

var checks = []stage{
	{"modules", []string{"make", "-s", "modules"}},
	{"linter", []string{"make", "-s", "bin/golangci-lint"}},
	{"format", []string{"make", "-s", "fmt-check"}},
	{"vet", []string{"make", "-s", "vet"}},
	{"lint", []string{"make", "-s", "lint"}},
	{"go.mod", []string{"make", "-s", "tidy-check"}},
}

// once runs every stage, and reports whether all passed.
func once(ctx context.Context, o options, out io.Writer) bool {
	var all tally
	env := os.Environ()
	if os.Getenv("COUNTERPARTS") != "none" {
		if installCounterparts(ctx, &all, out) {
			env = append(env, "COUNTERPARTS=required")
		}
	}
	for _, s := range checks {
		if ctx.Err() == nil {
			s.run(ctx, &all, out)
		}
	}
	for module := range strings.FieldsSeq(o.modules) {
		if ctx.Err() != nil {
			break
		}
		all.add(testModule(ctx, o, module, env, out))
	}
	return all.report(ctx, o.noSkips, out)
}

// testModule is the stage that runs the tests of a module. On a terminal it shows the
// counts while the tests run.
func testModule(ctx context.Context, o options, module string, env []string, out io.Writer) tally {
	name := strings.TrimSuffix("tests of "+module, " of ./")
	begin(out, name)
	begun := time.Now()
	t := newTests(o, module, env)
	t.out = out
	if info, err := os.Stdout.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		t.progress = func() { fmt.Fprintf(out, "\r%-22s%6.1fs  %v", name, time.Since(begun).Seconds(), &t.tally) }
	}
	tested := t.run(ctx)
	if t.progress != nil {
		fmt.Fprint(out, "\r")
		begin(out, name)
	}
	end(out, begun, tested.String())
	return tested
}

// begin prints the start of a stage's line, and end the rest.
func begin(out io.Writer, name string) { fmt.Fprintf(out, "%-22s", name) }

func end(out io.Writer, begun time.Time, outcome string) {
	fmt.Fprintf(out, "%6.1fs  %s\n", time.Since(begun).Seconds(), outcome)
}

// run runs a stage. Its output is shown only if it fails.
func (s stage) run(ctx context.Context, all *tally, out io.Writer) {
	begin(out, s.name)
	begun := time.Now()
	text, err := command(ctx, s.command...).CombinedOutput()
	if err == nil {
		all.passed++
		end(out, begun, "passed")
		return
	}
	all.fail(failure{name: s.name, output: fmt.Sprintf("%s%s: %v\n", text, strings.Join(s.command, " "), err)})
	end(out, begun, "FAILED")
}

// installCounterparts installs the programs that the tests use, and reports whether all are
// installed. Tests without their program are skipped, unless that is forbidden.
func installCounterparts(ctx context.Context, all *tally, out io.Writer) bool {
	begin(out, "counterparts")
	begun := time.Now()
	text, err := command(ctx, "sh", filepath.Join("scripts", "counterparts")).CombinedOutput()
	said := strings.TrimSpace(strings.ReplaceAll(string(text), "counterparts: ", ""))
	if _, missing := errors.AsType[*exec.ExitError](err); err != nil && !missing {
		said = err.Error()
	}
	switch {
	case err == nil:
		all.passed++
		end(out, begun, strings.TrimSpace("passed  "+said))
	case os.Getenv("COUNTERPARTS") == "required":
		all.fail(failure{name: "counterparts", output: said + "\n"})
		end(out, begun, "FAILED")
	default:
		end(out, begun, said)
	}
	return err == nil
}
