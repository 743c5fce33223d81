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

// These are the maximum numbers of bytes for one sample.
const (
	eachName   = 300 // for a sample with a new name or a new set member
	eachSample = 16  // for a timer's sample
	tolerance  = 1.3
)

// flood writes n lines to conn through a buffer. The function line writes the line with the number
// i.
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

// grown checks that the daemon's peak memory has not grown too much. The first two arguments are the earlier value and
// the allowed growth, in bytes.
func (d *statsd) grown(before, allowed float64, what string) {
	d.t.Helper()
	grown := d.memory("VmHWM") - before
	soak.Row(d.t, what, fmt.Sprintf("memory +%.1f MB", grown/(1<<20)), fmt.Sprintf("%.1f MB", tolerance*allowed/(1<<20)))
	if grown > bound(tolerance*allowed) {
		d.t.Errorf("%s: memory grew by %.1f MB", what, grown/(1<<20))
	}
}

// resident checks that the resident memory is only a little larger than the heap in use.
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
	d.t.Logf("%d names: %.1f MB resident, %.2f times the live memory", names, resident/(1<<20), resident/live)
	if resident > tolerance*live {
		d.t.Errorf("%d names: %.1f MB resident, only %.1f live", names, resident/(1<<20), live/(1<<20))
	}
}

// Clients send more new names than --max-names allows. The accepted names need bounded memory. The
// other samples are refused and counted. Samples of known names are counted exactly. After the
// names have expired, new names are accepted again.
func TestSoakNewNames(t *testing.T) {
	sideBySide(t)
	for _, n := range soak.Pick([]int{40_000}, []int{1_000_000, 10_000_000}) {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			interval := soak.Pick(3*time.Second, 10*time.Second)
			for !newNames(t, n, interval) {
				interval *= 2
				t.Logf("names expired during the flood: again with an interval of %v", interval)
			}
		})
	}
}

// newNames sends n new names to a daemon, and then more than it may keep. It returns false if
// sending took so long that names may have expired. The result then proves nothing.
func newNames(t *testing.T, n int, interval time.Duration) bool {
	const expire, over = 3, 50_000
	d := start(t, interval, fmt.Sprint("--expire=", expire), fmt.Sprint("--max-names=", n+1))
	defer d.stop()
	conn := d.dial("tcp")
	d.send(conn, []byte("canary.known:1|c\n"))
	d.await("samples.received", 1)
	before := d.memory("VmHWM")
	bytes, begun := 0, time.Now()
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
	eventually(t, "the flood is not read", func() bool {
		f := d.figures()
		return f["samples.received"]+f["pending_stats"] == float64(n+over+canaries)
	})
	if time.Since(begun) > expire*interval {
		return false
	}
	f := d.await("samples.received", float64(n+over+canaries))
	if f["samples.refused"] != over || f["samples.refused.names"] != over {
		t.Errorf("%v samples were refused, want %d", f["samples.refused"], over)
	}
	d.expectCanary("canary.known", canaries)
	d.grown(before, eachName*float64(n)+float64(bytes), fmt.Sprintf("%d new names of %d bytes in all, and %d that are refused", n, bytes, over))
	if soak.On() { // the ratio is unsteady for a small heap
		d.resident(n)
	}
	forgotten := time.Now()
	eventually(t, "the names are not forgotten", func() bool { return d.figures()["names"] <= 1 })
	inTime(t, "forgetting the names", time.Since(forgotten), (expire+2)*interval+3*time.Second)
	d.send(conn, []byte("canary.new:1|c\n"))
	d.expectCanary("canary.new", 1)
	return true
}

// A set has a million members, and clients send further ones.
func TestSoakSetMembers(t *testing.T) {
	sideBySide(t)
	n := soak.Pick(40_000, 1_000_000)
	const over = 10_000
	d, f := inOneInterval(t, soak.Pick(time.Second, 10*time.Second), n+over, func(d *statsd, conn net.Conn) {
		d.flood(conn, n+over, func(w io.Writer, i int) { fmt.Fprintf(w, "canary.set:member%d|s\n", i) })
	}, fmt.Sprint("--max-set-members=", n))
	if f["samples.refused.members"] != over {
		t.Errorf("%v members were refused, want %d", f["samples.refused.members"], over)
	}
	eventually(t, "the set is not published", func() bool { return d.value("stats.canary.set") == float64(n) })
	d.grown(d.before, eachName*float64(n), fmt.Sprintf("%d members of one set, and %d that are refused", n, over))
}

// inOneInterval starts a daemon and sends samples that must all be in one flush. It returns the
// daemon, and the growth of its figures. If a flush happens while it sends, it tries again with a
// longer interval.
func inOneInterval(t *testing.T, interval time.Duration, samples int, send func(*statsd, net.Conn), flags ...string) (*statsd, map[string]float64) {
	t.Helper()
	for ; interval < 10*time.Minute; interval *= 2 {
		d := start(t, interval, flags...)
		conn := d.dial("tcp")
		d.before = d.memory("VmHWM")
		d.afterFlush()
		before := d.figures()
		send(d, conn)
		var pending map[string]float64
		eventually(t, "the samples are not read", func() bool {
			pending = d.figures()
			return pending["samples.received"]+pending["pending_stats"] == before["samples.received"]+float64(samples)
		})
		after := d.await("samples.received", before["samples.received"]+float64(samples))
		if pending["ledger.time"] == before["ledger.time"] {
			for name := range after {
				after[name] -= before[name]
			}
			return d, after
		}
		t.Logf("a flush came in between: again with an interval of %v", 2*interval)
		d.stop()
	}
	t.Fatal("the samples do not fit between two flushes")
	return nil, nil
}

// afterFlush waits for the end of the next flush.
func (d *statsd) afterFlush() {
	d.t.Helper()
	last := d.figures()["ledger.time"]
	eventually(d.t, "no flush", func() bool { return d.figures()["ledger.time"] > last })
}

// A timer gets ten million samples in a flush interval. Its count, minimum, maximum and mean are exact. The error of
// its percentiles is at most 1 %.
func TestSoakTimerSamples(t *testing.T) {
	sideBySide(t)
	n, limit := soak.Pick(200_000, 10_000_000), soak.Pick(50_000, 1_000_000)
	const packed = 100 // values per line
	d, f := inOneInterval(t, soak.Pick(time.Second, 20*time.Second), n, func(d *statsd, conn net.Conn) {
		d.flood(conn, n/packed, func(w io.Writer, i int) {
			_, _ = io.WriteString(w, "canary.timer"+strings.Repeat(fmt.Sprint(":", i+1), packed)+"|ms\n")
		})
	}, fmt.Sprint("--max-timer-samples=", limit))
	eventually(t, "the timer is not published", func() bool { return d.value("stats.timers.canary.timer.count") == float64(n) })
	d.grown(d.before, eachSample*float64(n), fmt.Sprintf("%d samples of one timer", n))
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
