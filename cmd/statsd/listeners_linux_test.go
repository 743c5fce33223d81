package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestUnixSocketsOfTheDaemon starts a daemon with unix sockets. The log must name the sockets, and another daemon
// must not be able to use them. When the daemon exits, it must remove the socket files and publish its points.
func TestUnixSocketsOfTheDaemon(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	gram, stream, out := filepath.Join(directory, "gram"), filepath.Join(directory, "stream"), filepath.Join(directory, "out")
	points, err := os.Create(out)
	if err != nil {
		t.Fatal(err)
	}
	defer points.Close()
	d := startDaemon(t, "--flush-interval=1h", "--listen=unixgram://"+gram+"?mode=0600", "--listen=unix://"+stream, "--state-file="+out+".state")
	d.awaitLog("ready for udp and tcp and unixgram and unix")
	for path, mode := range map[string]fs.FileMode{gram: 0o600, stream: 0o660} {
		if info, err := os.Lstat(path); err != nil || info.Mode() != fs.ModeSocket|mode {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
	for network, path := range map[string]string{"unixgram": gram, "unix": stream} {
		conn, err := net.Dial(network, path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte(network + ":7|g\n")); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
	}
	var text strings.Builder
	second := exec.Command(d.cmd.Path, "--monitor-port=off", "--listen=unixgram://"+gram)
	second.Stderr = &text
	want := fmt.Sprintf("statsd: --listen unixgram://%s: address already in use: process %d has locked the file\n", gram, d.cmd.Process.Pid)
	if err := second.Run(); second.ProcessState.ExitCode() != exitFailed || text.String() != want {
		t.Errorf("a second daemon: %v, %s, want %s", err, text.String(), want)
	}
	if err := errors.Join(d.cmd.Process.Signal(syscall.SIGTERM), d.cmd.Wait()); err != nil {
		t.Error(err)
	}
	for _, path := range []string{gram, stream} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s after the end: %v", path, err)
		}
	}
	state, err := os.ReadFile(out + ".state")
	if err != nil || !strings.Contains(string(state), " 7 unixgram\n") || !strings.Contains(string(state), " 7 unix\n") {
		t.Errorf("%v; the state:\n%s", err, state)
	}
}
