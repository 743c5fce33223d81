package nsca

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/notify"
)

const (
	silent  = "nothing until the timeout: is the server an nsca daemon?"
	closed  = "the end of the connection: does the daemon allow this host, and is its decryption_method valid?"
	refused = "nsca [2001:db8::1]:5667: the server closed the connection after the packet: password, encryption method or packet size differs from the daemon's"
)

// greeting returns the expected error if the server sends only n bytes of its init packet. The second argument says
// what happened after these bytes.
func greeting(n int, then string) string {
	return fmt.Sprintf("nsca [2001:db8::1]:5667: got %d of the 132 bytes of nsca's greeting, then %s", n, then)
}

// TestMisbehavingDaemon simulates misbehaving daemons in virtual time. The synctest bubble fails the test if
// Notify leaves a goroutine or an open connection.
func TestMisbehavingDaemon(t *testing.T) {
	for _, c := range []struct {
		name string
		peer func(conn net.Conn)
		took time.Duration
		err  string // "" if the packet counts as accepted
	}{
		{"silent", silence, 10 * time.Second, greeting(0, silent)},
		{"stops in its greeting", func(conn net.Conn) { write(conn, make([]byte, 64)); silence(conn) }, 10 * time.Second,
			greeting(64, silent)},
		{"closes at once", func(net.Conn) {}, 0, greeting(0, closed)},
		{"closes in its greeting", func(conn net.Conn) { write(conn, make([]byte, 131)) }, 0, greeting(131, closed)},
		{"greets one byte at a time", func(conn net.Conn) {
			for range initSize {
				time.Sleep(1500 * time.Millisecond)
				write(conn, make([]byte, 1))
			}
		}, 10 * time.Second, greeting(6, silent)},
		{"greets, then reads nothing", func(conn net.Conn) { greet(conn); stall(conn) }, 10 * time.Second,
			"nsca [2001:db8::1]:5667: sending the packet: write pipe: i/o timeout"},
		{"stops reading in the packet", func(conn net.Conn) { greet(conn); read(conn, 720); stall(conn) }, 10 * time.Second,
			"nsca [2001:db8::1]:5667: sending the packet: write pipe: i/o timeout"},
		{"closes in the packet", func(conn net.Conn) { greet(conn); read(conn, 720) }, 0,
			"nsca [2001:db8::1]:5667: sending the packet: io: read/write on closed pipe"},
		{"refuses", func(conn net.Conn) { greet(conn); read(conn, packetSize) }, 0, refused},
		{"refuses late", func(conn net.Conn) {
			greet(conn)
			read(conn, packetSize)
			time.Sleep(999 * time.Millisecond)
		}, 999 * time.Millisecond, refused},
		{"answers", func(conn net.Conn) {
			greet(conn)
			read(conn, packetSize)
			write(conn, []byte("220 hello"))
		}, 0, "nsca [2001:db8::1]:5667: the server answered the packet, which an nsca daemon never does: is the server an nsca daemon?"},
		{"takes it", func(conn net.Conn) { greet(conn); silence(conn) }, time.Second, ""},
		{"greets at the last moment", func(conn net.Conn) {
			time.Sleep(9500 * time.Millisecond)
			greet(conn)
			silence(conn)
		}, 10 * time.Second, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := pipeClient(t, c.peer)
				start := time.Now()
				err := client.Notify(t.Context(), notify.Event{Service: "statsd"})
				if took := time.Since(start); took != c.took {
					t.Errorf("took %v, want %v", took, c.took)
				}
				if c.err != "" {
					wantError(t, err, c.err)
				} else if err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestPacketOnTheWire checks the decrypted packet of a client: its fields, and the random bytes around them.
func TestPacketOnTheWire(t *testing.T) {
	for _, c := range []struct {
		legacy bool
		size   int
		text   string
	}{
		{false, 4304, strings.Repeat("x", 4095)},
		{true, 720, strings.Repeat("x", 511)},
	} {
		synctest.Test(t, func(t *testing.T) {
			init := append(bytes.Repeat([]byte("0123456789abcdef"), 8), 0x6b, 0x01, 0x5e, 0x96)
			var packets [][]byte
			client := pipeClient(t, func(conn net.Conn) {
				write(conn, init)
				packet, err := io.ReadAll(conn)
				if err != nil {
					t.Error(err)
				}
				packets = append(packets, packet)
			})
			client.config.Method, client.config.Password, client.config.Legacy = Blowfish, "s3cret", c.legacy
			for range 2 {
				if err := client.Notify(t.Context(), notify.Event{Status: notify.Warning, Service: "statsd", Text: strings.Repeat("x", 5000)}); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
			}
			want := result{time: 0x6b015e96, state: 1, host: "web1", service: "statsd", text: c.text}
			for _, packet := range packets {
				Blowfish.decrypt(t, packet, init[:ivSize], "s3cret")
				if got := decode(t, packet); len(packet) != c.size || got != want {
					t.Errorf("%d bytes: %+v", len(packet), got)
				}
			}
			const from, to = serviceOffset + len("statsd\x00"), textOffset
			if bytes.Equal(packets[0][from:to], packets[1][from:to]) {
				t.Error("unused bytes are the same in two packets")
			}
		})
	}
}

func TestContextEndsNotify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		err := pipeClient(t, silence).Notify(ctx, notify.Event{Service: "statsd"})
		if took := time.Since(start); err == nil || took != 3*time.Second {
			t.Errorf("%v after %v", err, took)
		}
	})
}

