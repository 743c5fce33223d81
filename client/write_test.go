package client_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/statsd-ops/statsd/client"
	"github.com/statsd-ops/statsd/client/clienttest"
)

// cutConn accepts a number of bytes, and then breaks.
type cutConn struct {
	net.Conn
	left int
}

func (c *cutConn) Write(b []byte) (int, error) {
	n, _ := c.Conn.Write(b[:min(c.left, len(b))])
	c.left -= n
	if n < len(b) {
		return n, errors.New("cut by the test")
	}
	return n, nil
}

// TestCutAnywhere breaks a connection after each possible byte. Lines that were sent completely must not be sent
// again. A line that was sent only in part must be sent again, as the first line on the next connection.
func TestCutAnywhere(t *testing.T) {
	want := []string{"first:1|c", "second:2|c", "third:0|g", "third:-3|g"}
	all := strings.Join(want, "\n") + "\n"
	for at := range len(all) {
		synctest.Test(t, func(t *testing.T) {
			before, after := clienttest.New(t, client.Config{}), clienttest.New(t, client.Config{})
			dials := 0
			c := open(t, client.New, client.Config{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
				if dials++; dials > 1 {
					return after.Dial(ctx, network, address)
				}
				conn, err := before.Dial(ctx, network, address)
				return &cutConn{conn, at}, err
			}})
			c.Incr("first")
			c.Count("second", 2)
			c.Gauge("third", -3)
			flush(t, c)
			whole := strings.Count(all[:at], "\n")
			if got := after.Lines(); !slices.Equal(got, want[whole:]) {
				t.Errorf("cut after %q: sent again %q, want %q", all[:at], got, want[whole:])
			}
			s := c.Stats()
			sums(t, s, 4)
			if s.Sent != 4 || s.Failures != 1 {
				t.Errorf("cut after %d bytes: %+v", at, s)
			}
		})
	}
}

// TestResolveAgain checks that the client resolves the name of a UDP server again. An IP address
// must not be resolved.
func TestResolveAgain(t *testing.T) {
	for address, want := range map[string]uint64{"stats.example.com": 4, "127.0.0.1": 1, "[::1]": 1} {
		synctest.Test(t, func(t *testing.T) {
			rec := clienttest.New(t, client.Config{Network: "udp", Address: address})
			for range 25 { // 250 s in total; the client resolves the name again after 70, 140 and 210 s
				rec.Client.Incr("a")
				time.Sleep(10 * time.Second)
				if len(rec.Lines()) == 0 {
					t.Error("nothing was sent")
				}
			}
			if s := rec.Client.Stats(); s.Connects != want {
				t.Errorf("%s: %d sockets in 250 s, want %d", address, s.Connects, want)
			}
		})
	}
}

// TestResolveAgainHangs checks that a name server that does not respond delays nothing.
func TestResolveAgainHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := clienttest.New(t, client.Config{})
		var dials atomic.Int32
		c := open(t, client.New, client.Config{Network: "udp", Address: "stats.example.com", Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			if dials.Add(1) > 1 {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return rec.Dial(ctx, network, address)
		}})
		for range 100 {
			start := time.Now()
			c.Incr("a")
			if flush(t, c); time.Since(start) != 0 {
				t.Fatalf("sending took %v", time.Since(start))
			}
			time.Sleep(2500 * time.Millisecond)
		}
		if s := c.Stats(); dials.Load() < 4 || s.Connects != 1 || s.Sent != 100 {
			t.Errorf("%d attempts, %+v", dials.Load(), s)
		}
	})
}
