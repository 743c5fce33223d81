package hostile

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
)

// The maximum memory per name or sample, in bytes. A third more is tolerated.
const (
	eachName   = 300 // for a name or a set member
	eachSample = 16  // for a timer's sample
	tolerance  = 1.3
)

// flood writes n lines, made by line, to conn, with a buffer.
func (d *statsd) flood(conn net.Conn, n int, line func(w io.Writer, i int)) {
	d.t.Helper()
	w := bufio.NewWriterSize(conn, 64<<10)
	for i := range n {
		line(w, i)
	}
	if err := w.Flush(); err != nil {
		d.t.Fatal(err)
	}
}

// grown checks how much memory the daemon needed in addition to before, at its peak.
func (d *statsd) grown(before, allowed float64, what string) {
	d.t.Helper()
	grown := d.memory("VmHWM") - before
	soak.Row(d.t, what, fmt.Sprintf("memory +%.1f MB", grown/(1<<20)), fmt.Sprintf("%.1f MB", tolerance*allowed/(1<<20)))
	if grown > bound(tolerance*allowed) {
		d.t.Errorf("%s: memory grew by %.1f MB", what, grown/(1<<20))
	}
}

// resident checks that the resident memory is little more than the live heap.
func (d *statsd) resident(names int) {
	d.t.Helper()
	resident := d.memory("VmRSS")
	if response, err := http.Get("http://" + d.profiles + "/debug/pprof/heap?gc=1"); err != nil {
		d.t.Fatal(err)
	} else {
		_ = response.Body.Close()
	}
	d.afterFlush()
	live := d.figures()["memory.live"]
	d.t.Logf("%d names: %.1f MB resident, %.2f of what is live", names, resident/(1<<20), resident/live)
	if resident > tolerance*live {
		d.t.Errorf("%d names: %.1f MB resident, only %.1f live", names, resident/(1<<20), live/(1<<20))
	}
}

// New names above the limit: the first ones are kept, the others refused and counted, known ones
// stay exact, and after the flood there is room again.
func TestSoakNewNames(t *testing.T) {
	sideBySide(t)
	sizes, interval := soak.Pick([]int{100_000}, []int{1_000_000, 10_000_000}), soak.Pick(3*time.Second, 10*time.Second) // no name expires during the flood
	for _, n := range sizes {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			const expire, over = 3, 50_000
			d := start(t, interval, fmt.Sprint("--expire=", expire), fmt.Sprint("--max-names=", n+1))
			conn := d.dial("tcp")
			d.send(conn, []byte("canary.known:1|c\n"))
			d.await("samples.received", 1)
			before := d.memory("VmHWM")
			bytes := 0
			d.flood(conn, n+over, func(w io.Writer, i int) {
				length, _ := fmt.Fprintf(w, "flood.of.new.names.number%d:1|c\n", i)
				if i < n {
					bytes += length - len(":1|c\n")
				}
				if i%1000 == 0 {
					_, _ = io.WriteString(w, "canary.known:1|c\n")
				}
			})
			canaries := 1 + (n+over+999)/1000
			f := d.await("samples.received", float64(n+over+canaries))
			if f["samples.refused"] != over || f["samples.refused.names"] != over {
				t.Errorf("%v samples were refused, want %d", f["samples.refused"], over)
			}
			d.expectCanary("canary.known", canaries)
			d.grown(before, eachName*float64(n)+float64(bytes), fmt.Sprintf("%d new names of %d bytes in all, and %d that are refused", n, bytes, over))
			if soak.On() { // a small heap may double
				d.resident(n)
			}
			forgotten := time.Now()
			eventually(t, "the names are not forgotten", func() bool { return d.figures()["names"] <= 1 })
			if took := time.Since(forgotten); took > (expire+2)*interval+patience/10 {
				t.Errorf("the names were forgotten after %v, %d flushes are %v", took, expire, expire*interval)
			}
			d.send(conn, []byte("canary.new:1|c\n"))
			d.expectCanary("canary.new", 1)
		})
	}
}