// TestNotifyAfterFailure checks that a failed event has no effect on the next event.
func TestNotifyAfterFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := true
		client := pipeClient(t, func(conn net.Conn) {
			if broken {
				return
			}
			greet(conn)
			silence(conn)
		})
		if err := client.Notify(t.Context(), notify.Event{Service: "statsd"}); err == nil {
			t.Fatal("no error")
		}
		broken = false
		if err := client.Notify(t.Context(), notify.Event{Service: "statsd"}); err != nil {
			t.Error(err)
		}
	})
}

func TestClosedPort(t *testing.T) {
	client := newClient(t, Config{Server: counterpart.FreeAddress(t).String(), Host: "web1", Service: "statsd"})
	err := client.Notify(t.Context(), notify.Event{})
	wantError(t, err, "nsca "+client.address+": dial tcp "+client.address+": connect: connection refused")
}

// TestResetIsRefusal checks that a reset counts as a refusal. If a daemon closes a connection that has unread data,
// the kernel resets the connection.
func TestResetIsRefusal(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		greet(conn)
		read(conn, 1000)
		conn.Close()
	}()
	client := newClient(t, Config{Server: l.Addr().String(), Host: "web1", Service: "statsd"})
	client.wait = wait.Patience
	wantError(t, client.Notify(t.Context(), notify.Event{}), "nsca "+client.address+
		": the server closed the connection after the packet: password, encryption method or packet size differs from the daemon's")
	<-done
}

func TestEventWithoutUsableService(t *testing.T) {
	client := newClient(t, Config{Server: "127.0.0.1:1", Host: "web1"})
	for service, want := range map[string]string{
		"":    "nsca 127.0.0.1:1: the event's service is empty",
		"a;b": `nsca 127.0.0.1:1: the event's service "a;b" has a semicolon, which ends a field for nagios`,
	} {
		wantError(t, client.Notify(t.Context(), notify.Event{Service: service}), want)
	}
}

// pipeClient returns a client whose connections are handled by peer. It must be called in a synctest bubble.
func pipeClient(t *testing.T, peer func(net.Conn)) *Client {
	t.Helper()
	client, err := New(Config{Server: "2001:db8::1", Host: "web1"})
	if err != nil {
		t.Fatal(err)
	}
	var peers sync.WaitGroup
	t.Cleanup(peers.Wait)
	client.dial = func(_ context.Context, network, address string) (net.Conn, error) {
		if network != "tcp" || address != "[2001:db8::1]:5667" {
			return nil, errors.New("dialled " + network + " " + address)
		}
		ours, theirs := net.Pipe()
		peers.Go(func() {
			defer theirs.Close()
			peer(theirs)
		})
		return ours, nil
	}
	return client
}

// The functions that simulate daemons ignore errors, because the client decides when a connection ends.

func write(conn net.Conn, b []byte) { _, _ = conn.Write(b) }
func read(conn net.Conn, n int64)   { _, _ = io.CopyN(io.Discard, conn, n) }
func silence(conn net.Conn)         { _, _ = io.Copy(io.Discard, conn) }
func greet(conn net.Conn)           { write(conn, make([]byte, initSize)) }

// stall keeps conn open without reading from it. A write to a pipe blocks until there is a reader.
func stall(conn net.Conn) { write(conn, []byte{0}) }
