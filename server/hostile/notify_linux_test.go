package hostile

import (
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/wait"
)

// badNSCA are NSCA servers with faults, each given as a function that handles a connection. A
// correct server first sends 128 bytes of initialisation vector (IV) and a time.
var badNSCA = map[string]func(net.Conn){
	"is absent":    nil,
	"hangs":        func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) },
	"closes early": func(net.Conn) {},
	"sends half an IV": func(conn net.Conn) {
		_, _ = conn.Write(make([]byte, 60))
	},
	"sends a bad IV": func(conn net.Conn) {
		_, _ = conn.Write(make([]byte, 132)) // zero bytes: the time is 1970
		_, _ = io.Copy(io.Discard, conn)
	},
}

// NSCA servers with faults do not affect counting and flushing. The daemon sends one alert at a
// time.
func TestSoakBadNSCA(t *testing.T) {
	lasting := soak.Pick(2*time.Second, 30*time.Second)
	for name, serve := range badNSCA {
		t.Run(name, func(t *testing.T) {
			sideBySide(t)
			address := counterpart.FreeAddress(t).String()
			l, err := net.Listen("tcp", address)
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
					// The server may notice the end of the previous connection later than the start of this
					// connection.
					for end := time.Now().Add(5 * time.Second); now.Load() > 0 && time.Now().Before(end); {
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
			d := start(t, 100*time.Millisecond, "--alert", "--alert-interval=100ms", "--nsca-server="+address, "--nsca-host=web1")
			canary := d.dial("tcp")
			canaries, late := 0, 0.0
			tried := func(f map[string]float64) bool { return accepted.Load() > 0 || f["notify.errors"] > 0 }
			f := d.figures()
			for begun := time.Now(); time.Since(begun) < lasting || !tried(f) && time.Since(begun) < wait.Patience; time.Sleep(5 * time.Millisecond) {
				d.send(canary, []byte("canary:1|c\n"))
				canaries++
				f = d.figures()
				late = f["flush.late"]
			}
			d.expectCanary("canary", canaries)
			if peak.Load() > 1 {
				t.Errorf("%d alerts at a time", peak.Load())
			}
			if soak.On() && late != 0 {
				t.Errorf("%v flushes late", late)
			}
			if !tried(d.figures()) {
				t.Error("no alert was tried")
			}
			soak.Row(t, "NSCA peer "+name, fmt.Sprintf("canary exact, %v flushes late; %d alerts in flight at peak", late, peak.Load()), "unaffected; 1")
		})
	}
}
