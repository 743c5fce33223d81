package bind

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

func TestNetwork(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"0.0.0.0:1": "tcp4", "127.0.0.1:1": "tcp4", "[::ffff:127.0.0.1]:1": "tcp4",
		"[::]:1": "tcp6", "[::1]:1": "tcp6", "[fe80::1%eth0]:1": "tcp6",
		":1": "tcp", "localhost:1": "tcp", "statsd.example.com:1": "tcp",
	} {
		if got := Network("tcp", address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}

// TestFamilies connects over IPv4 and over IPv6 to each wildcard address.
func TestFamilies(t *testing.T) {
	t.Parallel()
	if l, err := net.Listen("tcp6", "[::1]:0"); err != nil {
		t.Skip("no IPv6 here:", err)
	} else {
		_ = l.Close()
	}
	for host, want := range map[string]string{"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1 ::1"} {
		l, err := TCP(net.JoinHostPort(host, "0"))
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(l.Addr().String())
		var open []string
		for _, to := range []string{"127.0.0.1", "::1"} {
			if conn, err := net.Dial("tcp", net.JoinHostPort(to, port)); err == nil {
				open = append(open, to)
				_ = conn.Close()
			}
		}
		if got := strings.Join(open, " "); got != want {
			t.Errorf("%q is open on %s, want %s", host, got, want)
		}
		_ = l.Close()
	}
}

func TestHolder(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	l, err := TCP("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, err = TCP(l.Addr().String())
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.HasSuffix(err.Error(), "address already in use: this process uses it already") {
		t.Error(err)
	}
	// A child process inherits the socket. After the parent has closed the socket, only the child has
	// it.
	file, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command("sleep", "1000")
	child.ExtraFiles = []*os.File{file}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = child.Process.Kill(), child.Wait() }()
	_, _ = file.Close(), l.Close()
	_, err = TCP(l.Addr().String())
	if want := fmt.Sprintf("address already in use: process %d (sleep) uses it", child.Process.Pid); err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}
