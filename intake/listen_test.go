package intake

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

	"golang.org/x/sys/unix"

	"github.com/statsd-ops/statsd/internal/soak"
)

// taken returns a configuration that uses the port of address.
func taken(address net.Addr) Config {
	cfg := config()
	switch a := address.(type) {
	case *net.TCPAddr:
		cfg.Port = a.Port
	case *net.UDPAddr:
		cfg.Port = a.Port
	}
	return cfg
}

// refused checks that the error of Open has one line, says that the port is in use, and names the
// flag to change.
func refused(cfg Config, protocol string) error {
	in, err := Open(cfg)
	if err == nil {
		return fmt.Errorf("it took %s: %w", in.Addr(), in.Close())
	}
	if !errors.Is(err, syscall.EADDRINUSE) || strings.Contains(err.Error(), "\n") {
		return fmt.Errorf("error %w", err)
	}
	for _, part := range []string{protocol, "--port", "127.0.0.1:"} {
		if !strings.Contains(err.Error(), part) {
			return fmt.Errorf("no %q in: %w", part, err)
		}
	}
	return nil
}

// onOwnPort takes a free port and runs test. If test fails, onOwnPort tries again with another
// port, because another program may use the same port for the other protocol.
func onOwnPort(t *testing.T, take func() (io.Closer, net.Addr, error), test func(Config) error) {
	t.Helper()
	var failed error
	for range 5 {
		taker, address, err := take()
		if err != nil {
			t.Fatal(err)
		}
		failed = test(taken(address))
		_ = taker.Close()
		if failed == nil {
			return
		}
	}
	t.Error(failed)
}

func takeTCP() (io.Closer, net.Addr, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	return l, l.Addr(), nil
}

// takeUDP binds a UDP port. If share is set, other sockets can bind the port too.
func takeUDP(share bool) (io.Closer, net.Addr, error) {
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) {
			if share {
				failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, unix.SO_REUSEPORT, 1)
			}
		})
		return errors.Join(err, failed)
	}}
	c, err := config.ListenPacket(context.Background(), "udp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	return c, c.LocalAddr(), nil
}

// If another program uses the port for UDP or TCP, Open fails and releases the port of the other
// protocol.
func TestPortTaken(t *testing.T) {
	t.Parallel()
	onOwnPort(t, takeTCP, func(cfg Config) error { return refusedAndFree(cfg, "tcp", "udp") })
	onOwnPort(t, func() (io.Closer, net.Addr, error) { return takeUDP(false) },
		func(cfg Config) error { return refusedAndFree(cfg, "udp", "tcp") })
}

func refusedAndFree(cfg Config, network, other string) error {
	if err := refused(cfg, network); err != nil {
		return err
	}
	free, err := listenAlone(other, net.JoinHostPort("127.0.0.1", strconv.Itoa(cfg.Port)))
	if err != nil {
		return fmt.Errorf("the %s port was not released: %w", other, err)
	}
	return free.Close()
}

// Open fails if the port is in use, even if the other socket allows sharing of the port.
func TestPortTakenBySharer(t *testing.T) {
	t.Parallel()
	onOwnPort(t, func() (io.Closer, net.Addr, error) { return takeUDP(true) },
		func(cfg Config) error { return refused(cfg, "udp") })
}

// A second Intake on the same port fails to open. It takes no datagram from the first Intake.
func TestSecondOnPort(t *testing.T) {
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
			conn, err := net.Dial("udp", first.Addr().String()) // a new client socket, so that another receiver may get the datagram
			if err != nil {
				t.Error(err)
				continue
			}
			send(t, conn, "hits:1|c")
			_ = conn.Close()
			sent++
		}
	}()
	for range soak.Times(200) {
		if err := refused(taken(first.Addr()), "udp"); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	sent := <-done
	first.stop()
	got := first.totals()["counters.hits"] + float64(first.last.KernelDropped)
	if got != float64(sent) || sent == 0 {
		t.Errorf("%v of %d datagrams came to the first", got, sent)
	}
}

// With port 0, Open chooses a port that is free for both UDP and TCP.
func TestPortZero(t *testing.T) {
	t.Parallel()
	in := start(t, config())
	send(t, in.dial("udp"), "hits:1|c")
	send(t, in.dial("tcp"), "hits:1|c\n")
	in.stop()
	if got := in.totals()["counters.hits"]; got != 2 {
		t.Errorf("%v hits, want 2", got)
	}
}

func TestAddressErrors(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.Host = "192.0.2.1" // no host has this address, which is reserved for documentation (RFC 5737)
	if _, err := Open(cfg); err == nil || !regexp.MustCompile(`^--name 192\.0\.2\.1: listen on udp 192\.0\.2\.1:0: `).MatchString(err.Error()) {
		t.Errorf("an address of another host: %v", err)
	}
	cfg.Host = "no such host"
	if _, err := Open(cfg); err == nil || !strings.Contains(err.Error(), "--name") {
		t.Errorf("a host that does not exist: %v", err)
	}
}

func listenAlone(network, address string) (io.Closer, error) {
	if network == "udp" {
		return net.ListenPacket("udp", address)
	}
	return net.Listen("tcp", address)
}
