package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/sink/sinktest"
)

// background runs daemons in the background. Each test has its own directory.
type background struct {
	t    *testing.T
	name string // name of the command
	dir  string
}

func newBackground(t *testing.T) *background {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b := &background{t: t, dir: t.TempDir()}
	b.name = filepath.Join(b.dir, "statsd")
	if err := os.Symlink(self, b.name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if pid := b.pid(); pid > 0 {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	})
	return b
}

func (b *background) command(args ...string) *exec.Cmd {
	args = append([]string{"--daemonize", "-n", "127.0.0.1", "--monitor-port=off", "--pidfile=pid", "--log-file=log"}, args...)
	cmd := exec.Command(b.name, args...)
	cmd.Dir, cmd.Env = b.dir, append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	return cmd
}

// start runs the command with these arguments. It waits until the command has exited and its outputs are closed.
func (b *background) start(args ...string) (output string, code int) {
	b.t.Helper()
	out, err := b.command(args...).CombinedOutput()
	return string(out), exitCode(err)
}

// mustStart starts a daemon and returns its process id.
func (b *background) mustStart(args ...string) (pid int) {
	b.t.Helper()
	if out, code := b.start(args...); code != 0 || out != "" {
		b.t.Fatalf("exits %d, prints %q", code, out)
	}
	if pid = b.pid(); pid <= 0 {
		b.t.Fatal("no pidfile")
	}
	return pid
}

func (b *background) pid() int {
	pid, _ := strconv.Atoi(strings.TrimSpace(b.read("pid")))
	return pid
}

func (b *background) read(name string) string {
	text, err := os.ReadFile(filepath.Join(b.dir, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.t.Error(err)
	}
	return string(text)
}

func (b *background) until(what string, is func() bool) {
	b.t.Helper()
	for until := time.Now().Add(wait.Patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			b.t.Fatalf("not yet %s; the log says:\n%s", what, b.read("log"))
		}
	}
}

func (b *background) signal(pid int, s syscall.Signal) {
	b.t.Helper()
	if err := unix.Kill(pid, s); err != nil {
		b.t.Fatal(err)
	}
}

// gone waits until a process has exited and is no longer in the process table.
func (b *background) gone(pid int) {
	b.t.Helper()
	b.until("gone", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		// In a container without an init process, no process reaps orphans, so the daemon stays a zombie.
		return err != nil || bytes.Contains(stat, []byte(") Z "))
	})
}

// stop stops a daemon, and checks that its exit status is 0.
func (b *background) stop(pid int) {
	b.t.Helper()
	b.signal(pid, unix.SIGTERM)
	b.gone(pid)
	if b.pid() != 0 {
		b.t.Error("the pidfile is there after the end")
	}
}

func TestDaemonize(t *testing.T) {
	t.Parallel()
	b := newBackground(t)
	inherited, err := os.Open("/dev/zero")
	if err != nil {
		t.Fatal(err)
	}
	defer inherited.Close()
	cmd := b.command("-p", "0")
	cmd.ExtraFiles = []*os.File{inherited}
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v: %s", err, out)
	}
	pid := b.pid()
	for file, pattern := range map[string]string{
		// The fields are the process id, the state, the parent, the process group, the session, and the terminal (0
		// means none).
		"stat":   fmt.Sprintf(`^%d \(statsd.*\) [SR] \d+ %d %d 0 `, pid, pid, pid),
		"status": `(?m)^Umask:\s0022$`,
	} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
		if err != nil || !regexp.MustCompile(pattern).Match(text) {
			t.Errorf("%s is %s, %v, want %s", file, text, err, pattern)
		}
	}
	dir := fmt.Sprintf("/proc/%d/fd/", pid)
	descriptors, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range descriptors {
		n, _ := strconv.Atoi(d.Name())
		to, _ := os.Readlink(dir + d.Name())
		if n < 3 && to != os.DevNull || to == "/dev/zero" || strings.HasPrefix(to, "pipe:") {
			t.Errorf("descriptor %s is %s", d.Name(), to)
		}
	}
	if !strings.Contains(b.read("log"), `"message":"ready for udp and tcp"`) {
		t.Errorf("the log is %s", b.read("log"))
	}
	b.stop(pid)
	if !strings.Contains(b.read("log"), `"message":"ended"`) {
		t.Errorf("the log is %s", b.read("log"))
	}
}

// TestDaemonizeFails checks that the command that starts the daemon reports why it cannot start.
func TestDaemonizeFails(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	b := newBackground(t)
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"-p", port}, exitFailed, "^statsd: --port " + port + `: listen on tcp 127\.0\.0\.1:\d+: bind: address already in use: process \d+ \(.*\) uses it\n$`},
		{[]string{"--expire=0"}, exitFailed, "^statsd: --expire 0: must be at least 1 flush\n$"},
		{[]string{"--bogus"}, exitUsage, "^statsd: unknown long flag '--bogus'; statsd --help lists the flags\n$"},
	} {
		if out, code := b.start(tt.args...); code != tt.code || !regexp.MustCompile(tt.want).MatchString(out) {
			t.Errorf("%s: exits %d, prints %q, want %d, %q", tt.args, code, out, tt.code, tt.want)
		}
		if b.pid() != 0 {
			t.Error("there is a pidfile")
		}
	}
	if !strings.Contains(b.read("log"), "address already in use") {
		t.Errorf("the log is %q", b.read("log"))
	}
}

