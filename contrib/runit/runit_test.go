// Package runit_test runs the daemon under the real runsv, with the scripts that operators install.
package runit_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/sink/sinktest"
)

func TestService(t *testing.T) {
	t.Parallel()
	carbon := sinktest.NewServer(t)
	s := newService(t, map[string]string{
		"STATSD_DAEMON_PORT":          fmt.Sprint(counterpart.FreeAddress(t).Port()),
		"STATSD_DAEMON_MONITOR_PORT":  "off",
		"STATSD_DAEMON_GRAPHITE_HOST": "127.0.0.1",
		"STATSD_DAEMON_GRAPHITE_PORT": strconv.Itoa(carbon.Port()),
	})
	wantHits := func(value float64) {
		t.Helper()
		wait.Until(t, fmt.Sprintf("%v hits a second are not published", value), func() bool {
			return slices.ContainsFunc(carbon.PointsOf("my_prefix.hits"), func(p sinktest.Point) bool { return p.Value == value })
		})
	}
	s.start()

	first := s.waitUp(0)
	if os.Getuid() == 0 {
		s.wantUser(first, nobody)
	}

	s.send("hits:30|c")
	s.sv("stop", "ok: down")
	wantHits(3) // 30 hits in 10 s are 3 hits a second; the daemon publishes this rate when it stops, before the next flush is due
	s.wantLog("statsd ended")

	s.sv("start", "ok: run")
	second := s.waitUp(first)
	s.sv("restart", "ok: run")
	third := s.waitUp(second)

	if err := syscall.Kill(third, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.waitUp(third)
	s.wantLog("statsd was ended by signal 9")

	s.send("hits:50|c")
	s.sv("exit", "")
	if err := s.wait(); err != nil {
		t.Errorf("runsv: %v", err)
	}
	wantHits(5)
}

// If a service cannot start, the log says why.
func TestServiceThatCannotStart(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	s := newService(t, map[string]string{
		"STATSD_DAEMON_PORT":         port,
		"STATSD_DAEMON_NAME":         "127.0.0.1",
		"STATSD_DAEMON_MONITOR_PORT": "off",
	})
	s.start()
	s.wantLog("statsd failed with exit code 1;")
	s.wantLog(port) // the log line of the daemon contains the port that is in use
}

// service is a copy of the service's files, and the runsv process that runs them.
type service struct {
	t   *testing.T
	dir string
	env map[string]string
	cmd *exec.Cmd
	end chan error
}

func newService(t *testing.T, env map[string]string) *service {
	for _, program := range []string{"runsv", "sv", "chpst", "svlogd"} {
		counterpart.Find(t, program)
	}
	// The user of the daemon must be able to enter the temporary directory of the test.
	top := t.TempDir()
	if err := os.Chmod(filepath.Dir(top), 0o711); err != nil {
		t.Fatal(err)
	}
	s := &service{t: t, dir: filepath.Join(top, "statsd"), env: env, end: make(chan error, 1)}
	if err := os.CopyFS(s.dir, os.DirFS("statsd")); err != nil {
		t.Fatal(err)
	}
	for name, value := range env {
		writeFile(t, filepath.Join(s.dir, "env", name), value+"\n")
	}
	main := filepath.Join(s.dir, "log", "main")
	if err := errors.Join(os.Mkdir(main, 0o700), giveAway(main)); err != nil {
		t.Fatal(err)
	}
	for _, script := range []string{"run", "log/run"} {
		s.changeUser(filepath.Join(s.dir, script))
	}
	if err := counterpart.Build(filepath.Join(top, "bin"), "statsd"); err != nil {
		t.Fatal(err)
	}
	return s
}

// nobody is the user id and the group id of the user nobody.
const nobody = 65534

// giveAway changes the owner of a folder to the user that runs the daemon, if the test may change
// users.
func giveAway(dir string) error {
	if os.Getuid() != 0 {
		return nil
	}
	return os.Chown(dir, nobody, nobody)
}

// changeUser changes the user in a script to nobody, because this user exists on every system. If
// the test may not change users, the script runs as the user of the test.
func (s *service) changeUser(path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	user := ""
	if os.Getuid() == 0 {
		user = "-u nobody"
	}
	changed := strings.NewReplacer("-u statsdlog", user, "-u statsd", user).Replace(string(text))
	if changed == string(text) {
		s.t.Fatalf("%s names no user", path)
	}
	writeFile(s.t, path, changed)
}

func (s *service) start() {
	s.cmd = exec.Command("runsv", s.dir)
	s.cmd.Env = append(os.Environ(), "PATH="+filepath.Join(s.dir, "..", "bin")+":"+os.Getenv("PATH"))
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() { s.end <- s.cmd.Wait() }()
	s.t.Cleanup(s.close)
}

// wait waits until runsv exits, and returns its exit status.
func (s *service) wait() error {
	select {
	case err := <-s.end:
		s.end <- err
		return err
	case <-time.After(wait.Patience):
		return errors.New("still running")
	}
}

func (s *service) close() {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Error(err)
	}
	// After a failure, the service's finish script sleeps. Killing this script ends the sleep.
	if pid := s.pid(); pid != 0 {
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
			s.t.Error(err)
		}
	}
	if err := s.wait(); err != nil {
		s.t.Errorf("runsv: %v", err)
		_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL) // kill runsv and its child processes
	}
	if s.t.Failed() {
		s.t.Logf("the service's log:\n%s", s.log())
	}
}

// sv sends runsv a command. The answer must contain want.
func (s *service) sv(command, want string) {
	s.t.Helper()
	out, err := exec.Command("sv", "-w", fmt.Sprint(wait.Patience.Seconds()), command, s.dir).CombinedOutput()
	if err != nil || !strings.Contains(string(out), want) {
		s.t.Fatalf("sv %s: %v, %q, want %q", command, err, out, want)
	}
}

// pid returns the process id of the process that runsv has started last. It returns 0 if the
// process has ended.
func (s *service) pid() int {
	text, err := os.ReadFile(filepath.Join(s.dir, "supervise", "pid"))
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}

// waitUp waits until a process with another id than old accepts connections, and returns its id.
func (s *service) waitUp(old int) int {
	s.t.Helper()
	pid := 0
	wait.Until(s.t, "the service is not up", func() bool {
		conn, err := net.Dial("tcp", s.address())
		if err != nil {
			return false
		}
		defer conn.Close()
		pid = s.pid()
		return pid != 0 && pid != old
	})
	return pid
}

func (s *service) address() string {
	return net.JoinHostPort("127.0.0.1", s.env["STATSD_DAEMON_PORT"])
}

// send sends lines over TCP. When it returns, the daemon may not have read all of them.
func (s *service) send(lines string) {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.address())
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintln(conn, lines); err != nil {
		s.t.Fatal(err)
	}
}

func (s *service) log() string {
	text, _ := os.ReadFile(filepath.Join(s.dir, "log", "main", "current"))
	return string(text)
}

func (s *service) wantLog(want string) {
	s.t.Helper()
	wait.Until(s.t, fmt.Sprintf("the log does not say %q", want), func() bool { return strings.Contains(s.log(), want) })
}

// wantUser checks which user runs a process.
func (s *service) wantUser(pid int, want uint32) {
	s.t.Helper()
	info, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
	if err != nil {
		s.t.Fatal(err)
	}
	if got := info.Sys().(*syscall.Stat_t).Uid; got != want {
		s.t.Errorf("process %d runs as user %d, want %d", pid, got, want)
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	// WriteFile sets the mode only for new files, so an executable file stays executable.
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