// One set with a million members, and one with more than the limit.
func TestSoakSetMembers(t *testing.T) {
	sideBySide(t)
	n, interval := soak.Pick(100_000, 1_000_000), soak.Pick(time.Second, 10*time.Second)
	const over = 10_000
	d := start(t, interval, fmt.Sprint("--max-set-members=", n))
	conn := d.dial("tcp")
	before := d.memory("VmHWM")
	f := d.inOneInterval(n+over, func() {
		d.flood(conn, n+over, func(w io.Writer, i int) { fmt.Fprintf(w, "canary.set:member%d|s\n", i) })
	})
	if f["samples.refused.members"] != over {
		t.Errorf("%v members were refused, want %d", f["samples.refused.members"], over)
	}
	eventually(t, "the set is not published", func() bool { return d.value("stats.canary.set") == float64(n) })
	d.grown(before, eachName*float64(n), fmt.Sprintf("%d members of one set, and %d that are refused", n, over))
}

// inOneInterval sends samples so that they belong to one flush, and returns by how much the figures
// grew. It tries again if a flush came in between.
func (d *statsd) inOneInterval(samples int, send func()) map[string]float64 {
	d.t.Helper()
	for range 10 {
		d.afterFlush()
		before := d.figures()
		send()
		var pending map[string]float64
		eventually(d.t, "the samples are not read", func() bool {
			pending = d.figures()
			return pending["samples.received"]+pending["pending_stats"] == before["samples.received"]+float64(samples)
		})
		after := d.await("samples.received", before["samples.received"]+float64(samples))
		if pending["ledger.time"] != before["ledger.time"] {
			continue
		}
		for name := range after {
			after[name] -= before[name]
		}
		return after
	}
	d.t.Fatal("this machine is too slow to send that much between two flushes")
	return nil
}

// afterFlush waits until just after a flush.
func (d *statsd) afterFlush() {
	d.t.Helper()
	last := d.figures()["ledger.time"]
	eventually(d.t, "no flush", func() bool { return d.figures()["ledger.time"] > last })
}

// One timer with ten million samples in a flush interval: its count, extremes and mean are exact,
// its percentile is within 1 %.
func TestSoakTimerSamples(t *testing.T) {
	sideBySide(t)
	n, limit, interval := 400_000, 100_000, time.Second
	if soak.On() {
		n, limit, interval = 10_000_000, 1_000_000, 20*time.Second
	}
	d := start(t, interval, fmt.Sprint("--max-timer-samples=", limit))
	conn := d.dial("tcp")
	before := d.memory("VmHWM")
	const packed = 100 // values per line
	f := d.inOneInterval(n, func() {
		d.flood(conn, n/packed, func(w io.Writer, i int) {
			_, _ = io.WriteString(w, "canary.timer"+strings.Repeat(fmt.Sprint(":", i+1), packed)+"|ms\n")
		})
	})
	eventually(t, "the timer is not published", func() bool { return d.value("stats.timers.canary.timer.count") == float64(n) })
	d.grown(before, eachSample*float64(n), fmt.Sprintf("%d samples of one timer", n))
	if f["timers.sketched"] != 1 || f["samples.refused"] != 0 {
		t.Errorf("%v timers sketched, %v samples refused", f["timers.sketched"], f["samples.refused"])
	}
	values := float64(n / packed)
	for name, want := range map[string]float64{"count": float64(n), "lower": 1, "upper": values, "mean": (values + 1) / 2} {
		if got := d.value("stats.timers.canary.timer." + name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if got, want := d.value("stats.timers.canary.timer.upper_90"), 0.9*values; math.Abs(got-want) > 0.01*want {
		t.Errorf("upper_90 is %v, want %v to 1 %%", got, want)
	}
}
