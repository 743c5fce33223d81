package server

import (
	"testing"
)

// Datagrams that do not fit into the kernel's buffer are counted exactly: the datagrams read and
// dropped add up to the datagrams sent.
func TestKernelDrops(t *testing.T) {
	t.Parallel()
	const datagrams, sockets = 20_000, 4
	cfg := config()
	cfg.UDPBuffer = 1 // the kernel uses its minimum, which is larger
	d := start(t, cfg)
	for range sockets {
		conn := d.dial("udp")
		for range datagrams / sockets {
			send(t, conn, "hits:1|c")
		}
	}
	d.stop()
	read, dropped := figureOf(t, d.Server, "udp.packets"), figureOf(t, d.Server, "udp.kernel_dropped")
	if read+dropped != datagrams || read == 0 || dropped == 0 {
		t.Errorf("%v read, %v dropped, of %d sent", read, dropped, datagrams)
	}
	if got := d.totals()["counters.hits"]; got != read {
		t.Errorf("%v counted of %v read", got, read)
	}
}
