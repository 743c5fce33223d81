package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestTerminal runs the daemon on a terminal. Its log is then formatted for people, in colour
// unless NO_COLOR is set.
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

// openTerminal returns both ends of a pseudo-terminal, see pts(4).
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
