package intake

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/statsd-ops/statsd/intake/listen"
)

// accepted returns both ends of a TCP connection.
func accepted(t *testing.T) (client, server *net.TCPConn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	c, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	s, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return c.(*net.TCPConn), s.(*net.TCPConn)
}

// arrived waits until the other end of a connection has received all bytes.
func arrived(t *testing.T, c *net.TCPConn) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the socket at the other end does not take the bytes", func() bool {
		waiting := 0
		control(t, raw, func(fd int) (err error) {
			waiting, err = unix.IoctlGetInt(fd, unix.SIOCOUTQ)
			return err
		})
		return waiting == 0
	})
}

// TestSweepOfTLS checks that a sweep reads all bytes that wait, and the end of the connection, although the read
// deadline has passed.
func TestSweepOfTLS(t *testing.T) {
	t.Parallel()
	client, server := accepted(t)
	text := bytes.Repeat([]byte("a:1|c\n"), 10_000)
	send(t, client, string(text))
	_ = client.Close()
	under, err := newTLSSocket(server)
	if err != nil {
		t.Fatal(err)
	}
	_ = server.SetReadDeadline(time.Unix(1, 0))
	if n, err := under.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Fatalf("before the sweep: %d bytes, %v", n, err)
	}
	if err := under.sweep(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(under); !bytes.Equal(got, text) || err != nil {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
}

// TestSweepEndsWhileClientSends checks that a client that never stops sending cannot prolong a sweep.
func TestSweepEndsWhileClientSends(t *testing.T) {
	t.Parallel()
	client, server := accepted(t)
	under, err := newTLSSocket(server)
	if err != nil {
		t.Fatal(err)
	}
	send(t, client, "first")
	arrived(t, client)
	if err := under.sweep(time.Now()); err != nil {
		t.Fatal(err)
	}
	one := make([]byte, 1)
	for n := 0; ; n++ {
		send(t, client, "x")
		arrived(t, client)
		if _, err := under.Read(one); err != nil {
			if n != len("first") || !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the sweep ended after %d bytes with %v", n, err)
			}
			return
		}
		if n == 100 {
			t.Fatal("the sweep does not end")
		}
	}
}

// TestTLSTrickle ends the intake while a client sends tiny TLS records with short pauses. Only the records that wait are
// read.
func TestTLSTrickle(t *testing.T) {
	t.Parallel()
	c, client := encrypted(t)
	in := start(t, guarded(t, listen.TLS, c))
	conn := in.dialTLS(client)
	var ended error
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ended == nil {
			_, ended = conn.Write([]byte("x"))
			time.Sleep(time.Millisecond) // the interval between the records, shorter than lastSweep
		}
	}()
	eventually(t, "no record is read", func() bool { return in.drain().TCPBytes > 0 })
	in.end(0)
	<-done
	if got := in.tally.TCPBytes; got >= decryptedRead/2 {
		t.Errorf("%d bytes were read, want only those that waited at the end", got)
	}
}

// TestTLSAnswersDoNotWait checks that a client that does not read cannot make the daemon wait.
func TestTLSAnswersDoNotWait(t *testing.T) {
	t.Parallel()
	_, server := accepted(t)
	under, err := newTLSSocket(server)
	if err != nil {
		t.Fatal(err)
	}
	under.admitted = true
	answer := make([]byte, 64<<10)
	for err == nil {
		_, err = under.Write(answer) // with a write that waits, the test would never end
	}
	if !errors.Is(err, errUnread) {
		t.Errorf("the write ended with %v", err)
	}
	if _, again := under.Write(answer[:1]); !errors.Is(again, errUnread) {
		t.Errorf("the next write ended with %v", again)
	}
}

// TestGaugesOverStreamsCountInOrderOfArrival sends a gauge over a stream and then over UDP. The daemon cannot read until
// both have arrived.
func TestGaugesOverStreamsCountInOrderOfArrival(t *testing.T) {
	t.Parallel()
	c, client := encrypted(t)
	cfg := guarded(t, listen.TLS, c)
	cfg.PortOff, cfg.Receivers = false, 1
	in := start(t, cfg)
	open := map[listen.Scheme]net.Conn{}
	for _, l := range in.listeners {
		conn, err := net.Dial(l.Scheme.Network(), l.at.String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		open[l.Scheme] = conn
	}
	secret := tls.Client(open[listen.TLS], client)
	if err := secret.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the connections are not accepted", func() bool { return in.State().OpenConnections == 2 })
	for _, l := range in.lanes {
		l.shard.Lock()
	}
	send(t, secret, "tls:1|g\n")
	send(t, open[listen.TCP], "tail:1|g") // the end of the connection ends this line
	for _, scheme := range []listen.Scheme{listen.TLS, listen.TCP} {
		arrived(t, open[scheme].(*net.TCPConn))
	}
	_ = open[listen.TCP].Close()
	time.Sleep(3 * time.Millisecond) // so that the kernel's timestamps order the sockets
	send(t, open[listen.UDP], "tls:2|g\ntail:2|g\n")
	for _, l := range in.lanes {
		l.shard.Unlock()
	}
	eventually(t, "lines are missing", func() bool { return in.drain().Lines == 4 })
	in.stop()
	for _, name := range []string{"gauges.tls", "gauges.tail"} {
		if got := in.counts[name]; got != 2 {
			t.Errorf("%s is %v, want the value that arrived last", name, got)
		}
	}
}