func TestPidfile(t *testing.T) {
	t.Parallel()
	b := newBackground(t)
	first := b.mustStart("-p", "0")
	want := fmt.Sprintf("statsd: --pidfile pid: process %d has locked the file\n", first)
	if out, code := b.start("-p", "0"); code != exitFailed || out != want {
		t.Errorf("a second one exits %d, prints %q", code, out)
	}
	b.signal(first, unix.SIGKILL)
	b.gone(first)
	if b.pid() != first {
		t.Error("who was killed left no pidfile")
	}
	second := b.mustStart("-p", "0")
	if second == first {
		t.Error("the second one has the first one's id")
	}
	b.stop(second)
}

// TestLogFile checks that SIGHUP creates a new log file after logrotate has moved the old file away. This must
// also work if the settings are invalid.
func TestLogFile(t *testing.T) {
	t.Parallel()
	b := newBackground(t)
	if err := os.WriteFile(filepath.Join(b.dir, "conf"), []byte("pct 50\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	pid := b.mustStart("-p", "0", "--config=conf")
	rename := func() error { return os.Rename(filepath.Join(b.dir, "log"), filepath.Join(b.dir, "log.1")) }
	if err := errors.Join(rename(), os.WriteFile(filepath.Join(b.dir, "conf"), []byte("pct 101\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	b.signal(pid, unix.SIGHUP)
	b.until("a line in the new file", func() bool { return strings.Contains(b.read("log"), "reload failed") })
	if old := b.read("log.1"); !strings.Contains(old, "ready for") || strings.Contains(old, "settings") {
		t.Errorf("the old file is %s", old)
	}
	b.stop(pid)
}

// TestDaemonizeOnTerminal checks that a daemon without a log file logs to the terminal until it is ready.
func TestDaemonizeOnTerminal(t *testing.T) {
	t.Parallel()
	keyboard, screen := openTerminal(t)
	b := newBackground(t)
	cmd := b.command("-p", "0", "-q")
	cmd.Args = slices.DeleteFunc(cmd.Args, func(arg string) bool { return arg == "--log-file=log" })
	cmd.Stdin, cmd.Stdout, cmd.Stderr = screen, screen, screen
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	cmd.Env = append(cmd.Env, "NO_COLOR=1")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	pid := b.pid()
	if err := screen.Close(); err != nil {
		t.Error(err)
	}
	text, _ := io.ReadAll(keyboard) // returns with EIO when no process has the terminal open any more
	if !bytes.Contains(text, []byte("WRN the daemon runs in the background without --log-file: it logs nothing from now on")) {
		t.Errorf("prints %q", text)
	}
	if err := keyboard.Close(); err != nil {
		t.Error(err)
	}
	if err := unix.Kill(pid, 0); err != nil {
		t.Errorf("after the terminal: %v", err)
	}
	b.stop(pid)
}

// TestDaemonizeSockets checks that the daemon in the background gets the inherited sockets of the process that started
// it. The daemon must also send READY=1 and its own process id to the supervisor.
func TestDaemonizeSockets(t *testing.T) {
	t.Parallel()
	c := sinktest.NewServer(t)
	b := newBackground(t)
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	file, err := tcp.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	notify, err := net.ListenPacket("unixgram", filepath.Join(b.dir, "notify"))
	if err != nil {
		t.Fatal(err)
	}
	defer notify.Close()

	cmd := b.command("-p", "0", "--flush-interval=100ms", "--counters-prefix=", "--graphite-host=127.0.0.1", fmt.Sprint("--graphite-port=", c.Port()))
	// exec keeps the process id of the shell.
	cmd.Args = append([]string{"sh", "-c", `LISTEN_PID=$$ exec "$@"`, "sh"}, cmd.Args...)
	cmd.Path = "/bin/sh"
	cmd.Env = append(cmd.Env, "LISTEN_FDS=1", "NOTIFY_SOCKET="+notify.LocalAddr().String())
	cmd.ExtraFiles = []*os.File{file}
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v: %s", err, out)
	}
	pid := b.pid()
	text := make([]byte, 1<<10)
	n, _, err := notify.ReadFrom(text)
	if want := fmt.Sprintf("READY=1\nMAINPID=%d", pid); err != nil || string(text[:n]) != want {
		t.Errorf("tells %q, %v, want %q", text[:n], err, want)
	}
	conn, err := net.Dial("tcp", tcp.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("hits:10|c\n")); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if points := c.WaitOf("hits", 1, patience); points[0].Value != 100 {
		t.Errorf("publishes %v", points)
	}
	b.stop(pid)
}
