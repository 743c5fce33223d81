// Package counterpart finds and runs the real programs that the daemon works
// with, for tests: carbon, graphite-web, Prometheus, nsca, stunnel, runsv, Python.
//
// A test that needs a program which is not installed is skipped. $COUNTERPARTS
// changes that: with "required" the test fails, and with "none" no program is found,
// as on a host that has Go alone.
package counterpart

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/statsd-ops/statsd/internal/ports"
	"github.com/statsd-ops/statsd/internal/sockets"
)

// Find returns the path of an installed program. It searches PATH and Debian's folders for daemons.
// Tests pass an absolute path for /usr/bin/python3, because only that one has Debian's modules.
func Find(t testing.TB, program string) string {
	t.Helper()
	if os.Getenv(setting) == "none" {
		Missing(t, program+" is hidden by COUNTERPARTS=none")
	}
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

// FreeAddress returns a loopback address that is free for TCP and for UDP. It stays reserved until
// the test ends, even while nothing listens there.
func FreeAddress(t testing.TB) netip.AddrPort {
	t.Helper()
	port, release, err := ports.Reserve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port))
}

// setting is the variable that decides what happens if a program is missing.
const setting = "COUNTERPARTS"

// Missing skips the test, or fails it if skipping is not allowed.
func Missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv(setting) == "required" {
		t.Fatalf("%s, and COUNTERPARTS=required", why)
	}
	t.Skipf("%s (make test installs it)", why)
}

// listens reports whether a program listens at addr. It does not connect: nsca --single serves one
// connection at a time, and may reset the test's own.
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
