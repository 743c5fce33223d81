package client_test

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/client"
	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/wait"
)

// receiver is a server on a real socket. It stores what it receives.
type receiver struct {
	network, address string
	stop             func()

	mu      sync.Mutex
	packets []string // one string for each datagram or stream connection
}

// receive starts a receiver on address, or on a free address if address is empty.
func receive(t testing.TB, network, address string) *receiver {
	t.Helper()
	if address == "" {
		// Use a reserved address, so that a test can stop the receiver and start it again at the same
		// address.
		address = counterpart.FreeAddress(t).String()
		if strings.HasPrefix(network, "unix") {
			address = filepath.Join(t.TempDir(), "statsd.sock")
		}
	}
	r := &receiver{network: network}
	if network == "udp" || network == "unixgram" {
		conn, err := net.ListenPacket(network, address)
		if err != nil {
			t.Fatal(err)
		}
		r.address = conn.LocalAddr().String()
		r.stop = func() { _ = conn.Close() }
		go r.readPackets(conn)
	} else {
		listener, err := net.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		r.address = listener.Addr().String()
		r.stop = func() { _ = listener.Close() }
		go r.accept(listener)
	}
	t.Cleanup(r.stop)
	return r
}

func (r *receiver) readPackets(conn net.PacketConn) {
	buf := make([]byte, 1<<16)
	for {
		n, _, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		r.mu.Lock()
		r.packets = append(r.packets, string(buf[:n]))
		r.mu.Unlock()
	}
}

func (r *receiver) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		r.mu.Lock()
		i := len(r.packets)
		r.packets = append(r.packets, "")
		r.mu.Unlock()
		go func() {
			defer conn.Close()
			buf := make([]byte, 1<<16)
			for {
				n, err := conn.Read(buf)
				r.mu.Lock()
				r.packets[i] += string(buf[:n])
				r.mu.Unlock()
				if err != nil {
					return
				}
			}
		}()
	}
}

// wait returns the packets as soon as enough(packets) returns true.
func (r *receiver) wait(t testing.TB, enough func(packets []string) bool) []string {
	t.Helper()
	deadline := time.Now().Add(wait.Patience)
	for {
		r.mu.Lock()
		packets := append([]string(nil), r.packets...)
		r.mu.Unlock()
		if enough(packets) {
			return packets
		}
		if time.Now().After(deadline) {
			t.Fatalf("only %d packets: %.2000q", len(packets), packets)
		}
		time.Sleep(time.Millisecond)
	}
}

// open returns a client that is closed at the end of the test.
func open(t testing.TB, construct func(client.Config) (*client.Client, error), cfg client.Config) *client.Client {
	t.Helper()
	c, err := construct(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = c.Close(ctx)
	})
	return c
}

func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), wait.Patience)
	t.Cleanup(cancel)
	return ctx
}

func flush(t testing.TB, c *client.Client) {
	t.Helper()
	if err := c.Flush(soon(t)); err != nil {
		t.Fatal(err)
	}
}

// sums checks the number of all lines, and that it is the sum of the sent, queued and dropped
// lines.
func sums(t testing.TB, s client.Stats, lines uint64) {
	t.Helper()
	if s.Lines != lines || s.Lines != s.Sent+s.Queued+s.Dropped.Total() {
		t.Errorf("given %d lines, the stats account for %d: %+v", lines, s.Lines, s)
	}
}
