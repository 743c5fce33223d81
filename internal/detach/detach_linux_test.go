package detach

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/statsd-ops/statsd/internal/wait"
)

// mode is the name of an environment variable. If it is set, the test program detaches itself: see
// TestMain.
const mode = "DETACH_TEST"

func TestMain(m *testing.M) {
	if mode := os.Getenv(mode); mode != "" {
		os.Exit(detaching(mode))
	}
	os.Exit(m.Run())
}

// report is the daemon's description of its own process.
type report struct {
	Pid, Parent, Session, Umask int
	Args                        []string
	Dir                         string
	Descriptors                 map[string]string
	Environment                 []string
}

// detaching detaches this process, and then performs the action that the parameter mode selects. It
// returns the exit status.
func detaching(mode string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	daemon, err := Daemon()
	if err == nil && daemon == nil {
		if err = Run(ctx); err == nil {
			return 0
		}
	}
	if exit, ok := errors.AsType[*Error](err); ok {
		fmt.Println(err)
		return exit.Code & 0xff
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	switch mode {
	case "fail":
		fmt.Fprintln(os.Stderr, "no such luck")
		return 3
	case "end":
		return 0
	case "killed":
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
	case "slow":
		fmt.Fprintln(os.Stderr, "slow")
		time.Sleep(time.Minute)
	}
	if err := daemon.Ready(); err != nil {
		return 4
	}
	fmt.Fprintln(os.Stderr, "this is not read")
	if err := writeReport(mode); err != nil {
		return 5
	}
	time.Sleep(time.Minute)
	return 0
}

func writeReport(path string) error {
	r := report{Pid: os.Getpid(), Parent: os.Getppid(), Args: os.Args, Environment: os.Environ(), Descriptors: map[string]string{}}
	r.Session, _ = unix.Getsid(0)
	r.Umask = unix.Umask(0)
	r.Dir, _ = os.Getwd()
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		return err
	}
	// Descriptors that the Go runtime opened are left out.
	for _, e := range entries {
		if to, err := os.Readlink("/dev/fd/" + e.Name()); err == nil && !strings.HasPrefix(to, "anon_inode:") && !strings.HasPrefix(to, "/sys/") {
			r.Descriptors[e.Name()] = to
		}
	}
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(path+".new", b, 0o666), os.Rename(path+".new", path))
}

// run runs the test program in a mode, and passes it files as descriptors 3 and up.
func run(t *testing.T, mode1 string, files []*os.File, environment ...string) (out, errOut string, code int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr strings.Builder
	cmd := exec.Command(self, "one", "two")
	cmd.Env = append(append(os.Environ(), mode+"="+mode1, "GORACE=atexit_sleep_ms=0"), environment...)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles, cmd.Dir = &stdout, &stderr, files, t.TempDir()
	// cmd.Run returns when no process has these outputs open any more.
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	return stdout.String(), stderr.String(), code
}

// detached runs the test program, which must succeed. It returns the report of the daemon.
func detached(t *testing.T, files []*os.File, environment ...string) (r report) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report")
	out, errOut, code := run(t, path, files, environment...)
	if out != "" || errOut != "" || code != 0 {
		t.Fatalf("prints %q and %q, exits %d", out, errOut, code)
	}
	return readReport(t, path)
}

func readReport(t *testing.T, path string) (r report) {
	t.Helper()
	var b []byte
	for until := time.Now().Add(wait.Patience); ; time.Sleep(5 * time.Millisecond) {
		var err error
		if b, err = os.ReadFile(path); err == nil {
			break
		}
		if time.Now().After(until) {
			t.Fatal(err)
		}
	}
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Kill(r.Pid, unix.SIGKILL) })
	return r
}

func pipe(t *testing.T) []*os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	return []*os.File{r, w}
}

