package tcp

import (
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestGuestsClose closes guests while connections arrive. When close returns, no connection may be served any more.
func TestGuestsClose(t *testing.T) {
	t.Parallel()
	for i := range 300 {
		g := newGuests(1, func(c net.Conn) { _ = c.Close() })
		var serving atomic.Int64
		var arriving sync.WaitGroup
		arriving.Go(func() {
			for entered := true; entered; {
				conn, _ := net.Pipe()
				entered = g.serve(&guest{conn: conn, since: time.Now()}, func() {
					serving.Add(1)
					defer serving.Add(-1)
					_, _ = conn.Read(make([]byte, 1)) // until the connection is closed
				})
				if !entered {
					_ = conn.Close()
				}
			}
		})
		for range i % 50 { // close at different times
			runtime.Gosched()
		}
		g.close()
		if n := serving.Load(); n != 0 {
			t.Fatalf("%d connections are served after close", n)
		}
		arriving.Wait()
	}
}
