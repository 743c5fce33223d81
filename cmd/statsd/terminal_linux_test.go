package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestTerminal runs the daemon on a terminal. The log must be in the format for people, in colour unless NO_COLOR
// is set.
func TestTerminal(t *testing.T) {
	for _, tt := range []struct{ variable, want string }{
		{"NO_COLOR=", `^\x1b\[90m\d+-\d+-\d+ \d+:\d+:\d+\x1b\[0m \x1b\[3\dm[A-Z]{3}\x1b\[0m \x1b\[1m[a-z ]+`},
		{"NO_COLOR=1", `^\d+-\d+-\d+ \d+:\d+:\d+ [A-Z]{3} [a-z ]+`},
	} {
		keyboard, screen := openTerminal(t)
		cmd := exec.Command("statsd", "-p", "0", "-n", "127.0.0.1")
		cmd.Env = append(os.Environ(), tt.variable, "GORACE=atexit_sleep_ms=0")
		cmd.Stderr = screen
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(keyboard).ReadString('\n')
		if err != nil || !regexp.MustCompile(tt.want).MatchString(line) {
			t.Errorf("%s: prints %q, %v, want %s", tt.variable, line, err, tt.want)
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// TestWelcome starts the daemon on a terminal. Without a sink, it must print three lines with the next steps.
// With a sink, or with --quiet, it must not print them.
func TestWelcome(t *testing.T) {
	for _, tt := range []struct {
		args  []string
		ready string // a part of the output; the test stops the daemon when this text is printed
		want  string
	}{
		{nil, "publish: ", `  send:     echo 'hits:1\|c' \| nc -uw1 localhost \d+\r\n  look:     http://localhost:\d+/\r\n  publish:  statsd --graphite-host HOST, or -s stdout:// to see it here\r\n`},
		{[]string{"--monitor-port", "off"}, "publish: ", `\r\n  look:     with a monitor \(--monitor-port\)\r\n`},
		{[]string{"-s", "stdout://"}, "ready for udp", ""},
		{[]string{"-q"}, "no sink", ""},
	} {
		text := onTerminal(t, tt.ready, tt.args...)
		if tt.want == "" && strings.Contains(text, "publish: ") || !regexp.MustCompile(tt.want).MatchString(text) {
			t.Errorf("%q: prints %q, want %q", tt.args, text, tt.want)
		}
	}
}

// onTerminal runs the daemon on a terminal, and stops it when the output contains the text in the
// parameter ready. It returns the whole output of the daemon.
func onTerminal(t *testing.T, ready string, args ...string) string {
	t.Helper()
	keyboard, screen := openTerminal(t)
	cmd := exec.Command("statsd", append([]string{"-p", "0", "-n", "127.0.0.1"}, args...)...)
	cmd.Env = append(os.Environ(), "NO_COLOR=1", "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = screen
	if err := errors.Join(cmd.Start(), screen.Close()); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	out := bufio.NewReader(keyboard)
	for !strings.Contains(text.String(), ready) {
		line, err := out.ReadString('\n')
		if text.WriteString(line); err != nil {
			t.Fatalf("%v after %q", err, text.String())
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	_, _ = io.Copy(&text, out) // returns an error when no process has the terminal open any more
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	return text.String()
}

// openTerminal returns both ends of a pseudo-terminal: see pts(4).
func openTerminal(t *testing.T) (keyboard, screen *os.File) {
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { _ = keyboard.Close() })
	fd := int(keyboard.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	screen, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = screen.Close() })
	return keyboard, screen
}
