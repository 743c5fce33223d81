package server

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink/sinktest"
)

// etsyCapture returns the points that Etsy's statsd 0.9.0 sent to carbon at two flushes, by path.
// Its interval was 4 s, and its thresholds were 50 and 90. Names that were deleted on its console
// are missing, such as req in the second flush.
func etsyCapture(t *testing.T) (flushes []map[string]float64) {
	text, err := os.ReadFile("testdata/etsy/graphite-backend.tcp")
	if err != nil {
		t.Fatal(err)
	}
	before := ""
	for line := range strings.Lines(string(text)) {
		var path, at string
		var v float64
		if _, err := fmt.Sscan(line, &path, &v, &at); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if at != before {
			flushes, before = append(flushes, map[string]float64{}), at
		}
		flushes[len(flushes)-1][strings.TrimSuffix(path, ";a=b")] = v // without --tags this daemon drops tags
	}
	return flushes
}

// The daemon publishes the same points as Etsy's statsd.
func TestEtsyCapture(t *testing.T) {
	r := sinktest.NewRecorder()
	cfg := plain(r)
	cfg.FlushInterval, cfg.MetadataPrefix, cfg.Expire = 4*time.Second, "statsd", 100
	cfg.Layout = aggregate.EtsyLegacy.Layout()
	cfg.Layout.Percentiles = []float64{50, 90}
	inVirtualTime(t, cfg, func(v *virtual) {
		t := v.t
		forget := func(names string) {
			if err := v.loop.do(t.Context(), func() {
				for name := range strings.FieldsSeq(names) {
					for kind := range metric.Kind(metric.Kinds) {
						v.in.Table().Forget(kind, []byte(name))
					}
				}
			}); err != nil {
				t.Fatal(err)
			}
		}
		for _, datagram := range []string{
			"req:3|c", "req:1|c|@0.1", "a.x:1|c\na.y:2|c", "bad2:1|c\nhist:4|c", "tag:1|c|#a:b",
			"lat:320|ms|@0.5\nlat:100|ms", "lat:7.5|ms", "temp:23.5|g\ntemp2:0|g\ntemp2:-3|g", "users:a|s\nusers:b|s", "bad\nbad:x|c", "bad:1|c|@x",
		} {
			v.receive(datagram)
		}
		forget("a.x a.y")
		v.wait(4 * time.Second)
		forget("req lat temp")
		v.wait(4 * time.Second)
		for i, want := range etsyCapture(t) {
			got := points(t, r)[midnight+int64(4*(i+1))]
			for path, w := range want {
				g, ok := got[path]
				isTime := strings.Contains(path, "graphiteStats") || strings.Contains(path, "processing_time")
				if !ok || !isTime && math.Abs(g-w) > 1e-15*math.Abs(w) {
					t.Errorf("flush %d: %s is %v, want %v", i, path, g, w)
				}
				delete(got, path)
			}
			for path, v := range got {
				if !strings.HasPrefix(path, "statsd.") {
					t.Errorf("flush %d: %s %v, which Etsy's statsd has not", i, path, v)
				}
			}
			if total := len(got) + len(want); got["statsd.render.total"] != float64(total) {
				t.Errorf("flush %d: %v points of %d", i, got["statsd.render.total"], total)
			}
		}
	})
}

// The points that Etsy's statsd publishes about itself agree with the daemon's own figures.
func TestEtsyFigures(t *testing.T) {
	r := sinktest.NewRecorder()
	cfg := plain(r)
	cfg.MetadataPrefix = "own"
	cfg.Layout = aggregate.Etsy.Layout()
	cfg.Layout.GlobalPrefix, cfg.Layout.GlobalSuffix = "acme", "web1"
	inVirtualTime(t, cfg, func(v *virtual) {
		t := v.t
		v.wait(10 * time.Second)
		r.Fail(os.ErrDeadlineExceeded)
		v.wait(10*time.Second + 50*time.Millisecond)
		r.Recover()
		v.receive("a:1|c\nbad\nb:1|g")
		v.receive("c:1|c")
		v.wait(10 * time.Second)
		got := points(t, r)[midnight+30]
		for path, want := range map[string]float64{
			"counters.own.bad_lines_seen.count": 1, "counters.own.packets_received.count": 2, "counters.own.metrics_received.count": 4,
			"counters.own.metrics_received.rate": 0.4, "gauges.own.timestamp_lag": 0, "own.numStats": 7, "own.graphiteStats.last_exception": midnight + 20,
			"own.graphiteStats.last_flush": midnight + 20,
		} {
			if g, ok := got["acme."+path+".web1"]; !ok || g != want {
				t.Errorf("%s is %v, want %v", path, g, want)
			}
		}
		if length := got["acme.own.graphiteStats.flush_length.web1"]; length < 1000 {
			t.Errorf("flush_length is %v, want the length of a flush", length)
		}
	})
}
