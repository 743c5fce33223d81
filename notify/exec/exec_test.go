package exec

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/notify"
)

func TestArguments(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	t.Setenv("OUT", out)
	program := newProgram(t, Config{Path: "testdata/arguments"})
	for status, service := range map[notify.Status]string{
		notify.OK: "statsd", notify.Warning: "-x", notify.Critical: "", notify.Unknown: "a b", 99: "*",
	} {
		const text = `$(exit 9) "a" 'b' *; exit 9 | \` + "`id`"
		if err := program.Notify(t.Context(), notify.Event{Status: status, Service: service, Text: text}); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if want := "3\n" + status.String() + "\n" + service + "\n" + text + "\n0\n"; string(got) != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestFailure(t *testing.T) {
	for name, want := range map[string]string{
		"fail":      `exit status 3: "paging statsd\nmodem: no carrier"`,
		"quiet":     `exit status 1`,
		"noisy":     `exit status 1: "\x1b[31m\xff\u00fc\n` + strings.Repeat(strings.Repeat("x", 79)+`\n`, 3) + `xxxxxxx"...`,
		"signal":    `signal: segmentation fault`,
		"noshebang": `cannot be run: exec format error (a script needs a #! line)`,
	} {
		program := newProgram(t, Config{Path: "testdata/" + name})
		wantError(t, program.Notify(t.Context(), notify.Event{Service: "statsd"}), "exec "+program.path+": "+want)
	}
}

func TestProgramGoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	program := newProgram(t, Config{Path: path})
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	wantError(t, program.Notify(t.Context(), notify.Event{}), "exec "+path+": cannot be run: no such file or directory")
}

// TestForeignProgram checks that a program that may come from another user is refused, also if it
// replaces the program later.
func TestForeignProgram(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	dir := t.TempDir()
	path, out := filepath.Join(dir, "program"), filepath.Join(dir, "out")
	if err := os.WriteFile(path, []byte("#!/bin/sh\ntouch "+out+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o1777); err != nil {
		t.Fatal(err)
	}
	program := newProgram(t, Config{Path: path})
	if err := os.Chown(path, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	const why = "refused: it belongs to user 65534, in a directory that every user can write to: there, only root or the daemon's user (0) may own it"
	wantError(t, program.Notify(t.Context(), notify.Event{}), "exec "+path+": cannot be run: "+why)
	_, err := New(Config{Path: path})
	wantError(t, err, fmt.Sprintf("--notify-exec: cannot run %+q: %s", path, why))
	if _, err := os.Stat(out); err == nil {
		t.Error("the program ran")
	}
}

func TestTimeoutKillsAll(t *testing.T) {
	want := regexp.MustCompile(`: the program had not ended after [0-9.]+s, and was killed: "dialling"$`)
	wait.Longer(t, time.Second, func(timeout time.Duration) error {
		alive := newFIFO(t)
		err := newProgram(t, Config{Path: "testdata/hang", Timeout: timeout}).Notify(t.Context(), notify.Event{})
		if err == nil || !want.MatchString(err.Error()) {
			return fmt.Errorf("got %w", err)
		}
		alive.waitUp(t)
		alive.waitEnd(t)
		return nil
	})
}

func TestContextKillsAll(t *testing.T) {
	alive := newFIFO(t)
	program := newProgram(t, Config{Path: "testdata/hang"})
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() { result <- program.Notify(ctx, notify.Event{}) }()
	alive.waitUp(t)
	cancel()
	if err := <-result; err == nil || !strings.Contains(err.Error(), ": the program had not ended after ") {
		t.Errorf("got %v", err)
	}
	alive.waitEnd(t)
}

func TestNothingIsLeftRunning(t *testing.T) {
	alive := newFIFO(t)
	if err := newProgram(t, Config{Path: "testdata/leave"}).Notify(t.Context(), notify.Event{}); err != nil {
		t.Error(err)
	}
	alive.waitUp(t)
	alive.waitEnd(t)
}

// TestEscapedProcessIsNotAwaited checks that Notify neither kills nor waits for a process that has left the
// process group.
func TestEscapedProcessIsNotAwaited(t *testing.T) {
	counterpart.Find(t, "setsid")
	file := filepath.Join(t.TempDir(), "pid")
	t.Setenv("PID", file)
	goroutines := runtime.NumGoroutine()
	if err := newProgram(t, Config{Path: "testdata/escape"}).Notify(t.Context(), notify.Event{}); err != nil {
		t.Error(err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Errorf("the process that escaped: %v", err)
	}
	for deadline := time.Now().Add(wait.Patience); runtime.NumGoroutine() > goroutines; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, there were %d", runtime.NumGoroutine(), goroutines)
		}
	}
}

func TestValidate(t *testing.T) {
	for path, want := range map[string]string{
		"testdata/fail":    "",
		"/bin/sh":          "",
		"":                 "--notify-exec: is empty: give the path of a program",
		"testdata/missing": `--notify-exec: cannot run "testdata/missing": no such file or directory`,
		"sh":               `--notify-exec: cannot run "sh": no such file or directory`,
		"testdata":         `--notify-exec: cannot run "testdata": is a directory`,
		"testdata/plain":   `--notify-exec: cannot run "testdata/plain": permission denied`,
	} {
		if err := (Config{Path: path}).Validate(); want != "" {
			wantError(t, err, want)
		} else if err != nil {
			t.Error(err)
		}
	}
}

func newProgram(t *testing.T, c Config) *Program {
	t.Helper()
	program, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return program
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
