package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/sink/sinktest"
)

// A sink that hangs forever does not delay a healthy one.
func TestSpoolNeighbour(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.SpoolDir = t.TempDir()
	cfg.SpoolAfter = 20 * time.Millisecond
	healthy := sinktest.NewRecorder()
	cfg.FlushInterval = 50 * time.Millisecond
	cfg.GaugeExpire = time.Hour
	cfg.Sinks = []delivery.Destination{{Name: "healthy", Sink: healthy}}
	d := start(t, cfg) // start adds a recorder as a second sink, and only the recorder hangs
	d.Hang()
	for i := range 20 {
		send(t, d.dial("udp"), fmt.Sprintf("n%d:1|c", i))
		eventually(t, "the healthy sink gets it", func() bool {
			for _, p := range healthy.Points() {
				if strings.HasSuffix(p.Path, fmt.Sprintf("counters.n%d", i)) {
					return true
				}
			}
			return false
		})
	}
	d.Recover()
}

// Without a grace period, the daemon leaves all undelivered points in the spool.
func TestSpoolWithoutGrace(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.SpoolDir, cfg.Grace = t.TempDir(), 0
	d := start(t, cfg)
	send(t, d.dial("udp"), "hits:1|c")
	eventually(t, "nothing comes in", func() bool { return figureOf(t, d.Server, "pending_stats") == 1 })
	d.stop()
	if st := sinkState(t, d.Server, "recorder"); st.Queued > 0 || st.Spooled+st.Delivered != st.Made {
		t.Errorf("made %d, delivered %d, spooled %d, lost %d", st.Made, st.Delivered, st.Spooled, st.Queued)
	}
}
