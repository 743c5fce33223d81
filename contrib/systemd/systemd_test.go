// Package systemd_test runs the daemon in the same way as systemd. The tests open its sockets,
// receive its state reports, and restart it under traffic.
package systemd_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/wait"
)

// binary is the path of the daemon.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "statsd-systemd")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "statsd")
	if soak.All() { // without TESTS=all, the tests are skipped and need no daemon
		if err := counterpart.Build(dir, "statsd"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}

const patience = wait.Patience

// systemd accepts all settings in the units. The daemon accepts the command line of the service.
func TestUnits(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	analyze := counterpart.Find(t, "systemd-analyze")
	dir := t.TempDir()
	var units []string
	for _, name := range []string{"statsd.service", "statsd.socket"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		unit := filepath.Join(dir, name)
		units = append(units, unit)
		text = []byte(strings.ReplaceAll(string(text), "/usr/local/bin/statsd", binary))
		if err := os.WriteFile(unit, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, line, found := strings.Cut(string(text), "\nExecStart="); found {
			line, _, _ = strings.Cut(line, "\n")
			check := exec.Command("sh", "-c", line+" --check-config")
			check.Env = append(os.Environ(), "STATE_DIRECTORY="+dir)
			if out, err := check.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", line, err, out)
			}
		}
	}
	out, err := exec.Command(analyze, append([]string{"verify"}, units...)...).CombinedOutput()
	if err != nil || strings.Contains(string(out), dir) {
		t.Errorf("%v\n%s", err, out)
	}
}

// systemd-socket-activate opens a socket. When traffic arrives, it starts the daemon, which
// inherits the socket.
func TestSocketActivate(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	activate := counterpart.Find(t, "systemd-socket-activate")
	for network, flags := range map[string][]string{"tcp": nil, "udp": {"--datagram"}} {
		carbon := newCarbon(t)
		address := counterpart.FreeAddress(t).String()
		d := start(t, exec.Command(activate, append(append(flags, "-l", address), append(carbon.command(), "-n", "127.0.0.1", "--flush-interval", "1")...)...))
		d.awaitLog("Listening on")
		conn, err := net.Dial(network, address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "hits:1|c\n"); err != nil {
			t.Fatal(err)
		}
		d.awaitLog("ready for udp and tcp")
		if !strings.Contains(d.log.String(), fmt.Sprintf(`"address":"%s"`, address)) || !strings.Contains(d.log.String(), `"sockets_given":1`) {
			t.Errorf("%s: the log says:\n%s", network, &d.log)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		// A connection that no daemon has accepted yet waits for the next daemon.
		wait.Until(t, network+": the hit does not come in", func() bool { return carbon.total("stats.hits", 1) == 1 })
		d.stop()
	}
}

// The daemon reports to the service manager when it is ready, still running, reloading and
// stopping.
func TestNotify(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	m := newManager(t)
	config := filepath.Join(t.TempDir(), "statsd.conf")
	write(t, config, "pct 90\n")
	carbon := newCarbon(t)
	address := counterpart.FreeAddress(t)
	command := exec.Command(binary, append(carbon.command()[1:], "-p", fmt.Sprint(address.Port()), "-n", "127.0.0.1", "--config", config)...)
	command.Env = append(os.Environ(), "NOTIFY_SOCKET="+m.path, "WATCHDOG_USEC=200000")
	d := start(t, command)
	m.await("READY=1")
	conn, err := net.Dial("tcp", address.String())
	if err != nil {
		t.Fatalf("it is ready, but: %v", err)
	}
	defer conn.Close()
	for range 5 {
		m.await("WATCHDOG=1")
	}

	// A suspended daemon does not report that it is running.
	d.suspend()
	m.drain()
	if got := m.next(500 * time.Millisecond); got != "" {
		t.Errorf("a stopped process says %q", got)
	}
	d.signal(syscall.SIGCONT)
	m.await("WATCHDOG=1")

	write(t, config, "pct 900\n")
	d.signal(syscall.SIGHUP)
	if got := m.await("RELOADING=1"); !strings.Contains(got, "MONOTONIC_USEC=") {
		t.Errorf("reloading: %q, want the time", got)
	}
	if got := m.await("READY=1"); !strings.Contains(got, "STATUS=reload failed: "+config+":1: --pct 900") {
		t.Errorf("reloaded: %q, want the error", got)
	}
	write(t, config, "pct 50\n")
	d.signal(syscall.SIGHUP)
	m.await("RELOADING=1")
	if got := m.await("READY=1"); !strings.HasSuffix(got, "STATUS=") {
		t.Errorf("reloaded: %q, want no status", got)
	}
	d.signal(syscall.SIGTERM)
	m.await("STOPPING=1")
	d.wait()
}

// The daemon can exit even if the service manager does not read its socket.
func TestHangingManager(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	m := newManager(t)
	carbon := newCarbon(t)
	command := exec.Command(binary, append(carbon.command()[1:], "-p", "0", "-n", "127.0.0.1")...)
	command.Env = append(os.Environ(), "NOTIFY_SOCKET="+m.path, "WATCHDOG_USEC=20000")
	d := start(t, command)
	d.awaitLog("reporting to the service manager's watchdog failed") // this is logged when the queue of the manager's socket is full
	d.stop()
	if want := `"state":"STOPPING=1"`; !strings.Contains(d.log.String(), want) {
		t.Errorf("the log does not have %s:\n%s", want, &d.log)
	}
}

// The daemon is restarted repeatedly. Its sockets stay open, so no datagram and no connection is
// lost. No point has a timestamp in the future.
func TestRestartUnderLoad(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	const restarts = 4
	carbon := newCarbon(t)
	h := newHolder(t)
	load := h.send(t)
	args := append(carbon.command()[1:], "--state-file", filepath.Join(t.TempDir(), "state"))
	for i := range restarts {
		m := newManager(t)
		d := h.start(t, m, append(args, "--flush-interval", "1s"))
		m.await("READY=1")
		load.some()
		if i == restarts-1 {
			load.stop()
			// Connections are accepted in order, so all earlier connections are accepted before this
			// connection.
			if err := h.connect("marker:1|c"); err != nil {
				t.Fatal(err)
			}
			carbon.WaitOf("stats.marker", 1, patience)
		}
		d.stop()
	}
	if got, want := carbon.total("stats.datagrams", 1), float64(load.datagrams); got != want {
		t.Errorf("%v datagrams were counted, want %v", got, want)
	}
	if got, want := carbon.total("stats.connections", 1), float64(load.connections); got != want {
		t.Errorf("%v connections were counted, want %v", got, want)
	}
	raised := carbon.PointsOf("stats.raised")
	if got, want := raised[len(raised)-1].Value, float64(load.connections); got != want {
		t.Errorf("the gauge that each connection raised is %v, want %v", got, want)
	}
	carbon.wantNoneAhead(time.Second)
}