func TestDetached(t *testing.T) {
	r := detached(t, pipe(t), "LISTEN_FDS=1", "LISTEN_PID=1", "WATCHDOG_PID=1")
	if r.Session != r.Pid {
		t.Errorf("process %d is in session %d", r.Pid, r.Session)
	}
	if r.Umask != 0o022 {
		t.Errorf("the umask is %o", r.Umask)
	}
	if !slices.Equal(r.Args[1:], []string{"one", "two"}) || !strings.Contains(r.Dir, t.Name()) {
		t.Errorf("runs %q in %s", r.Args, r.Dir)
	}
	for fd, to := range r.Descriptors {
		if n, _ := strconv.Atoi(fd); n < 3 && to != "/dev/null" || strings.HasPrefix(to, "pipe:") {
			t.Errorf("descriptor %s is %s", fd, to)
		}
	}
	if len(r.Descriptors) < 3 {
		t.Errorf("descriptors are %v", r.Descriptors)
	}
	for _, name := range []string{marker, "LISTEN_PID", "LISTEN_FDS", "WATCHDOG_PID"} {
		if i := slices.IndexFunc(r.Environment, func(v string) bool { return strings.HasPrefix(v, name+"=") }); i >= 0 {
			t.Errorf("has %s", r.Environment[i])
		}
	}
	if r.Parent == os.Getpid() {
		t.Error("its parent is the test")
	}
}

// TestSockets checks that the daemon inherits the sockets that were passed to the command. The test
// starts the command through sh, because LISTEN_PID must be the process id of the command: sh keeps
// its process id when it executes the command.
func TestSockets(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "report")
	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ WATCHDOG_PID=$$ exec "$0"`, self)
	cmd.Env = append(os.Environ(), mode+"="+path, "LISTEN_FDS=1", "GORACE=atexit_sleep_ms=0")
	cmd.ExtraFiles = pipe(t)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r := readReport(t, path)
	want, err := os.Readlink(fmt.Sprint("/dev/fd/", cmd.ExtraFiles[0].Fd()))
	if err != nil {
		t.Fatal(err)
	}
	if r.Descriptors["3"] != want || strings.HasPrefix(r.Descriptors["4"], "pipe:") {
		t.Errorf("descriptors are %v, want 3 to be %s", r.Descriptors, want)
	}
	for _, want := range []string{"LISTEN_FDS=1", fmt.Sprint("LISTEN_PID=", r.Pid), fmt.Sprint("WATCHDOG_PID=", r.Pid)} {
		if !slices.Contains(r.Environment, want) {
			t.Errorf("has no %s: %q", want, r.Environment)
		}
	}
}

func TestFails(t *testing.T) {
	for _, tt := range []struct {
		mode, variable, out, errOut string
		code                        int
	}{
		{"fail", "", "the daemon ended before it was ready: exit status 3\n", "no such luck\n", 3},
		{"end", "", "the daemon ended before it was ready\n", "", 0},
		{"killed", "", "the daemon ended before it was ready: signal: killed\n", "", 255},
		{"fail", marker + "=x", marker + "=x: must be a descriptor; only this program should set it\n", "", 1},
		{"fail", marker + "=0", marker + "=0: is not open as a pipe; only this program should set it\n", "", 1},
		{"fail", marker + "=99", marker + "=99: is not open as a pipe; only this program should set it\n", "", 1},
	} {
		if out, errOut, code := run(t, tt.mode, nil, tt.variable); out != tt.out || errOut != tt.errOut || code != tt.code {
			t.Errorf("%s %s: prints %q and %q, exits %d", tt.mode, tt.variable, out, errOut, code)
		}
	}
}

// TestGivesUp checks that the daemon is stopped if the caller of Run cancels ctx.
func TestGivesUp(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), mode+"=slow", "GORACE=atexit_sleep_ms=0")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := stderr.Read(make([]byte, 10)); err != nil { // a byte on stderr shows that the daemon runs
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 255 {
		t.Error(err)
	}
}
