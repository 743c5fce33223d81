package hostile

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/sink/sinktest"
)

// onDisk is a daemon whose sink is down, and whose spool is on a small disk.
type onDisk struct {
	*rounds
	t    *testing.T
	disk string
	sink *sinktest.Server
}

func newOnDisk(t *testing.T) *onDisk {
	s := &onDisk{t: t, disk: counterpart.SmallDisk(t), sink: sinktest.NewServer(t)}
	s.sink.Stop()
	s.start()
	return s
}

func (s *onDisk) spool() string { return filepath.Join(s.disk, "spool") }

func (s *onDisk) start() {
	d := startTo(s.t, s.sink.Addr(), 100*time.Millisecond, "--metadata-prefix=", "--spool-dir="+s.spool())
	s.rounds = newRounds(d, 10_000)
}

// flush sends n rounds of lines, and waits until the daemon has read them. One or two flushes publish the points of a
// round.
func (s *onDisk) flush(n int) {
	s.t.Helper()
	for range n {
		s.round()
		s.d.await("samples.received", float64(s.sent*s.names))
	}
}

// check restarts the sink. Each point must arrive or be counted as dropped. Intake must have lost
// nothing.
func (s *onDisk) check(what string, lossy bool) {
	s.t.Helper()
	s.sink.Start()
	s.d.afterFlush() // a flush computes its figures before its points, so only the next flush counts the points
	var f map[string]float64
	eventually(s.t, "the rest is not delivered", func() bool {
		f = s.d.figures()
		return f["sink.graphite.points.queued"]+f["sink.graphite.points.spooled"] == 0
	})
	made := f["sink.graphite.points.made"] + f["sink.graphite.points.recovered"]
	delivered, dropped := f["sink.graphite.points.delivered"], f["sink.graphite.points.dropped"]
	lines, _ := deliveries(s.sink.Connections())
	if float64(len(lines)) != delivered || delivered+dropped != made {
		s.t.Errorf("%v made, %v delivered, %v dropped; %d came", made, delivered, dropped, len(lines))
	}
	if (dropped > 0) != lossy {
		s.t.Errorf("%v points were dropped", dropped)
	}
	if f["udp.kernel_dropped"] != 0 {
		s.t.Errorf("%v datagrams were dropped", f["udp.kernel_dropped"])
	}
	soak.Row(s.t, "spool on a disk of 8 MB: "+what,
		fmt.Sprintf("%.0f sent + %.0f dropped = %.0f made; 0 datagrams dropped", delivered, dropped, made), "sent + dropped = made; 0")
}

func TestSoakDiskFull(t *testing.T) {
	sideBySide(t)
	s := newOnDisk(t)
	for range soak.Pick(1, 10) {
		dropped := s.d.figures()["sink.graphite.points.dropped"]
		eventually(t, "nothing is dropped", func() bool {
			s.flush(10)
			return s.d.figures()["sink.graphite.points.dropped"] > dropped
		})
	}
	s.check("full", true)
}

func TestSoakDiskReadOnly(t *testing.T) {
	sideBySide(t)
	s := newOnDisk(t)
	s.flush(5)
	s.d.stop()
	counterpart.Remount(t, s.disk, unix.MS_RDONLY)
	s.start()
	s.flush(5)
	if f := s.d.figures(); f["sink.graphite.points.recovered"] == 0 || f["sink.graphite.points.queued"] == 0 {
		t.Errorf("%v points were recovered, %v wait in memory", f["sink.graphite.points.recovered"], f["sink.graphite.points.queued"])
	}
	counterpart.Remount(t, s.disk, 0)
	s.flush(5)
	eventually(t, "points still wait in memory", func() bool { return s.d.figures()["sink.graphite.points.queued"] == 0 })
	s.check("read-only for a while", false)
}

func TestSoakSpoolRemoved(t *testing.T) {
	sideBySide(t)
	s := newOnDisk(t)
	s.flush(5)
	eventually(t, "nothing is spooled", func() bool { return s.d.figures()["sink.graphite.points.spooled"] > 0 })
	// The daemon may create the directory again while RemoveAll runs.
	eventually(t, "the spool cannot be removed", func() bool { return os.RemoveAll(s.spool()) == nil })
	s.flush(5)
	s.check("directory removed", true)
}
