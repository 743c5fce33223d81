package hostile

import (
	"bytes"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/wait"
)

// Many slow clients send a byte from time to time. Some of them never end a line. The slow clients
// cost little memory, and the daemon closes their connections. Other clients lose nothing.
func TestSoakSlowClients(t *testing.T) {
	sideBySide(t)
	const endless = 100
	slow, pause := soak.Pick(1_000, 10_000), soak.Pick(time.Second, 10*time.Second)
	allowed := soak.Pick(2*time.Second, 30*time.Second)
	d := start(t, 500*time.Millisecond, fmt.Sprint("--tcp-line-timeout=", allowed))
	canary := d.dial("tcp")
	d.send(canary, []byte("canary:1|c\n"))
	d.expectCanary("canary", 1)
	before := d.memory("VmRSS")

	var conns []net.Conn
	for range slow + endless {
		conns = append(conns, d.dial("tcp"))
	}
	begun := time.Now()
	var sending sync.WaitGroup
	over := make(chan struct{})
	for _, conn := range conns[slow:] {
		sending.Go(func() {
			for junk := bytes.Repeat([]byte{'x'}, 4000); ; {
				if _, err := conn.Write(junk); err != nil {
					return
				}
				select {
				case <-over:
					return
				case <-time.After(10 * time.Millisecond):
				}
			}
		})
	}
	canaries := 1
	sending.Go(func() {
		for {
			for _, conn := range conns[:slow] {
				_, _ = conn.Write([]byte{'x'}) // fails if the daemon has closed the connection
			}
			select {
			case <-over:
				return
			case <-time.After(pause):
			}
		}
	})
	peak := 0.0
	for time.Since(begun) < allowed {
		d.send(canary, []byte("canary:1|c\n"))
		canaries++
		time.Sleep(5 * time.Millisecond)
		peak = max(peak, d.memory("VmRSS"))
	}
	// The daemon closes a connection a fixed time after its unfinished line began. The lines did not begin at the same
	// time, so the connections do not end at the same time.
	deadline := time.Now().Add(wait.Patience)
	for i, conn := range conns {
		if !isCut(conn, deadline) {
			t.Fatalf("client %d is not cut after %v", i, time.Since(begun))
		}
	}
	took := time.Since(begun)
	close(over)
	sending.Wait()
	d.expectCanary("canary", canaries)
	d.await("tcp.cut.unfinished", float64(slow+endless))
	f := d.await("tcp.open", 1)
	if f["tcp.cut.idle"]+f["tcp.cut.full"]+f["tcp.cut.memory"] != 0 {
		t.Errorf("cut for other reasons: %v idle, %v full, %v memory", f["tcp.cut.idle"], f["tcp.cut.full"], f["tcp.cut.memory"])
	}
	grown := peak - before
	limit := bound(100<<20) * float64(len(conns)) / 10_000
	if grown > limit {
		t.Errorf("memory grew by %.1f MB for %d clients", grown/(1<<20), len(conns))
	}
	soak.Row(t, fmt.Sprintf("%d clients that send a byte each %v, %d endless lines", slow, pause, endless),
		fmt.Sprintf("the other clients lose nothing; memory +%.1f MB; all of these clients are disconnected after %v", grown/(1<<20), took.Round(100*time.Millisecond)),
		fmt.Sprintf("0; %.1f MB; in time", limit/(1<<20)))
}
