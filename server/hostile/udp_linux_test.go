package hostile

import (
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
)

// Every datagram is either read, or dropped by the kernel and counted. This holds for a tiny
// buffer, and for a process that was stopped for a while.
func TestSoakKernelDropsAreCounted(t *testing.T) {
	sideBySide(t)
	n, stopped := soak.Pick(20_000, 500_000), soak.Pick(300*time.Millisecond, 2*time.Second)
	for _, test := range []struct{ name, buffer string }{{"a buffer of 4 KB", "4096"}, {"a buffer of 64 KiB", "64KiB"}} {
		t.Run(test.name, func(t *testing.T) {
			const senders = 4
			d := start(t, 200*time.Millisecond, "--udp-buffer="+test.buffer)
			flood := func() {
				var sending sync.WaitGroup
				for range senders {
					conn := d.dial("udp")
					sending.Go(func() {
						for range n / senders {
							if _, err := conn.Write([]byte("canary:1|c")); err != nil {
								t.Error(err)
								return
							}
						}
					})
				}
				sending.Wait()
			}
			account := func(sent int, when string) map[string]float64 {
				t.Helper()
				d.awaitRead()
				d.afterFlush()
				f := d.figures()
				read, dropped := f["udp.packets"], f["udp.kernel_dropped"]
				t.Logf("%s: %d sent, %v read, %v dropped by the kernel", when, sent, read, dropped)
				if read+dropped != float64(sent) {
					t.Errorf("%s: %d sent, %v read + %v dropped = %v", when, sent, read, dropped, read+dropped)
				}
				return f
			}
			flood()
			account(n, "overrun")
			d.signal(syscall.SIGSTOP)
			flood()
			time.Sleep(stopped)
			d.signal(syscall.SIGCONT)
			f := account(2*n, "stopped")
			if f["udp.kernel_dropped"] < float64(n)/2 {
				t.Errorf("only %v datagrams were dropped: nothing was overrun", f["udp.kernel_dropped"])
			}
			d.expectCanary("canary", int(f["udp.packets"]))
			soak.Row(t, fmt.Sprintf("UDP overrun of %s, and again while the daemon is stopped for %v: %d datagrams in all", test.name, stopped, 2*n),
				fmt.Sprintf("%.0f read + %.0f dropped by the kernel", f["udp.packets"], f["udp.kernel_dropped"]), "the sum equals the sent datagrams")
		})
	}
}
