package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/statsd-ops/statsd/internal/httpgate/httpgatetest"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/statvent"
)

func TestMain(m *testing.M) {
	wait.Beside()
	testscript.Main(m, map[string]func(){"statvent": main, "worker": worker})
}

// TestProtections checks that the HTTP listener has the protections of package httpgate.
func TestProtections(t *testing.T) {
	t.Parallel()
	server, err := listen(options{ip: "127.0.0.1", port: "0", path: "/stats", pipeDir: t.TempDir(), timeout: time.Second}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	httpgatetest.Check(t, server.Addr().String(), "/stats")
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await": await,
			"get":   get,
		},
	})
}

// worker implements the command "worker DIR". It records stats until a signal.
func worker() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	statvent.Incr("web.requests", 3)
	statvent.SetFloat("load", 0.5)
	for _, ms := range []float64{1, 2, 3, 4, 100} {
		statvent.Record("web.ms.{0}", ms)
	}
	rec, err := statvent.NewRecorder(nil, os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	<-ctx.Done()
	if err := rec.Close(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// await implements the script command "await GLOB VAR [REGEXP]". Without REGEXP, it waits until one file matches
// GLOB, and sets VAR to the file's name. With REGEXP, it waits until the content of the file matches, and sets
// VAR to the match.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: await GLOB VAR [REGEXP]")
	}
	for deadline := time.Now().Add(wait.Patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		files, err := filepath.Glob(ts.MkAbs(args[0]))
		ts.Check(err)
		if len(files) != 1 {
			continue
		}
		if len(args) == 2 {
			ts.Setenv(args[1], files[0])
			return
		}
		text, err := os.ReadFile(files[0])
		ts.Check(err)
		if match := regexp.MustCompile(args[2]).Find(text); match != nil {
			ts.Setenv(args[1], string(match))
			return
		}
	}
	ts.Fatalf("after 20 s still no match for %v", args)
}

// get implements the script command "get URL". It prints the status and the body of the response.
func get(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: get URL")
	}
	resp, err := http.Get(args[0])
	ts.Check(err)
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	ts.Check(resp.Body.Close())
	_, err = fmt.Fprintf(ts.Stdout(), "%s\n%s", resp.Status, body)
	ts.Check(err)
}
