package hostile

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/sink/sinktest"
)

// The points of a healthy sink are neither delayed nor lost because another sink is dead.
func TestSoakDeadNeighbour(t *testing.T) {
	sideBySide(t)
	flushes := soak.Pick(4, 60)
	absent, silent := sinktest.NewServer(t), sinktest.NewServer(t)
	absent.Stop()
	silent.Set(sinktest.Fault{Never: true})
	beside := func(neighbours ...*sinktest.Server) *rounds {
		flags := []string{"--spool-dir=" + t.TempDir()}
		for i, n := range neighbours {
			flags = append(flags, fmt.Sprintf("--sink=graphite://%s?name=dead%d&keep-open=false", n.Addr(), i))
		}
		return newRounds(start(t, time.Second, flags...), 10_000)
	}
	alone, beset := beside(), beside(absent, silent)
	for range flushes {
		alone.next()
		beset.round()
		for _, r := range []*rounds{alone, beset} {
			r.d.send(r.conn, []byte("canary:1|c"))
		}
	}
	var worst [2]time.Duration
	for i, r := range []*rounds{alone, beset} {
		r.d.expectCanary("canary", flushes)
		worst[i] = slices.Max(r.d.carbon.came())
	}
	f := beset.d.figures()
	for _, dead := range []string{"dead0", "dead1"} {
		if p := "sink." + dead + ".points."; f[p+"delivered"] != 0 || f[p+"made"] != f[p+"spooled"]+f[p+"queued"] {
			t.Errorf("%s: %v made, %v delivered, %v spooled", dead, f[p+"made"], f[p+"delivered"], f[p+"spooled"])
		}
	}
	more := worst[1] - worst[0]
	inTime(t, "delivery beside dead sinks, beyond delivery alone", more, 100*time.Millisecond)
	soak.Row(t, fmt.Sprintf("two dead sinks and a healthy sink, %d flushes of %d points", flushes, beset.names),
		fmt.Sprintf("the healthy sink takes a flush within %v; without the dead sinks within %v", worst[1].Round(time.Millisecond), worst[0].Round(time.Millisecond)), "100 ms more")
}
