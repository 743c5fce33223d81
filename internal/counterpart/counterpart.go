// Package counterpart finds and runs the real programs that the daemon works with, for tests:
// carbon, graphite-web, Prometheus, Alertmanager, nsca, stunnel, runsv, Python.
//
// By default, a test is skipped if a program that it needs is not installed. The environment
// variable COUNTERPARTS changes this. With "required", the test fails if a program is missing. With
// "none", all programs count as missing, as on a host with only Go.
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

// Find returns the path of an installed program. It searches PATH and Debian's directories for
// daemons. For Python, tests pass the absolute path /usr/bin/python3, because only this interpreter
// has Debian's modules.
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

// FreeAddress returns a loopback address with a port that is free for TCP and UDP. The port is
// reserved until the test ends, even while no socket is bound to it.
func FreeAddress(t testing.TB) netip.AddrPort {
	t.Helper()
	port, release, err := ports.Reserve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port))
}

// setting is the environment variable that says whether a test fails if its program is missing.
const setting = "COUNTERPARTS"

// Missing skips the test, or fails it if COUNTERPARTS is "required".
func Missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv(setting) == "required" {
		t.Fatalf("%s, and COUNTERPARTS=required", why)
	}
	t.Skipf("%s (make test installs it)", why)
}

// listens reports whether a program listens at addr. It does not connect to addr: nsca --single
// serves only one connection at a time, and might reset the connection that the test opens next.
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
