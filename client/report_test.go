package client_test

import (
	"context"
	"errors"
	"math"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/statsd-ops/statsd/client"
	"github.com/statsd-ops/statsd/client/clienttest"
)

// TestDropsAreLogged checks that the client logs dropped samples for two reasons: the sample is invalid, or its line is
// too long. Each reason is logged separately, at most once a second.
func TestDropsAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var log []string
		c := clienttest.New(t, client.Config{MaxPacketSize: 10, Log: func(line string) {
			mu.Lock()
			defer mu.Unlock()
			log = append(log, line)
		}}).Client
		said := func(want ...string) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if !slices.EqualFunc(log, want, strings.Contains) {
				t.Errorf("logged\n%s\nwant\n%s", strings.Join(log, "\n"), strings.Join(want, "\n"))
			}
			log = nil
		}
		c.Incr("much.too.long")
		said("longer than Config.MaxPacketSize (10 bytes): 1 samples dropped so far")
		c.Gauge("g", math.NaN())
		c.Incr("also.too.long")
		c.Incr("")
		said()
		time.Sleep(time.Second)
		said("bytes): 2 samples dropped so far", "not finite: 2 samples dropped so far")
		c.Set("s", "")
		want := client.Drops{TooLong: 2, Invalid: 3}
		var dropped *client.DroppedError
		if err := c.Close(t.Context()); !errors.As(err, &dropped) || dropped.Samples != want {
			t.Errorf("Close: %v, want %+v", err, want)
		}
		said("not finite: 3 samples dropped so far")
	})
}

// TestUDPFailureSeries checks that with UDP, a minute without failures starts a new series of failures, because
// nothing shows that a UDP server works again. A resolution of the server's name must not start a new series.
func TestUDPFailureSeries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := clienttest.New(t, client.Config{})
		var mu sync.Mutex
		var log []string
		var refuse atomic.Bool
		c, err := client.New(client.Config{
			Network: "udp", Address: "stats", LogEvery: 2, FlushInterval: time.Nanosecond,
			Log: func(line string) { mu.Lock(); defer mu.Unlock(); log = append(log, line) },
			Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := rec.Dial(ctx, network, address)
				return &refusing{conn, &refuse}, err
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		send := func() { c.Incr("a"); time.Sleep(time.Second) }
		for range 70 { // long enough for a resolution of the name
			refuse.Store(true)
			send()
		}
		time.Sleep(2 * time.Minute)
		refuse.Store(true)
		send()
		if err := c.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := len(log); n != 37 || !strings.Contains(log[n-2], "(failure 70, ") || !strings.Contains(log[n-1], "(failure 1, ") {
			t.Errorf("logged\n%s\nwant failures 1, 2, 4 and so on to 70, and 1 again", strings.Join(log, "\n"))
		}
	})
}

// refusing is a UDP connection that returns the error of an earlier datagram.
type refusing struct {
	net.Conn
	refuse *atomic.Bool
}

func (r *refusing) Write(b []byte) (int, error) {
	if r.refuse.Swap(false) {
		return 0, syscall.ECONNREFUSED
	}
	return r.Conn.Write(b)
}
