package hostile

import (
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
)

// badNSCA are misbehaving nsca daemons, described by what they do with a connection. nsca sends
// first: 128 bytes of initialisation vector and a time.
var badNSCA = map[string]func(net.Conn){
	"is absent":    nil,
	"hangs":        func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) },
	"closes early": func(net.Conn) {},
	"sends half an IV": func(conn net.Conn) {
		_, _ = conn.Write(make([]byte, 60))
	},
	"sends a bad IV": func(conn net.Conn) {
		_, _ = conn.Write(make([]byte, 132)) // the time is 1970
		_, _ = io.Copy(io.Discard, conn)
	},
}

// Whatever the receiver of alerts does, the daemon counts and flushes as usual, and has at most one
// alert in flight.
func TestSoakBadNSCA(t *testing.T) {
	lasting := soak.Pick(2*time.Second, 30*time.Second)
	for name, serve := range badNSCA {
		t.Run(name, func(t *testing.T) {
			sideBySide(t)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			var now, peak, accepted atomic.Int64
			if serve == nil {
				_ = l.Close()
			}
			go func() {
				for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
					accepted.Add(1)
					// The end of the previous one may be noticed a little later than this one.
					for end := time.Now().Add(100 * time.Millisecond); now.Load() > 0 && time.Now().Before(end); {
						time.Sleep(time.Millisecond)
					}
					peak.Store(max(peak.Load(), now.Add(1)))
					go func() {
						serve(conn)
						now.Add(-1)
						_ = conn.Close()
					}()
				}
			}()
			d := start(t, 100*time.Millisecond, "--alert", "--alert-interval=100ms", "--nsca-server="+l.Addr().String(), "--nsca-host=web1")
			canary := d.dial("tcp")
			canaries, late := 0, 0.0
			for begun := time.Now(); time.Since(begun) < lasting; time.Sleep(5 * time.Millisecond) {
				d.send(canary, []byte("canary:1|c\n"))
				canaries++
				late = d.figures()["flush.late"]
			}
			d.expectCanary("canary", canaries)
			f := d.figures()
			if peak.Load() > 1 || late != 0 {
				t.Errorf("%d alerts at a time, %v flushes late", peak.Load(), late)
			}
			if serve != nil && accepted.Load() == 0 || serve == nil && f["notify.errors"] == 0 {
				t.Errorf("%d alerts were tried, %v failed", accepted.Load(), f["notify.errors"])
			}
			soak.Row(t, "NSCA peer "+name, fmt.Sprintf("canary exact, %v flushes late; %d alerts in flight at most", late, peak.Load()), "unaffected; 1")
		})
	}
}
