package client_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/client"
)

// The constants are from <linux/udp.h> and <asm/socket.h>. They are copied, because the client, including its
// tests, must not depend on other modules.
const (
	solUDP    = 17
	udpGRO    = 104
	soNoCheck = 11
)

// noCut creates a socket without UDP checksums. The kernel refuses GSO packets on such a socket with EINVAL.
func noCut(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) (err error) {
		if err := c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, soNoCheck, 1) }); err != nil {
			return err
		}
		return err
	}}
	return dialer.DialContext(ctx, network, address)
}

// wrapped opens a connection whose type is not *net.UDPConn.
func wrapped(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	return struct{ net.Conn }{conn}, err
}

// TestOneLine checks that each line is sent as a datagram without a newline, for every kind of connection. Lines of
// gauges, and lines with a metric type that the client does not know, must stay in order.
func TestOneLine(t *testing.T) {
	for name, dial := range map[string]func(ctx context.Context, network, address string) (net.Conn, error){
		"cut": nil, "refused": noCut, "wrapped": wrapped,
	} {
		for _, network := range []string{"udp", "unixgram"} {
			if network == "unixgram" && name == "refused" {
				continue
			}
			t.Run(name+"/"+network, func(t *testing.T) {
				server := receive(t, network, "")
				c := open(t, client.New, client.Config{Network: network, Address: server.address, Dial: dial, OneLine: true})
				var want, ordered []string
				for i := range 300 {
					n := strings.Repeat("n", i%23)
					c.Count("c"+n, int64(i))
					c.Timing("t"+n, time.Duration(i)*time.Millisecond, "zone:a")
					c.Gauge("g", float64(i-100))
					c.Inject("own", fmt.Sprint(i), "kind")
					want = append(want, fmt.Sprintf("c%s:%d|c", n, i), fmt.Sprintf("t%s:%d|ms|#zone:a", n, i))
					if i < 100 {
						ordered = append(ordered, "g:0|g")
					}
					ordered = append(ordered, fmt.Sprintf("g:%d|g", i-100), fmt.Sprintf("own:%d|kind", i))
					if i%20 == 19 { // wait now, because a small socket buffer has no room for more
						flush(t, c)
						server.wait(t, func(got []string) bool { return len(got) >= len(want)+len(ordered) })
					}
				}
				got := server.wait(t, func(got []string) bool { return len(got) >= len(want)+len(ordered) })
				kept := slices.DeleteFunc(slices.Clone(got), func(line string) bool { return line[0] == 'c' || line[0] == 't' })
				if !slices.Equal(kept, ordered) {
					t.Errorf("gauges and own types came as %q", kept)
				}
				all := append(want, ordered...)
				slices.Sort(all)
				slices.Sort(got)
				if !slices.Equal(got, all) {
					t.Errorf("got %q, want %q", got, all)
				}
				s := c.Stats()
				sums(t, s, uint64(len(all)))
				if s.Sent != uint64(len(all)) || s.Writes != s.Sent || s.Bytes != uint64(len(strings.Join(all, ""))) || s.Failures != 0 {
					t.Errorf("%+v; want %d datagrams of %d bytes", s, len(all), len(strings.Join(all, "")))
				}
			})
		}
	}
}

// trains returns the number of messages in which a socket receives the given number of datagrams. A message is a train
// (datagrams that the kernel coalesced, UDP_GRO) or a single datagram.
func trains(t testing.TB, conn *net.UDPConn, datagrams int) (messages int) {
	t.Helper()
	buf, oob := make([]byte, 1<<16), make([]byte, 64)
	for datagrams > 0 {
		n, have, _, _, err := conn.ReadMsgUDP(buf, oob)
		if err != nil {
			t.Fatal(err)
		}
		messages++
		all, err := syscall.ParseSocketControlMessage(oob[:have])
		if err != nil {
			t.Fatal(err)
		}
		size := n
		for _, m := range all {
			if m.Header.Level == solUDP && m.Header.Type == udpGRO {
				size = int(m.Data[0]) | int(m.Data[1])<<8
			}
		}
		datagrams -= (n + size - 1) / size
	}
	return messages
}

