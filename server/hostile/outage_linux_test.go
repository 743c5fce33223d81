package hostile

import (
	"bytes"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/sink/sinktest"
)

// rounds sends the same set of counters repeatedly. Each round sends each counter once.
type rounds struct {
	d         *statsd
	conn      net.Conn
	datagrams [][]byte
	names     int
	sent      int // number of rounds
}

func newRounds(d *statsd, names int) *rounds {
	r := &rounds{d: d, conn: d.dial("udp"), names: names}
	var b []byte
	for i := range names {
		b = fmt.Appendf(b, "outage.%d:1|c\n", i)
		if len(b) > 1300 || i == names-1 {
			r.datagrams = append(r.datagrams, bytes.TrimSuffix(b, []byte("\n")))
			b = nil
		}
	}
	return r
}

// next sends a round early in the next second. Flushes are at full seconds, so a round is always
// within one interval.
func (r *rounds) next() {
	r.d.t.Helper()
	now := time.Now()
	time.Sleep(now.Truncate(time.Second).Add(1200 * time.Millisecond).Sub(now))
	r.round()
}

func (r *rounds) round() {
	r.d.t.Helper()
	for _, datagram := range r.datagrams {
		r.d.send(r.conn, datagram)
	}
	r.sent++
}

// await waits until the daemon has received and flushed all rounds.
func (r *rounds) await() {
	r.d.t.Helper()
	r.d.await("samples.received", float64(r.sent*r.names))
	r.d.afterFlush() // a flush computes its figures before its points, so only the next flush counts the points
	deadline := time.Now().Add(wait.Patience + time.Duration(r.sent*r.names/10_000)*time.Second)
	for {
		f := r.d.figures()
		if f["sink.graphite.points.delivered"] == f["sink.graphite.points.made"] {
			return
		}
		if time.Now().After(deadline) {
			r.d.t.Fatalf("%v of %v points were delivered", f["sink.graphite.points.delivered"], f["sink.graphite.points.made"])
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// check compares the lines that the sink received with the lines that were sent. Nothing is lost or
// duplicated, and the timestamps of each series increase.
func (r *rounds) check(lines []string) {
	r.d.t.Helper()
	last, total := map[string]int64{}, map[string]float64{}
	for _, line := range lines {
		fields := strings.Fields(line)
		value, err := strconv.ParseFloat(fields[1], 64)
		at, timeErr := strconv.ParseInt(fields[2], 10, 64)
		if err != nil || timeErr != nil || len(fields) != 3 {
			r.d.t.Fatalf("published %q", line)
		}
		if at <= last[fields[0]] {
			r.d.t.Fatalf("%q comes after a point of %d", line, last[fields[0]])
		}
		last[fields[0]] = at
		total[fields[0]] += value
	}
	for i := range r.names {
		if got := total[fmt.Sprint("stats.outage.", i)]; got != float64(r.sent) {
			r.d.t.Fatalf("counter %d came to %v, want %d", i, got, r.sent)
		}
	}
	if f := r.d.figures(); f["udp.kernel_dropped"]+f["sink.graphite.points.dropped"] != 0 {
		r.d.t.Errorf("%v datagrams and %v points were dropped", f["udp.kernel_dropped"], f["sink.graphite.points.dropped"])
	}
}

// A sink is down for 360 flushes, which would take an hour at the default interval. Memory does not
// grow with the backlog. When the sink works again, each point arrives once, in order, with its own
// timestamp.
func TestSoakOutage(t *testing.T) {
	sideBySide(t)
	flushes, warm := soak.Pick(3, 360), soak.Pick(1, 10)
	sink := sinktest.NewServer(t)
	d := startTo(t, sink.Addr(), time.Second, "--metadata-prefix=", "--spool-dir="+t.TempDir())
	r := newRounds(d, 10_000)
	for range warm {
		r.next()
	}
	r.await()
	before := d.memory("VmRSS")
	sink.Stop()
	for range flushes {
		r.next()
	}
	spooled := d.await("samples.received", float64(r.sent*r.names))["sink.graphite.points.spooled"]
	sink.Start()
	r.next()
	r.await()
	grown := d.memory("VmHWM") - before
	lines, again := deliveries(sink.Connections())
	r.check(lines)
	if spooled == 0 || again != 0 {
		t.Errorf("%v points were spooled, %d lines came twice", spooled, again)
	}
	if grown > bound(64<<20) {
		t.Errorf("memory grew by %.1f MB", grown/(1<<20))
	}
	soak.Row(t, fmt.Sprintf("sink down for %d flushes of %d points, then back", flushes, r.names),
		fmt.Sprintf("0 lost, %d twice, in order; memory +%.1f MB; 0 datagrams dropped", again, grown/(1<<20)),
		"0, 0; 64 MB; 0")
}
