package hostile

import (
	"fmt"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
)

// Each datagram is built to cause high cost. The daemon keeps running, needs hardly any additional
// memory, and counts later samples correctly.
func TestSoakOneDatagramBuiltToHurt(t *testing.T) {
	sideBySide(t)
	d := start(t, 20*time.Millisecond)
	conn := d.dial("udp")
	packets := 0
	send := func(datagram []byte) {
		d.send(conn, datagram)
		d.send(conn, []byte("canary:1|c"))
		packets += 2
		d.await("udp.packets", float64(packets))
	}
	send(make([]byte, MaxUDP))
	d.expectCanary("canary", 1)
	peak := 0.0
	for _, g := range Datagrams() {
		before := d.memory("VmHWM")
		send(g.Make(MaxUDP))
		grown := d.memory("VmHWM") - before
		if peak = max(peak, grown); grown > bound(1<<20) {
			t.Errorf("%s: memory grew by %.2f MB", g.Name, grown/(1<<20))
		}
	}
	d.expectCanary("canary", packets/2)
	soak.Row(t, fmt.Sprintf("%d kinds of hostile datagrams, one datagram of each", len(Datagrams())),
		fmt.Sprintf("alive, canary exact, memory +%.2f MB at most", peak/(1<<20)), "1 MB")
}

// The processor time for a datagram is proportional to its bytes: in long datagrams, a byte costs
// no more than in short datagrams.
func TestSoakDatagramsTakeLinearTime(t *testing.T) {
	sideBySide(t)
	total := soak.Pick(256<<10, 8<<20) // number of bytes to send of each kind
	d := start(t, 20*time.Millisecond)
	conn := d.dial("udp")
	packets, canaries := 0, 0
	// flood sends datagrams of a size, and returns the processor time that the daemon used for them.
	flood := func(g Datagram, size int) time.Duration {
		datagram := g.Make(size)
		before := d.cpu()
		for sent := 0; sent < total; sent += size {
			d.send(conn, datagram)
			if packets++; sent/(512<<10) != (sent+size)/(512<<10) {
				d.awaitRead()
			}
		}
		d.send(conn, []byte("canary:1|c"))
		packets, canaries = packets+1, canaries+1
		d.await("udp.packets", float64(packets))
		return d.cpu() - before
	}
	slowest, worst := 0.0, 0.0
	for _, g := range Datagrams() {
		large := flood(g, MaxUDP)
		each := large.Seconds() / float64(total)
		slowest = max(slowest, each)
		if soak.On() {
			t.Logf("%-30s %6.1f ns a byte", g.Name, 1e9*each)
		}
		// A time below 100 ns a byte is mostly other work of the daemon. Such times are not compared.
		if each < 100e-9 {
			continue
		}
		small := flood(g, MaxUDP/16)
		worst = max(worst, large.Seconds()/small.Seconds())
		if large > time.Duration(bound(2)*float64(small)) {
			t.Errorf("%s: %d bytes take %v in long datagrams, %v in short ones", g.Name, total, large, small)
		}
	}
	d.expectCanary("canary", canaries)
	if f := d.figures(); f["udp.kernel_dropped"] != 0 {
		t.Errorf("%v datagrams were dropped", f["udp.kernel_dropped"])
	}
	soak.Row(t, fmt.Sprintf("%d MiB of hostile datagrams of each kind", total>>20),
		fmt.Sprintf("at most %.0f ns a byte; a byte of a long datagram costs up to %.2f times as much as a byte of a short one", 1e9*slowest, worst), "2 times")
}
