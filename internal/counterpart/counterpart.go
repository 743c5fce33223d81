// Package counterpart finds and runs the real programs that the daemon works with, for tests:
// carbon, graphite-web, nsca, stunnel, runsv, Python.
//
// A test is skipped if its program is not installed. With COUNTERPARTS=required in the environment,
// as in make test, it fails instead.
package counterpart

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/statsd-ops/statsd/internal/sockets"
)

// Find returns the path of an installed program. It searches PATH and the folders where Debian puts
// daemons. For an absolute path it only checks that the file exists: tests use /usr/bin/python3,
// because only that one finds Debian's modules.
func Find(t testing.TB, program string) string {
	t.Helper()
	if path, err := exec.LookPath(program); err == nil {
		return path
	}
	for _, dir := range []string{"/usr/sbin", "/usr/bin", "/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, filepath.Base(program))); err == nil && !filepath.IsAbs(program) {
			return path
		}
	}
	Missing(t, program+" is not installed")
	return ""
}

// FreeAddress returns a loopback address that is free for TCP and UDP, for a program that must be
// given one.
func FreeAddress(t testing.TB) netip.AddrPort {
	t.Helper()
	for range 100 {
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer tcp.Close()
		if udp, err := net.ListenPacket("udp", tcp.Addr().String()); err == nil {
			defer udp.Close()
			return tcp.Addr().(*net.TCPAddr).AddrPort()
		}
	}
	t.Fatal("no port is free for TCP and for UDP")
	return netip.AddrPort{}
}

// Missing skips the test with a reason, or fails it if skipping is not allowed.
func Missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("COUNTERPARTS") == "required" {
		t.Fatalf("%s, and COUNTERPARTS=required", why)
	}
	t.Skipf("%s (make test installs it)", why)
}

// listens reports whether a program listens at addr, without connecting. A connection only to check
// disturbs nsca --single: it has reset the test's next connection.
func listens(t testing.TB, addr string) bool {
	t.Helper()
	at, err := netip.ParseAddrPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	state, err := sockets.On("tcp", int(at.Port()))
	if err != nil {
		t.Fatal(err)
	}
	return state.Bound
}
