package server

import (
	"fmt"
	"net"
	"testing"
	"time"
)

// A gauge has the value of the last sample that the kernel received, whatever socket or protocol the sample used.
// Receivers sleep independently of each other, so they may read samples in another order. The pause is longer than the
// kernel needs for a datagram, and shorter than a receiver's sleep.
func TestGaugesCountInOrderOfArrival(t *testing.T) {
	t.Parallel()
	const rounds, pause = 40, 3 * time.Millisecond
	cfg := config()
	cfg.Receivers = 4
	d := start(t, cfg)
	stream := d.dial("tcp")
	want := map[string]float64{}
	for i := range rounds {
		set, adjusted, mixed := fmt.Sprintf("set%d", i), fmt.Sprintf("adjusted%d", i), fmt.Sprintf("mixed%d", i)
		for _, step := range []struct {
			conn net.Conn
			text string
		}{
			{d.dial("udp"), set + ":1|g\n" + adjusted + ":500|g\n" + mixed + ":1|g\n"},
			{d.dial("udp"), set + ":2|g\n" + adjusted + ":-100|g\n" + mixed + ":2|g\n"},
			{stream, mixed + ":3|g\n" + adjusted + ":+10|g\n"},
			{d.dial("udp"), set + ":3|g\n" + adjusted + ":+1|g\n" + mixed + ":+5|g\n"},
		} {
			send(t, step.conn, step.text)
			time.Sleep(pause) // so that the kernel's timestamps order the datagrams of several sockets
		}
		// The daemon must read each stream in the round in which it is sent. Otherwise the lines of
		// several rounds get the same timestamp.
		eventually(t, "datagrams are missing", func() bool { return figureOf(t, d.Server, "pending_stats") == float64(i+1)*11 })
		want["gauges."+set], want["gauges."+adjusted], want["gauges."+mixed] = 3, 411, 8
	}
	d.stop()
	wrong := 0
	got := d.totals()
	for name, value := range want {
		if got[name] != value {
			wrong++
			t.Logf("%s is %v, want %v", name, got[name], value)
		}
	}
	if wrong > 0 {
		t.Errorf("%d of %d gauges are wrong", wrong, len(want))
	}
}
