package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// openTerminal returns both ends of a pseudo-terminal of the given size: see pts(4).
func openTerminal(t *testing.T, columns, lines uint16) (keyboard, screen *os.File) {
	t.Helper()
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
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: lines}); err != nil {
		t.Fatal(err)
	}
	return keyboard, screen
}

// program returns the command statsdmonitor, which is not started yet. Its output goes to a
// terminal.
func program(screen *os.File, environment []string, args ...string) *exec.Cmd {
	cmd := exec.Command("statsdmonitor", args...)
	cmd.Env = append(os.Environ(), "TZ=UTC", "GORACE=atexit_sleep_ms=0", "COLUMNS=33", "NO_COLOR=", "TERM=xterm")
	cmd.Env = append(cmd.Env, environment...)
	cmd.Stdout, cmd.Stderr = screen, screen
	return cmd
}

// onTerminal returns the output of the command on a terminal.
func onTerminal(t *testing.T, columns uint16, environment []string, args ...string) string {
	t.Helper()
	keyboard, screen := openTerminal(t, columns, 50)
	cmd := program(screen, environment, args...)
	err := cmd.Start()
	_ = screen.Close()
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(keyboard) // returns with EIO when the command has exited
	_ = cmd.Wait()
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}

func withoutColour(text string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "\x1b[")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		_, text, _ = strings.Cut(rest, "m")
	}
}

// TestTerminal runs each command on terminals with 80 and 120 columns. The output may differ from the output in a
// pipe only in its colours. There must be no colours if the terminal does not support them, or if the user turned
// them off.
func TestTerminal(t *testing.T) {
	t.Setenv("STATSDMONITOR_AT", startFake(t).Listener.Addr().String())
	for _, tt := range shown {
		for _, columns := range []uint16{80, 120} {
			words, want := strings.Fields(tt.line), golden(t, tt.golden, fmt.Sprint(columns))
			coloured := onTerminal(t, columns, nil, words...)
			if got := withoutColour(coloured); got != want {
				t.Errorf("%s at %d columns: got\n%swant\n%s", tt.line, columns, got, want)
			}
			if !strings.Contains(coloured, "\x1b[") {
				t.Errorf("%s: no colour: %s", tt.line, coloured)
			}
			for _, plain := range []string{"NO_COLOR=1", "TERM=dumb"} {
				if got := onTerminal(t, columns, []string{plain}, words...); got != want {
					t.Errorf("%s with %s at %d columns: got\n%q", tt.line, plain, columns, got)
				}
			}
		}
	}
}

// TestWatchOnTerminal runs a command with --watch on a terminal with 10 lines, until an interrupt.
func TestWatchOnTerminal(t *testing.T) {
	f := startFake(t)
	keyboard, screen := openTerminal(t, 80, 10)
	cmd := program(screen, nil, "status", "--watch=0.1", f.at())
	err := cmd.Start()
	_ = screen.Close()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	chunk := make([]byte, 4096)
	for strings.Count(text.String(), toTop) < 3 {
		n, err := keyboard.Read(chunk)
		if err != nil {
			t.Fatalf("ends with %v after %q", err, &text)
		}
		text.Write(chunk[:n])
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(keyboard)
	text.Write(rest)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	all := text.String()
	if !strings.HasPrefix(all, hideCursor+toTop) || !strings.HasSuffix(all, showCursor) {
		t.Errorf("writes %q", all)
	}
	frame := strings.Split(all, toTop)[2]
	if n := strings.Count(frame, "\n"); n != 8 || !strings.Contains(frame, "... 8 more lines"+clearLine+clearBelow) {
		t.Errorf("a frame has %d lines more: %q", n, frame)
	}
}

// TestWatchOnDumbTerminal checks that the output on a terminal without escape sequences is the same as in a pipe.
func TestWatchOnDumbTerminal(t *testing.T) {
	f := startFake(t)
	keyboard, screen := openTerminal(t, 80, 10)
	cmd := program(screen, []string{"TERM=dumb"}, "sinks", "--watch=0.1", f.at())
	err := cmd.Start()
	_ = screen.Close()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	chunk := make([]byte, 4096)
	for strings.Count(text.String(), "live\r\n\r\n") < 2 {
		n, err := keyboard.Read(chunk)
		if err != nil {
			t.Fatalf("ends with %v after %q", err, &text)
		}
		text.Write(chunk[:n])
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_, _ = io.ReadAll(keyboard)
	if err := cmd.Wait(); err != nil || strings.Contains(text.String(), "\x1b") {
		t.Errorf("%v, writes %q", err, &text)
	}
}
