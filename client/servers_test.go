package client_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/client"
	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/sockets"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/sink/sinktest"
)

// published returns the sum of the published values whose paths match a pattern.
func published(points []sinktest.Point, pattern string) (sum float64) {
	for _, p := range points {
		if is, _ := path.Match(pattern, p.Path); is {
			sum += p.Value
		}
	}
	return sum
}

// start runs a server until the test ends. The server is stopped with SIGTERM, so that it publishes its remaining
// data. If the test fails, the output of the server is logged.
func start(t *testing.T, dir, program string, args ...string) {
	out, err := os.Create(filepath.Join(t.TempDir(), "output"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(wait.Patience, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		kill.Stop()
		if t.Failed() {
			text, _ := os.ReadFile(out.Name())
			t.Logf("%s said:\n%s", program, text)
		}
	})
}

// etsy runs Etsy's statsd, which is installed with npm.
func etsy(t *testing.T, network string, carbon *sinktest.Server) (address, counts, timings string) {
	server := counterpart.StartEtsy(t, map[string]any{
		"server": "./servers/" + network, "flushInterval": 500, "deleteIdleStats": true,
		"graphiteHost": "127.0.0.1", "graphitePort": carbon.Port(), "backends": []string{"./backends/graphite"},
	})
	return server.Addr, "stats_counts.soak.c?", "stats.timers.soak.t?.count"
}

// daemon runs this project's statsd.
func daemon(t *testing.T, _ string, carbon *sinktest.Server) (address, counts, timings string) {
	dir := t.TempDir()
	program := filepath.Join(dir, "statsd")
	if err := counterpart.Build(dir, "statsd"); err != nil {
		t.Fatal(err)
	}
	at := counterpart.FreeAddress(t)
	start(t, t.TempDir(), program, "--name", "127.0.0.1", "--port", fmt.Sprint(at.Port()), "--monitor-port", "off",
		"--flush-interval", "1", "--graphite-host", "127.0.0.1", "--graphite-port", strconv.Itoa(carbon.Port()))
	poll(t, "statsd to listen", func() bool {
		conn, err := net.Dial("tcp", at.String())
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	// A rate per second equals the count, because the flush interval is one second.
	return at.String(), "stats.soak.c?", "stats.timers.soak.t?.count"
}

// TestSoakServers checks that every sample that is passed to the client arrives at the sink.
func TestSoakServers(t *testing.T) {
	soak.Slow(t)
	const names = 10
	rounds := soak.Pick(1_000, 100_000) // each round has ten samples
	for _, server := range []struct {
		name string
		run  func(t *testing.T, network string, carbon *sinktest.Server) (address, counts, timings string)
	}{{"statsd", daemon}, {"Etsy's", etsy}} {
		for _, network := range []string{"udp", "tcp"} {
			t.Run(server.name+" "+network, func(t *testing.T) {
				t.Parallel()
				carbon := sinktest.NewServer(t)
				address, counts, timings := server.run(t, network, carbon)
				c := open(t, client.New, client.Config{Network: network, Address: address, Prefix: "soak"})
				_, port, _ := net.SplitHostPort(address)
				for i := range rounds {
					for j := range 9 {
						c.Incr("c" + strconv.Itoa((i+j)%names))
					}
					c.Timing("t"+strconv.Itoa(i%names), time.Duration(i)*time.Microsecond)
					// Wait for the server, because a kernel drops datagrams that do not fit into its buffers.
					if i%100 == 99 {
						flush(t, c)
						poll(t, "the server to read", func() bool { return backlog(t, network, port) == 0 })
					}
				}
				if err := c.Close(soon(t)); err != nil {
					t.Fatal(err)
				}
				sums(t, c.Stats(), uint64(10*rounds))
				// Sums of rates have rounding errors.
				near := func(got float64, want int) bool { return int(got+0.5) == want }
				poll(t, "all samples to be published", func() bool {
					points := carbon.Points()
					return near(published(points, counts), 9*rounds) && near(published(points, timings), rounds)
				})
				t.Logf("%d samples in %d writes, all published", 10*rounds, c.Stats().Writes)
			})
		}
	}
}

// backlog returns the number of bytes in the receive buffers of the UDP sockets on a port.
func backlog(t *testing.T, network, port string) int {
	if network != "udp" {
		return 0
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	state, err := sockets.On("udp", n)
	if err != nil {
		t.Skipf("cannot tell when the server has read all: %v", err)
	}
	return state.Queued
}
