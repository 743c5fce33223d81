package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
)

// refused checks that New says in one line that a port is in use, and which
// flag names it.
func refused(cfg Config, protocol, flag string) error {
	s, err := New(cfg)
	if err == nil {
		return fmt.Errorf("New took %s", s.Addr())
	}
	if !errors.Is(err, syscall.EADDRINUSE) || strings.Contains(err.Error(), "\n") {
		return fmt.Errorf("error %w", err)
	}
	for _, part := range []string{protocol, flag, "127.0.0.1:"} {
		if !strings.Contains(err.Error(), part) {
			return fmt.Errorf("no %q in: %w", part, err)
		}
	}
	return nil
}

// onTakenPort takes a port that is free for the other protocol, and runs test.
func onTakenPort(t *testing.T, take func(address string) (io.Closer, error), test func(Config) error) {
	t.Helper()
	address := counterpart.FreeAddress(t)
	taker, err := take(address.String())
	if err != nil {
		t.Fatal(err)
	}
	defer taker.Close()
	cfg := config()
	cfg.Port = int(address.Port())
	if err := test(cfg); err != nil {
		t.Error(err)
	}
}

func takeTCP(address string) (io.Closer, error) { return net.Listen("tcp", address) }

// shareUDP takes a UDP port, and lets other sockets share it.
func shareUDP(address string) (io.Closer, error) {
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) {
			failed = sharePort(fd)
		})
		return errors.Join(err, failed)
	}}
	return config.ListenPacket(context.Background(), "udp", address)
}

func takeUDP(address string) (io.Closer, error) { return net.ListenPacket("udp", address) }

// A port that another program has, for one protocol or the other, is left to
// it, and the other protocol's is let go again.
func TestPortTaken(t *testing.T) {
	t.Parallel()
	onTakenPort(t, takeTCP, func(cfg Config) error { return refusedAndFree(cfg, "tcp", "udp") })
	onTakenPort(t, takeUDP, func(cfg Config) error { return refusedAndFree(cfg, "udp", "tcp") })
}

func refusedAndFree(cfg Config, network, other string) error {
	if err := refused(cfg, network, "--port"); err != nil {
		return err
	}
	free, err := listenAlone(other, net.JoinHostPort("127.0.0.1", strconv.Itoa(cfg.Port)))
	if err != nil {
		return fmt.Errorf("the %s port was not let go: %w", other, err)
	}
	return free.Close()
}

// A UDP socket that would share its port is in use all the same.
func TestPortTakenBySharer(t *testing.T) {
	t.Parallel()
	onTakenPort(t, shareUDP, func(cfg Config) error { return refused(cfg, "udp", "--port") })
}

func TestMonitorPortTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cfg := config()
	cfg.MonitorPort = l.Addr().(*net.TCPAddr).Port
	if err := refused(cfg, "", "--monitor-port"); err != nil {
		t.Error(err)
	}
}

// A second daemon on the port fails before it can take a datagram from the
// first.
func TestSecondDaemon(t *testing.T) {
	t.Parallel()
	first := start(t, config())
	stop := make(chan struct{})
	done := make(chan int)
	go func() {
		sent := 0
		for {
			select {
			case <-stop:
				if sent > 0 {
					done <- sent
					return
				}
			default:
			}
			conn, err := net.Dial("udp", first.Addr().String()) // another socket, another receiver
			if err != nil {
				t.Error(err)
				continue
			}
			send(t, conn, "hits:1|c")
			_ = conn.Close()
			sent++
		}
	}()
	again := config()
	again.Port = first.Addr().(*net.TCPAddr).Port
	for range 200 {
		if err := refused(again, "udp", "--port"); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	sent := <-done
	first.stop()
	got := first.totals()["counters.hits"] + figureOf(t, first.Server, "udp.kernel_dropped")
	if got != float64(sent) || sent == 0 {
		t.Errorf("%v of %d datagrams came to the first daemon", got, sent)
	}
}

// Port 0 is a port that is free for both protocols.
func TestPortZero(t *testing.T) {
	t.Parallel()
	d := start(t, config())
	send(t, d.dial("udp"), "hits:1|c")
	send(t, d.dial("tcp"), "hits:1|c\n")
	d.stop()
	if got := d.totals()["counters.hits"]; got != 2 {
		t.Errorf("%v hits, want 2", got)
	}
}

func TestAddressErrors(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.Host = "192.0.2.1" // of nobody (RFC 5737)
	if _, err := New(cfg); err == nil || !regexp.MustCompile(`^--name 192\.0\.2\.1: listen on udp 192\.0\.2\.1:0: `).MatchString(err.Error()) {
		t.Errorf("an address of another host: %v", err)
	}
	cfg.Host = "no such host"
	if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), "--name") {
		t.Errorf("a host that does not exist: %v", err)
	}
}

// Each wrong setting is refused with its flag.
func TestValidate(t *testing.T) {
	t.Parallel()
	for flag, spoil := range map[string]func(*Config){
		"--port":            func(c *Config) { c.Port = 65536 },
		"--monitor-port":    func(c *Config) { c.MonitorPort = 65536 },
		"--receivers":       func(c *Config) { c.Receivers = 0 },
		"--udp-buffer":      func(c *Config) { c.UDPBuffer = 0 },
		"--flush-interval":  func(c *Config) { c.FlushInterval = time.Millisecond },
		"--expire":          func(c *Config) { c.Expire = 0 },
		"--expire 42":       func(c *Config) { c.Expire = 1<<32 + 1 },
		"--gauge-expire":    func(c *Config) { c.GaugeExpire = time.Second },
		"--max-names":       func(c *Config) { c.MaxNames = 0 },
		"--max-name-length": func(c *Config) { c.MaxNameLength = 1 << 16 },
		"--max-set-members": func(c *Config) { c.MaxSetMembers = 0 },
		"--queue-max-bytes": func(c *Config) { c.QueueBytes = 1 },
		"--keep-values":     func(c *Config) { c.KeepValues = -1 },
		"--alert-interval":  func(c *Config) { c.AlertInterval = 0 },
		"--grace":           func(c *Config) { c.Grace = -1 },
		"--pct 0":           func(c *Config) { c.Layout.Percentiles = []float64{90, 0} },
		"--pct 100.1":       func(c *Config) { c.Layout.Percentiles = []float64{100.1} },
		"--pct 50":          func(c *Config) { c.Layout.Percentiles = []float64{50, 90, 50} },
	} {
		cfg := config()
		spoil(&cfg)
		if _, err := New(cfg); err == nil || !strings.HasPrefix(err.Error(), flag) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", flag, err)
		}
	}
	cfg := config()
	if err := cfg.Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
}
