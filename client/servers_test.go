package client_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/client"
	"github.com/statsd-ops/statsd/internal/counterpart"
)

// sink stands where carbon would, and adds up what servers publish.
type sink struct {
	host, port string

	mu   sync.Mutex
	sums map[string]float64
}

func newSink(t *testing.T) *sink {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	s := &sink{sums: make(map[string]float64)}
	s.host, s.port, _ = net.SplitHostPort(listener.Addr().String())
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go s.read(conn)
		}
	}()
	return s
}

func (s *sink) read(conn net.Conn) {
	defer conn.Close()
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) == 3 {
			v, _ := strconv.ParseFloat(fields[1], 64)
			s.mu.Lock()
			s.sums[fields[0]] += v
			s.mu.Unlock()
		}
	}
}

func (s *sink) sum(format string, names int) float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	total := 0.0
	for i := range names {
		total += s.sums[fmt.Sprintf(format, i)]
	}
	return total
}

// start runs a server until the test ends, its output in the test's log if it
// failed. SIGTERM makes it publish what it has.
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
		kill := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		kill.Stop()
		if t.Failed() {
			text, _ := os.ReadFile(out.Name())
			t.Logf("%s said:\n%s", program, text)
		}
	})
}

// etsy runs Etsy's statsd, from npm.
func etsy(t *testing.T, network string, s *sink) (address, counts, timings string) {
	server := counterpart.StartEtsy(t, map[string]any{
		"server": "./servers/" + network, "flushInterval": 500, "deleteIdleStats": true,
		"graphiteHost": s.host, "graphitePort": number(s.port), "backends": []string{"./backends/graphite"},
	})
	return server.Addr, "stats_counts.soak.c%d", "stats.timers.soak.t%d.count"
}

func number(port string) int { n, _ := strconv.Atoi(port); return n }

// daemon runs this project's statsd.
func daemon(t *testing.T, _ string, s *sink) (address, counts, timings string) {
	program := filepath.Join(t.TempDir(), "statsd")
	if out, err := exec.Command("go", "build", "-o", program, "../cmd/statsd").CombinedOutput(); err != nil {
		t.Fatalf("go build ../cmd/statsd: %v\n%s", err, out)
	}
	address = freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	start(t, t.TempDir(), program, "--name", "127.0.0.1", "--port", port, "--monitor-port", "off",
		"--flush-interval", "1", "--graphite-host", s.host, "--graphite-port", s.port)
	poll(t, "statsd to listen", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	// The rate is per second, and the flush interval is one.
	return address, "stats.soak.c%d", "stats.timers.soak.t%d.count"
}

// What is given to the client arrives at the sink, to the last sample.
func TestSoakServers(t *testing.T) {
	const names = 10
	rounds := scale(2_000, 100_000) // of ten samples each
	for _, server := range []struct {
		name string
		run  func(t *testing.T, network string, s *sink) (address, counts, timings string)
	}{{"statsd", daemon}, {"Etsy's", etsy}} {
		for _, network := range []string{"udp", "tcp"} {
			t.Run(server.name+" "+network, func(t *testing.T) {
				t.Parallel()
				s := newSink(t)
				address, counts, timings := server.run(t, network, s)
				c := open(t, client.New, client.Config{Network: network, Address: address, Prefix: "soak"})
				_, port, _ := net.SplitHostPort(address)
				for i := range rounds {
					for j := range 9 {
						c.Incr("c" + strconv.Itoa((i+j)%names))
					}
					c.Timing("t"+strconv.Itoa(i%names), time.Duration(i)*time.Microsecond)
					if i%100 == 99 { // a kernel drops what does not fit its buffers
						flush(t, c)
						poll(t, "the server to read", func() bool { return backlog(t, network, port) == 0 })
					}
				}
				if err := c.Close(soon(t)); err != nil {
					t.Fatal(err)
				}
				sums(t, c.Stats(), uint64(10*rounds))
				// Sums of rates are exact to some digits less than a float64 has.
				near := func(got float64, want int) bool { return int(got+0.5) == want }
				poll(t, "all samples to be published", func() bool {
					return near(s.sum(counts, names), 9*rounds) && near(s.sum(timings, names), rounds)
				})
				t.Logf("%d samples in %d writes, all published", 10*rounds, c.Stats().Writes)
			})
		}
	}
}

// backlog is how many bytes wait in the receive buffers of UDP sockets bound to
// port.
func backlog(t *testing.T, network, port string) int64 {
	if network != "udp" {
		return 0
	}
	table, err := os.ReadFile("/proc/net/udp")
	if err != nil {
		t.Skipf("cannot tell when the server has read all: %v", err)
	}
	local := fmt.Sprintf(":%04X", number(port))
	waiting := int64(0)
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) > 4 && strings.HasSuffix(fields[1], local) {
			_, rx, _ := strings.Cut(fields[4], ":")
			n, _ := strconv.ParseInt(rx, 16, 64)
			waiting += n
		}
	}
	return waiting
}
