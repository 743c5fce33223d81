package hostile

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/sink/sinktest"
)

// mixed returns lines of all kinds, one in a hundred of them bad.
func mixed(n int) (lines []byte) {
	bad := []string{"no colon", "bad:x|c", "bad:1|c|@7", ":1|c", "bad:1|zz"}
	for i := range n {
		switch {
		case i%100 == 99:
			lines = append(append(lines, bad[i/100%len(bad)]...), '\n')
		case i%10 < 6:
			lines = fmt.Appendf(lines, "web.requests.number%d:1|c\n", i)
		case i%10 < 8:
			lines = fmt.Appendf(lines, "web.load.number%d:%d|g\n", i, i%50)
		case i%10 < 9:
			lines = fmt.Appendf(lines, "web.time.number%d:%d|ms\n", i%1000, i%300)
		default:
			lines = fmt.Appendf(lines, "web.users.number%d:user%d|s\n", i%100, i%1000)
		}
	}
	return lines
}

// The daemon gets lines all the time. One line in a hundred is bad, and the sink stops and starts. The daemon's memory,
// goroutines and files stop growing after a while.
func TestSoakFlappingSink(t *testing.T) {
	sideBySide(t)
	const windows = 20
	whole := soak.Duration(t, 4*time.Second)
	window := whole / windows // in a full run about a minute
	sink := sinktest.NewServer(t)
	d := startTo(t, sink.Addr(), time.Second, "--spool-dir="+t.TempDir())

	flood := &intake{d: d, conn: d.dial("tcp"), block: mixed(intakeBlock), n: 20 * intakeBlock}
	for range 7 {
		flood.turn()
	}
	// In a full run, the daemon gets half of the lines that it could handle. In an ordinary run, it gets a twentieth,
	// because other tests run on the machine at the same time.
	part := soak.Pick(20.0, 2.0)
	rate := float64(flood.n) / flood.median().Seconds() / part

	begun := time.Now()
	load := d.newLoad(mixed(intakeBlock), time.Duration(intakeBlock/rate*float64(time.Second)))
	var heap [windows + 1]float64
	var goroutines, files [windows + 1]int
	for i := 1; i <= windows; i++ {
		sink.Stop()
		time.Sleep(window / 2)
		sink.Start()
		sink.Forget() // the sink would need too much memory for all lines
		time.Sleep(window / 2)
		d.figures() // also checks that all samples and points are accounted for
		heap[i] = d.live()
		goroutines[i], files[i] = d.resources()
	}
	blocks := load.stop()
	rate = float64(blocks*intakeBlock) / time.Since(begun).Seconds()
	sent := blocks*intakeBlock + 7*flood.n
	f := d.await("samples.received", float64(sent))
	eventually(t, "the backlog is not sent", func() bool {
		f = d.figures()
		return f["sink.graphite.points.queued"]+f["sink.graphite.points.spooled"] == 0
	})
	const early = windows / 4
	grown := (heap[windows] - heap[early]) / (1 << 20)
	if grown > bound(1) {
		t.Errorf("live memory grew by %.2f MB from %.2f MB", grown, heap[early]/(1<<20))
	}
	if more := goroutines[windows] - goroutines[early]; more > 2 {
		t.Errorf("%d more goroutines", more)
	}
	if more := files[windows] - files[early]; more > 2 {
		t.Errorf("%d more files", more)
	}
	if f["sink.graphite.points.dropped"] != 0 || f["metrics.discarded"] != float64(sent/100) {
		t.Errorf("%v points were dropped, %v lines discarded of %d", f["sink.graphite.points.dropped"], f["metrics.discarded"], sent)
	}
	soak.Row(t, fmt.Sprintf("%v at %.2f million lines/s (%.0f %% of the maximum), 1 %% bad, sink flapping each %v", whole, rate/1e6, 100/part, window/2),
		fmt.Sprintf("live memory %+.2f MB after the first quarter (%.1f MB); goroutines %d, then %d; files %d, then %d; ledger balances, 0 of %.0f points lost",
			grown, heap[windows]/(1<<20), goroutines[early], goroutines[windows], files[early], files[windows], f["sink.graphite.points.made"]),
		"1 MB; flat; 0")
}

// load is a client that sends a block of lines repeatedly.
type load struct {
	quit chan struct{}
	sent chan int
}

func (d *statsd) newLoad(block []byte, every time.Duration) *load {
	l := &load{quit: make(chan struct{}), sent: make(chan int)}
	conn := d.dial("tcp")
	go func() {
		ticks := time.NewTicker(every)
		defer ticks.Stop()
		for n := 0; ; n++ {
			select {
			case <-l.quit:
				l.sent <- n
				return
			case <-ticks.C:
			}
			if _, err := conn.Write(block); err != nil {
				d.t.Errorf("send: %v", err)
			}
		}
	}()
	return l
}

// stop ends the client, and returns the number of blocks that it has sent.
func (l *load) stop() int {
	close(l.quit)
	return <-l.sent
}

var heapAlloc = regexp.MustCompile(`# HeapAlloc = (\d+)`)

// live returns the bytes of the daemon's heap that are in use after a garbage collection. It
// returns the minimum of several measurements, because the daemon allocates memory between a
// collection and the measurement.
func (d *statsd) live() float64 {
	d.t.Helper()
	least := 0.0
	for i := range 7 {
		response, err := http.Get("http://" + d.profiles + "/debug/pprof/heap?gc=1&debug=1")
		if err != nil {
			d.t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		found := heapAlloc.FindSubmatch(text)
		if err != nil || found == nil {
			d.t.Fatalf("no heap in the profile: %v", err)
		}
		n, _ := strconv.ParseFloat(string(found[1]), 64)
		if least = min(least, n); i == 0 {
			least = n
		}
	}
	return least
}
