package main

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/wait"
)

// patience is how long a script waits for an event that normally happens immediately.
const patience = wait.Patience

// processes contains the processes that scripts have started, by the name of their log file.
var processes sync.Map

// start implements the script command "start LOG COMMAND ARGS...". It runs a command until the script ends. The
// standard error goes to the file LOG.
func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start LOG COMMAND ARGS...")
	}
	path := ts.MkAbs(args[0])
	log, err := os.Create(path)
	ts.Check(err)
	defer log.Close()
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = os.Environ()
	for _, name := range []string{"PATH", "GORACE", "STATSD_HOST", "STATSD_PORT", "STATSD_PREFIX", "STATSD_DAEMON_EXPIRE"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	cmd.Stderr = log
	ts.Check(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	processes.Store(path, &process{cmd.Process, ended})
	ts.Defer(func() {
		_ = cmd.Process.Kill()
		ts.Logf("%s:\n%s", args[0], ts.ReadFile(path))
	})
}

type process struct {
	*os.Process
	ended chan error
}

func processOf(ts *testscript.TestScript, log string) *process {
	d, ok := processes.Load(ts.MkAbs(log))
	if !ok {
		ts.Fatalf("nothing was started with the log %s", log)
	}
	return d.(*process)
}

// await implements the script command "await LOG REGEXP". It waits until the log matches. It sets a variable for
// each named group in the match.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await LOG REGEXP")
	}
	re, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		match := re.FindStringSubmatch(ts.ReadFile(args[0]))
		if match != nil {
			for i, name := range re.SubexpNames() {
				if name != "" {
					ts.Setenv(name, match[i])
				}
			}
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s has no match for %s", args[0], args[1])
		}
	}
}

// signalDaemon implements the script command "signal LOG TERM|INT|HUP". It sends a signal to the process with
// this log file.
func signalDaemon(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]os.Signal{"TERM": syscall.SIGTERM, "INT": os.Interrupt, "HUP": syscall.SIGHUP}
	if neg || len(args) != 2 || signals[args[1]] == nil {
		ts.Fatalf("usage: signal LOG TERM|INT|HUP")
	}
	ts.Check(processOf(ts, args[0]).Signal(signals[args[1]]))
}

// ended implements the script command "ended LOG CODE". It waits until the process with this log file has exited
// with this status. Status -1 means that a signal killed the process.
func ended(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: ended LOG CODE")
	}
	select {
	case err := <-processOf(ts, args[0]).ended:
		if code := exitCode(err); code != atoi(ts, args[1]) {
			ts.Fatalf("exits %d, want %s", code, args[1])
		}
	case <-time.After(patience):
		ts.Fatalf("still running")
	}
}

// until implements the script command "until REGEXP COMMAND ARGS...". It repeats a command until its output
// matches. The command must succeed each time.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until REGEXP COMMAND ARGS...")
	}
	re, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		ts.Check(ts.Exec(args[1], args[2:]...))
		if re.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s never prints %s", args[1], args[0])
		}
	}
}

// build implements the script command "build COMMAND". It builds another command of this repository, so that the
// script can run it.
func build(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: build COMMAND")
	}
	bin := ts.MkAbs("bin")
	ts.Check(os.MkdirAll(bin, 0o700))
	ts.Check(counterpart.Build(bin, args[0]))
	ts.Setenv("PATH", bin+string(os.PathListSeparator)+ts.Getenv("PATH"))
}

// send implements the script command "send udp|tcp ADDRESS LINE...". It sends lines. Over UDP, each line is a
// datagram.
func send(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: send udp|tcp ADDRESS LINE...")
	}
	conn, err := net.Dial(args[0], args[1])
	ts.Check(err)
	defer conn.Close()
	for _, line := range args[2:] {
		_, err := io.WriteString(conn, line+"\n")
		ts.Check(err)
	}
}

// receive implements the script command "receive FILE NAME". Like carbon, it receives lines over TCP, and writes
// them to FILE. It sets the variable NAME to its port.
func receive(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: receive FILE NAME")
	}
	file, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Setenv(args[1], port)
	done := make(chan struct{})
	ts.Defer(func() {
		_ = l.Close()
		<-done
		_ = file.Close()
	})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.Copy(file, conn)
			_ = conn.Close()
		}
	}()
}

// get implements the script command "get URL". It prints the body of an HTTP response. The status must be 200, or
// any other status if the command is negated with "!".
func get(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: get URL")
	}
	client := http.Client{Timeout: patience}
	response, err := client.Get(args[0])
	ts.Check(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	ts.Check(err)
	if ok := response.StatusCode == http.StatusOK; ok == neg {
		ts.Fatalf("%s: %s", args[0], response.Status)
	}
	_, err = ts.Stdout().Write(body)
	ts.Check(err)
}

// awaitPage implements the script command "awaitPage URL REGEXP". It requests the URL until the response matches.
func awaitPage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: awaitpage URL REGEXP")
	}
	re, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	client := http.Client{Timeout: patience}
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		response, err := client.Get(args[0])
		ts.Check(err)
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		ts.Check(err)
		if re.Match(body) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s never has a match for %s:\n%s", args[0], args[1], body)
		}
	}
}

func exitCode(err error) int {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	if err != nil {
		return -2 // the process was not started
	}
	return 0
}

func atoi(ts *testscript.TestScript, text string) int {
	n, err := strconv.Atoi(text)
	ts.Check(err)
	return n
}
