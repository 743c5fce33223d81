package server

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/sink/sinktest"
)

// figure returns the value of one of the daemon's figures.
func (v *virtual) figure(name string) float64 {
	v.t.Helper()
	for _, f := range v.Figures() {
		if f.Name == name {
			return f.Value
		}
	}
	v.t.Fatalf("there is no figure %s", name)
	return 0
}

// The figures of each sink show whether it works, when it last accepted points, how late its points
// are, and the causes of failed attempts.
func TestSinkFigures(t *testing.T) {
	r := sinktest.NewRecorder()
	cfg := plain(r)
	inVirtualTime(t, cfg, func(v *virtual) {
		want := func(up, behind float64) {
			t.Helper()
			if got, lag := v.figure("sink.recorder.up"), v.figure("sink.recorder.behind"); got != up || lag != behind {
				t.Errorf("up %v, behind %v; want %v, %v", got, lag, up, behind)
			}
		}
		want(1, 0)
		if at := v.figure("sink.recorder.accepted.time"); at != 0 {
			t.Errorf("accepted points at %v, before there were any", at)
		}
		v.receive("a:1|c\n")
		v.wait(10 * time.Second)
		v.wait(10 * time.Second)
		want(1, 0)
		if at := v.figure("sink.recorder.accepted.time"); at != midnight+10 {
			t.Errorf("accepted points at %v", at)
		}
		r.Fail(syscall.ECONNREFUSED)
		v.receive("a:1|c\n")
		v.wait(10 * time.Second)
		v.wait(20 * time.Second)
		want(0, 20)
		if n := v.figure("sink.recorder.errors.socket"); n < 3 || v.figure("sink.recorder.errors.unknown") != 0 {
			t.Errorf("%v errors of the network", n)
		}
		r.Fail(errors.New("a sink's own words"))
		v.wait(20 * time.Second)
		if v.figure("sink.recorder.errors.unknown") == 0 {
			t.Error("no other errors")
		}
		r.Recover()
		v.wait(20 * time.Second)
		want(1, 0)
		if got := v.figure("names.limit"); got != float64(cfg.MaxNames) {
			t.Errorf("a limit of %v names", got)
		}
	})
}

// /metrics shows the same values as istats, and no names from clients.
func TestMetricsOfDaemon(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.MonitorPort, cfg.FlushInterval = 0, 50*time.Millisecond
	d := start(t, cfg)
	send(t, d.dial("tcp"), "customers.name:1|g\nbad\n")
	eventually(t, "no flush", func() bool {
		figures := d.istats()
		return figures["samples.aggregated"] == 1 && figures["metrics.discarded"] == 1
	})
	code, body := d.browse("/metrics")
	for _, want := range []string{
		"\nstatsd_samples_aggregated_total 1\n", "\nstatsd_samples_discarded_total{reason=\"no_value\"} 1\n", "\nstatsd_names 1\n",
		"\nstatsd_tcp_connections_total 1\n", "\nstatsd_sink_up{sink=\"recorder\"} 1\n", "\nstatsd_sinks 1\n",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("%d, without %q:\n%s", code, want, body)
		}
	}
	if strings.Contains(body, "customers") {
		t.Errorf("names of clients:\n%s", body)
	}
	if n := strings.Count(body, "\n"); n < 100 || n > 250 {
		t.Errorf("%d lines", n)
	}
}
