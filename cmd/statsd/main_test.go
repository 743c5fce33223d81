package main

import (
	goflag "flag"
	"fmt"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/ports"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/wait"
)

var update = goflag.Bool("update", false, "write what the commands print into testdata")

func TestMain(m *testing.M) {
	wait.Beside()
	testscript.Main(m, map[string]func(){"statsd": main, "gstatsd": main})
}

func TestScripts(t *testing.T) { runScripts(t, "testdata") }

// TestOperator runs scripts that do what an operator does. The scripts use standard programs.
func TestOperator(t *testing.T) {
	counterpart.Find(t, "nc")
	counterpart.Find(t, "/usr/bin/python3")
	runScripts(t, "testdata/operator")
}

// TestQuestions queries a running daemon with every command of statsdmonitor.
func TestQuestions(t *testing.T) {
	soak.Slow(t)
	runScripts(t, "testdata/questions")
}

// TestClusters runs scripts with edge daemons and central daemons.
func TestClusters(t *testing.T) {
	soak.Slow(t)
	runScripts(t, "testdata/cluster")
}

func runScripts(t *testing.T, dir string) {
	testscript.Run(t, testscript.Params{
		Dir:           dir,
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			// These variables are for client programs. The daemon must ignore them.
			env.Setenv("STATSD_HOST", "client.invalid")
			env.Setenv("STATSD_PORT", "nonsense")
			env.Setenv("STATSD_PREFIX", "client")
			// By default, a program with the race detector sleeps for a second before it exits.
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":     exits,
			"freeport":  freePort,
			"soon":      soon,
			"start":     start,
			"await":     await,
			"awaitpage": awaitPage,
			"signal":    signalDaemon,
			"ended":     ended,
			"until":     until,
			"build":     build,
			"send":      send,
			"receive":   receive,
			"get":       get,
			"console":   askConsole,
		},
	})
}

// exits implements the script command "exits CODE COMMAND ARGS...". It runs a command, and checks its exit
// status.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARGS...")
	}
	code := exitCode(ts.Exec(args[1], args[2:]...))
	if want := atoi(ts, args[0]); code != want {
		ts.Fatalf("%s exits %d, want %d", args[1], code, want)
	}
}

// freePort implements the script command "freeport NAME...". It sets each variable to a free port. The ports are
// reserved until the script ends.
func freePort(ts *testscript.TestScript, _ bool, names []string) {
	for _, name := range names {
		port, release, err := ports.Reserve()
		ts.Check(err)
		ts.Defer(release)
		ts.Setenv(name, fmt.Sprint(port))
	}
}

// soon implements the script command "soon NAME SECONDS". It sets a variable to a time in the near future, in
// Unix seconds.
func soon(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: soon NAME SECONDS")
	}
	ts.Setenv(args[0], fmt.Sprint(time.Now().Unix()+int64(atoi(ts, args[1]))))
}
