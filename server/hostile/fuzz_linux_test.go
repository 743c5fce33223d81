package hostile

import (
	"fmt"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/wire"
)

// Broken lines arrive through real sockets. The daemon keeps running, answers in time, counts the
// same samples as the parser, and needs no more memory afterwards.
func TestSoakBrokenLines(t *testing.T) {
	sideBySide(t)
	n, seed := 10_000, uint64(1)
	if soak.On() {
		n, seed = 1_000_000, uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	// The limits on names and values bound the memory that broken lines can use.
	d := start(t, 200*time.Millisecond, "--max-names=1000", "--keep-values=1000")
	d.afterFlush() // the sink is connected after a flush
	goroutines, files := d.resources()
	udp, tcp := d.dial("udp"), d.dial("tcp")
	var parser wire.Parser
	var sample metric.Sample
	samples, canaries := 0, 0
	longest := time.Duration(0)
	inputs := New(seed)
	for i := 0; i < n; {
		for range 100 {
			input := inputs.Next()
			conn := udp
			if i%2 == 1 {
				conn, input = tcp, append(input, '\n')
			}
			d.send(conn, input)
			parser.Reset(input)
			for item := parser.Next(&sample); item != wire.End; item = parser.Next(&sample) {
				if item != wire.Event {
					samples++
				}
			}
			i++
		}
		d.send(tcp, []byte("canary:1|c\n"))
		d.send(udp, []byte("canary:1|c"))
		samples, canaries = samples+2, canaries+2
		sent := time.Now()
		eventually(t, "the daemon hangs", func() bool {
			f := d.figures()
			return f["samples.received"]+f["pending_stats"] >= float64(samples)
		})
		longest = max(longest, time.Since(sent))
	}
	f := d.await("samples.received", float64(samples))
	d.expectCanary("canary", canaries)
	t.Logf("%d samples, %v of them good, %v discarded, %v refused", samples, f["samples.aggregated"], f["metrics.discarded"], f["samples.refused"])
	inTime(t, "an answer", longest, 100*time.Millisecond)
	_, _ = udp.Close(), tcp.Close()
	for deadline := time.Now().Add(wait.Patience); ; time.Sleep(10 * time.Millisecond) {
		g, f := d.resources()
		if g <= goroutines && f <= files {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines and %d files, there were %d and %d", g, f, goroutines, files)
		}
	}
	soak.Row(t, fmt.Sprintf("%d broken inputs through sockets", n),
		fmt.Sprintf("canary exact; each batch of 100 inputs read and reported within %v; goroutines and files as before", longest.Round(time.Millisecond)), "100 ms")
}
