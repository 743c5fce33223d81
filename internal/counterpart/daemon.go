package counterpart

import (
	"net/netip"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// Daemon is the statsd program of this repository, for tests of programs that query it.
type Daemon struct {
	Addr    string // address for metric lines
	Monitor string // address for HTTP
}

// StartDaemon builds statsd and runs it with these arguments on free ports. The daemon is stopped
// at the end of the test.
func StartDaemon(t testing.TB, args ...string) *Daemon {
	t.Helper()
	dir, addr := t.TempDir(), FreeAddress(t)
	program := filepath.Join(dir, "statsd")
	if err := Build(dir, "statsd"); err != nil {
		t.Fatal(err)
	}
	monitor := netip.AddrPortFrom(addr.Addr(), addr.Port()+1)
	d := &Daemon{Addr: addr.String(), Monitor: monitor.String()}
	process := start(t, "statsd", dir, exec.Command(program, append([]string{
		"--name", addr.Addr().String(), "--port", strconv.Itoa(int(addr.Port())), "--monitor-port", strconv.Itoa(int(monitor.Port())),
	}, args...)...))
	t.Cleanup(func() {
		if err := process.end(syscall.SIGTERM); err != nil {
			t.Errorf("statsd: %v\n%s", err, process.said())
		}
	})
	process.await(func() bool { return answers("http://" + d.Monitor + "/livez") })
	return d
}
