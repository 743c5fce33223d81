package corpus

import (
	"context"
	"fmt"
	"maps"
	"math"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/server"
	"github.com/statsd-ops/statsd/sink/sinktest"
	"github.com/statsd-ops/statsd/wire"
)

// patience is how long a test waits for an event that is expected soon.
const patience = 2 * time.Minute

// TestSoakDaemons sends a part of the corpus to Etsy's statsd and to this daemon over UDP, and
// compares the published points. Each line has a different name. The test omits the lines that the
// two daemons interpret differently.
func TestSoakDaemons(t *testing.T) {
	var candidates []string
	for i, line := range Lines(soak.Pick(20_000, 100_000))[:soak.Pick(3_000, 20_000)] {
		candidates = append(candidates, fmt.Sprintf("n%d.%s", i, line))
	}
	p := wire.Parser{Dialect: metric.Etsy}
	var same []string
	for i, theirs := range theirOutcomes(t, candidates) {
		if ours := ourOutcome(&p, candidates[i]); !theirs.Crash && ours.equal(theirs) {
			same = append(same, candidates[i])
		}
	}
	if len(same) < len(candidates)/2 {
		t.Fatalf("only %d of %d lines are read the same", len(same), len(candidates))
	}
	theirs, ours := publishedByEtsy(t, same), publishedHere(t, same)
	if len(theirs) < len(same)/2 {
		t.Errorf("Etsy's statsd published only %d points of %d lines", len(theirs), len(same))
	}
	for _, path := range slices.Sorted(maps.Keys(theirs)) {
		want := theirs[path]
		if got, ok := ours[path]; !ok || math.Abs(got-want) > 1e-12*math.Abs(want) {
			t.Errorf("%s is %v (published: %v), want %v", path, got, ok, want)
		}
	}
	for path := range ours {
		if _, ok := theirs[path]; !ok {
			t.Errorf("%s is published here, and not there", path)
		}
	}
}

// chunk is the number of lines to send before the test waits until the daemon has read them. This
// many lines fit into the receive buffer of Node.js.
const chunk = 1500

// exchange sends the lines to a daemon, and returns the first published value of each path. Each
// line is a separate datagram, so all its samples are in the same flush.
func exchange(t *testing.T, addr string, lines []string, published func() []sinktest.Point) map[string]float64 {
	t.Helper()
	conn, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	first := map[string]float64{}
	n := 0
	for some := range slices.Chunk(lines, chunk) {
		n++
		for datagram := range slices.Chunk(append(slices.Clone(some), fmt.Sprintf("marker%d:1|c", n)), 40) {
			if _, err := fmt.Fprint(conn, strings.Join(datagram, "\n")); err != nil {
				t.Fatal(err)
			}
		}
		for _, p := range await(t, fmt.Sprintf(".marker%d", n), published) {
			if _, ok := first[p.Path]; !ok && ofCorpus.MatchString(p.Path) {
				first[p.Path] = p.Value
			}
		}
	}
	return first
}

// ofCorpus matches the paths that the corpus produces.
var ofCorpus = regexp.MustCompile(`^stats[a-z._]*\.n[0-9]+\.`)

// await waits for a point whose path ends with suffix, and returns all points published until then.
func await(t *testing.T, suffix string, published func() []sinktest.Point) []sinktest.Point {
	t.Helper()
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		all := published()
		if slices.ContainsFunc(all, func(p sinktest.Point) bool { return strings.HasSuffix(p.Path, suffix) }) {
			return all
		}
	}
	t.Fatalf("nothing with %s is published", suffix)
	return nil
}

func publishedByEtsy(t *testing.T, lines []string) map[string]float64 {
	carbon := sinktest.NewServer(t)
	etsy := counterpart.StartEtsy(t, map[string]any{
		"flushInterval": 200, "deleteIdleStats": true, "graphiteHost": "127.0.0.1", "graphitePort": carbon.Port(),
	})
	return exchange(t, etsy.Addr, lines, func() (all []sinktest.Point) {
		for _, c := range carbon.Connections() {
			if !c.Whole {
				break // each connection carries one flush: do not return later flushes before this flush is complete
			}
			all = append(all, c.Points(t)...)
		}
		return all
	})
}

func publishedHere(t *testing.T, lines []string) map[string]float64 {
	recorder := sinktest.NewRecorder()
	layout := aggregate.EtsyLegacy.Layout()
	var cfg server.Config
	cfg.Host, cfg.Receivers, cfg.UDPBuffer, cfg.Dialect, cfg.PipeTimeout = "127.0.0.1", 1, 8<<20, metric.Etsy, time.Second
	cfg.FlushInterval, cfg.MonitorPort = 200*time.Millisecond, -1
	cfg.MaxTCPConnections, cfg.TCPLineTimeout = 1, time.Minute
	cfg.Sinks = []delivery.Destination{{Name: "recorder", Sink: recorder}}
	cfg.QueueBytes, cfg.ReplayRate, cfg.Grace = 64<<20, 1, time.Second
	cfg.Layout, cfg.MetadataPrefix, cfg.AlertInterval = layout, "statsd", time.Hour
	cfg.Expire, cfg.GaugeExpire, cfg.MaxNames, cfg.MaxNameLength, cfg.MaxSetMembers, cfg.MaxTimerSamples = 1, time.Hour, 1_000_000, 1024, 1000, 1000
	s, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	first := exchange(t, s.Addr().String(), lines, recorder.Points)
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	return first
}