// ready returns a socket that can receive coalesced packets.
func ready(t testing.TB) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetReadBuffer(8 << 20); err != nil {
		t.Fatal(err)
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), solUDP, udpGRO, 1) }); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Skip("the kernel does not coalesce packets: ", err)
	}
	return conn
}

// TestTrains checks that lines of the same length share a system call, even if there are lines of other lengths
// between them.
func TestTrains(t *testing.T) {
	server := ready(t)
	c := open(t, client.New, client.Config{Network: "udp", Address: server.LocalAddr().String(), OneLine: true})
	for i := range 300 {
		c.Incr("counter" + strings.Repeat("x", i%3))
	}
	flush(t, c)
	if messages := trains(t, server, 300); messages > 20 {
		t.Errorf("300 datagrams came in %d coalesced packets, want at most 20", messages)
	}
}

// TestOneLineRefused checks that only lines that do not fit into a datagram are dropped. A datagram that the
// server's host refuses must be sent again.
func TestOneLineRefused(t *testing.T) {
	server := receive(t, "udp", "")
	server.stop()
	c := open(t, client.New, client.Config{Network: "udp", Address: server.address, OneLine: true, MaxPacketSize: 65507})
	for range 10 {
		c.Incr("lost")
		flush(t, c)
	}
	server = receive(t, "udp", server.address)
	var got []string
	for i := range 5 {
		c.Incr(fmt.Sprintf("before%d", i))
		c.Incr("long" + strings.Repeat("x", 65400))
		flush(t, c) // wait now, because a small socket buffer has no room for more
		got = server.wait(t, func(got []string) bool { return len(got) == 2*(i+1) })
	}
	if n := len(slices.DeleteFunc(got, func(s string) bool { return !strings.HasPrefix(s, "before") })); n != 5 {
		t.Errorf("%d short lines came, want 5", n)
	}
	if s := c.Stats(); s.Sent != 20 || s.Failures == 0 || s.Connects != 1 {
		t.Errorf("%+v; want 20 lines sent, and what the host refused as failures", s)
	}
}

// TestSignedTrain checks that each datagram of a GSO packet has its own signature.
func TestSignedTrain(t *testing.T) {
	key := []byte("the key of this test")
	server := receive(t, "udp", "")
	c := open(t, client.New, client.Config{Network: "udp", Address: server.address, OneLine: true, HMACKey: key})
	for i := range 100 {
		c.Count("a", int64(100+i))
	}
	flush(t, c)
	seen := map[string]bool{}
	for _, d := range server.wait(t, func(got []string) bool { return len(got) == 100 }) {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(d[sha256.Size:]))
		if !hmac.Equal(mac.Sum(nil), []byte(d[:sha256.Size])) || len(d) != 44+len("a:100|c") || bytes.ContainsRune([]byte(d[44:]), '\n') {
			t.Errorf("datagram %q", d)
		}
		seen[d[44:]], seen[d[:sha256.Size]] = true, true
	}
	if len(seen) != 200 {
		t.Errorf("%d signatures and lines, want 100 of each", len(seen))
	}
}

// TestOneLineOfStream checks that OneLine is refused for a stream.
func TestOneLineOfStream(t *testing.T) {
	if _, err := client.New(client.Config{OneLine: true}); err == nil || !strings.Contains(err.Error(), "OneLine") {
		t.Errorf("got %v, want an error about Config.OneLine", err)
	}
}

// BenchmarkOneLine measures the cost of OneLine for the client. It sends each line in its own datagram, to a
// socket that is never read. An operation is a line.
func BenchmarkOneLine(b *testing.B) {
	for _, bench := range []struct {
		name string
		dial func(ctx context.Context, network, address string) (net.Conn, error)
	}{{"cut", nil}, {"alone", wrapped}} {
		for _, lengths := range []int{1, 20} {
			b.Run(fmt.Sprintf("%s/lengths=%d", bench.name, lengths), func(b *testing.B) {
				server := ready(b)
				c := open(b, client.New, client.Config{Network: "udp", Address: server.LocalAddr().String(), OneLine: true, Dial: bench.dial, Block: time.Minute})
				names := make([]string, 200)
				for i := range names {
					names[i] = "web.requests.served" + strings.Repeat("x", i*7%lengths)
				}
				b.ResetTimer()
				for i := range b.N {
					c.Incr(names[i%len(names)])
				}
				flush(b, c)
			})
		}
	}
}
