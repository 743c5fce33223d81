package server

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/kolo/xmlrpc"

	"github.com/statsd-ops/statsd/sink/sinktest"
)

// istats queries the daemon's monitor.
func (d *daemon) istats() map[string]float64 {
	d.t.Helper()
	client, err := xmlrpc.NewClient("http://"+d.MonitorAddr().String()+"/", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	defer client.Close()
	var text string
	if err := client.Call("istats", nil, &text); err != nil {
		d.t.Fatal(err)
	}
	var figures map[string]float64
	if err := json.Unmarshal([]byte(text), &figures); err != nil {
		d.t.Fatalf("%q: %v", text, err)
	}
	return figures
}

// At the start the monitor already has all names of figures that operators' scripts read, and the
// names of the daemon's additional figures.
func TestMonitorNames(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.MonitorPort = 0
	d := start(t, cfg)
	figures := d.istats()
	for name := range strings.FieldsSeq(`
		flush_duration flush_errors last_publish.duration last_publish.time metrics.batch.count metrics.batch.discarded
		metrics.discarded pending_stats publish_error.socket publish_error.unknown render.counters.count render.counters.duration
		render.gauge.count render.gauge.duration render.set.count render.set.duration render.time render.timers.count
		render.timers.duration render.total start_time
		numStats udp.packets udp.bytes udp.kernel_dropped tcp.connections tcp.bytes lines.received samples.aggregated
		metrics.events metrics.tags_dropped metrics.timestamps_ignored notify.sent notify.errors sinks render.collisions
		metrics.discarded.empty_name metrics.discarded.no_value metrics.discarded.bad_value metrics.discarded.bad_type
		metrics.discarded.bad_rate metrics.discarded.too_long`) {
		if _, there := figures[name]; !there {
			t.Errorf("no %s", name)
		}
	}
	if since := float64(time.Now().Unix()) - figures["start_time"]; since < -1 || since > 60 {
		t.Errorf("started %v s ago", since)
	}
	if got := figures["sinks"]; got != 1 {
		t.Errorf("%v sinks, want 1", got)
	}
	send(t, d.dial("tcp"), "a:1|c\na:1:x|c\nbad\n")
	eventually(t, "pending_stats does not say 4", func() bool { return d.istats()["pending_stats"] == 4 })
	if got := d.istats()["metrics.discarded"]; got != 0 {
		t.Errorf("%v discarded up to the last flush, but there was no flush", got)
	}
}

// The values that the monitor shows are equal to the published values.
func TestMonitorEqualsPublished(t *testing.T) {
	r := sinktest.NewRecorder()
	cfg := plain(r)
	cfg.MetadataPrefix = "own"
	inVirtualTime(t, cfg, func(v *virtual) {
		for i := range int64(3) {
			v.receive("hits:1|c\nbad\nload:1|g\n" + strings.Repeat("time:1|ms\n", 100))
			v.wait(10 * time.Second)
			shown := map[string]float64{}
			for _, f := range v.Figures() {
				if _, twice := shown["own."+f.Name]; twice {
					t.Errorf("%s twice", f.Name)
				}
				shown["own."+f.Name] = f.Value
			}
			published := points(t, r)[midnight+10*(i+1)]
			maps.DeleteFunc(published, func(path string, _ float64) bool { return !strings.HasPrefix(path, "own.") })
			for _, name := range []string{"own.start_time", "own.last_publish.time", "own.last_publish.bytes", "own.publish_error.time", "own.ledger.time", "own.pending_stats", "own.sink.recorder.accepted.time"} {
				if _, there := published[name]; there {
					t.Errorf("%s is published", name)
				}
				delete(shown, name)
			}
			// The health reasons are not published. The figure "health" shows only the worst of them.
			maps.DeleteFunc(shown, func(name string, _ float64) bool { return strings.HasPrefix(name, "own.health.") })
			if !maps.Equal(published, shown) {
				t.Errorf("flush %d: published %v\nshown %v", i+1, published, shown)
			}
		}
	})
}
