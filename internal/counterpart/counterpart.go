// Package counterpart finds and runs the real programs that the daemon works
// with, for tests: carbon, graphite-web, nsca, stunnel, runsv, Python.
//
// A test that needs a program which is not installed is skipped, unless the
// environment has COUNTERPARTS=required, as in make test: then it fails.
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

// Find returns the path of an installed program. Besides PATH it looks where
// Debian puts daemons. An absolute path is only checked for being there: tests
// name /usr/bin/python3 so, because Debian's modules belong to that one.
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

// FreeAddress returns an address of the loopback that is free for TCP and for UDP now,
// for a program that must be told one.
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

// Missing skips the test because of why, or fails it where nothing may be
// skipped.
func Missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("COUNTERPARTS") == "required" {
		t.Fatalf("%s, and COUNTERPARTS=required", why)
	}
	t.Skipf("%s (make test installs it)", why)
}

// listens reports whether a program listens at addr, without connecting: nsca --single
// has reset the test's connection when it came while one that had only looked was going.
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
