package server

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/statsd-ops/statsd/alert"
	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/notify"
	"github.com/statsd-ops/statsd/sink/sinktest"
)

// browse requests a path of the daemon's monitor.
func (d *daemon) browse(path string) (code int, body string) {
	d.t.Helper()
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + d.MonitorAddr().String() + path)
	if err != nil {
		d.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// silentFace returns the name of an output that does not show a reason of the health. id is the ID of the reason, and
// part is a part of its text. It returns "" if all outputs show the reason.
func (d *daemon) silentFace(alerts *notified, id, part string) string {
	d.t.Helper()
	if !d.Health().Has(id) || !strings.Contains(d.Health().Text(), part) {
		return "health"
	}
	_, page := d.browse("/plain")
	headline, _, _ := strings.Cut(page[strings.Index(page, `id="health"`):], "</p>")
	switch _, body := d.browse("/healthz"); {
	case !strings.Contains(body, part):
		return "/healthz"
	case strings.Contains(headline, "OK") || !strings.Contains(html.UnescapeString(page), part):
		return "page"
	}
	if figures := d.istats(); figures["health"] == 0 || figures["health."+id] == 0 {
		return "istats"
	}
	if _, metrics := d.browse("/metrics"); !strings.Contains(metrics, `statsd_health{reason="`+id+`"} `) || strings.Contains(metrics, `statsd_health{reason="`+id+`"} 0`) {
		return "/metrics"
	}
	if e := alerts.last(); e.Status != notify.Warning && e.Status != notify.Critical || !strings.Contains(e.Text, part) {
		return "alert"
	}
	return ""
}

// TestHealthOfFaults causes several faults in a running daemon, and checks that every output names
// the fault.
func TestHealthOfFaults(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change   func(t *testing.T, cfg *Config)
		act      func(d *daemon)
		id, part string
		more     string // a second text that must be reported
		log      string
		code     int // a status that /healthz must return at least once
	}{
		"a full queue": {
			change: func(_ *testing.T, cfg *Config) { cfg.QueueBytes = 1 << 20 },
			act: func(d *daemon) {
				d.Recorder.Fail(errors.New("no luck"))
				conn := d.dial("tcp")
				for i := range 12_000 {
					send(d.t, conn, fmt.Sprintf("a.%s.%d:1|c\n", strings.Repeat("long", 50), i))
				}
			},
			id: meta.PointsDropped, part: "sink recorder dropped ", more: "(the queue is full)",
			log: "(the queue is full): dropped points are missing at this sink", code: 503,
		},
		"a small receive buffer": {
			change: func(_ *testing.T, cfg *Config) { cfg.UDPBuffer = 1 },
			act: func(d *daemon) {
				for range 4 {
					conn := d.dial("udp")
					for range 5000 {
						send(d.t, conn, "hits:1|c")
					}
				}
			},
			id: meta.KernelDrops, part: "the kernel dropped ", more: " datagrams in 15m (", log: "datagrams: counters and timers are too low", code: 503,
		},
		"too many names": {
			change: func(_ *testing.T, cfg *Config) { cfg.MaxNames, cfg.Receivers = 3, 1 },
			act: func(d *daemon) {
				var lines strings.Builder
				for i := range 20 {
					fmt.Fprintf(&lines, "n%d:1|c\n", i)
				}
				send(d.t, d.dial("tcp"), lines.String()) // with one write, so that the daemon counts and logs them together
			},
			id: meta.SamplesRefused, part: "17 samples of new names were refused: --max-names=3 is reached; 85 % of all", more: "--max-names=3 is reached",
			log: "17 samples of new names were refused: --max-names=3 is reached: the published values do not include refused samples", code: 200,
		},
		"an unusable spool": {
			change: func(t *testing.T, cfg *Config) {
				file := filepath.Join(t.TempDir(), "file")
				if err := os.WriteFile(file, nil, 0o600); err != nil {
					t.Fatal(err)
				}
				cfg.SpoolDir = filepath.Join(file, "spool")
			},
			id: meta.SpoolUnusable, part: "the spool of sink recorder cannot be used: ", log: "the spool cannot be used", code: 200,
		},
		"two dead sinks": {
			change: func(_ *testing.T, cfg *Config) {
				other := sinktest.NewRecorder()
				other.Fail(errors.New("cable cut"))
				cfg.Sinks = []delivery.Destination{{Name: "other", Sink: other}}
			},
			act: func(d *daemon) { d.Recorder.Fail(errors.New("no luck")) },
			id:  meta.SinkFailing, part: "sink recorder has accepted nothing for ", more: "sink other has accepted nothing for ", log: `"sink":"other","error":"`, code: 503,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			alerts := &notified{}
			cfg := config()
			cfg.Grace = time.Second // some cases still have a failing sink at the end
			cfg.FlushInterval, cfg.MonitorPort, cfg.Alerts, cfg.AlertInterval = 250*time.Millisecond, 0, true, 100*time.Millisecond
			cfg.Notifiers = []alert.Notifier{{Name: "test", Notifier: alerts, EveryLook: true}}
			tt.change(t, &cfg)
			d := start(t, cfg)
			if tt.act != nil {
				tt.act(d)
			}
			for _, part := range []string{tt.part, tt.more} {
				face := "?"
				eventually(t, "an output does not show "+tt.id, func() bool {
					face = d.silentFace(alerts, tt.id, part)
					return face == ""
				})
			}
			eventually(t, "the log does not say "+tt.log, func() bool { return strings.Contains(d.out.String(), tt.log) })
			eventually(t, "/healthz does not answer as it should", func() bool { code, _ := d.browse("/healthz"); return code == tt.code })
			// On a busy machine, flushes can be late, and then /livez fails. It must not fail for any other reason.
			eventually(t, "/livez does not answer 200", func() bool {
				code, body := d.browse("/livez")
				if code != 200 && !strings.Contains(body, "no flush for ") {
					t.Errorf("/livez: %d %s", code, body)
				}
				return code == 200
			})
			if strings.Contains(d.out.String(), "is nearly reached") {
				t.Errorf("a limit that is reached is said to be nearly reached:\n%s", d.out)
			}
		})
	}
}

// TestHealthEnds ends each fault in virtual time. It checks that the daemon's health, the figures, the
// alerts and the log show the end.
func TestHealthEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		act, undo func(v *virtual, r *sinktest.Recorder)
		id        string
		lasts     time.Duration // how long the reason stays active after the fault has ended
		log       []string
	}{
		"refused names": {
			act:   func(v *virtual, _ *sinktest.Recorder) { v.receive("a:1|c\nb:1|c\nc:1|c\nd:1|c") },
			undo:  func(*virtual, *sinktest.Recorder) {},
			id:    meta.SamplesRefused,
			lasts: 15 * time.Minute,
			log: []string{
				"2 samples of new names were refused: --max-names=2 is reached: the published values do not include refused samples",
				"this loss has stopped after 1s: 2 samples of new names were refused: --max-names=2 is reached",
			},
		},
		"a dead sink": {
			act:  func(_ *virtual, r *sinktest.Recorder) { fail(r) },
			undo: func(_ *virtual, r *sinktest.Recorder) { recovers(r) },
			id:   meta.SinkFailing, lasts: 10 * time.Second,
			log: []string{"publishing failed", "publishing works again"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, alerts := sinktest.NewRecorder(), &notified{}
			cfg := alerting(r, alerts)
			cfg.MaxNames = 2
			inVirtualTime(t, cfg, func(v *virtual) {
				v.wait(105 * time.Second)
				if h := v.Health(); h.State != meta.OK || alerts.last().Status != notify.OK {
					t.Fatalf("not healthy before: %v, %v", h, alerts.last())
				}
				tt.act(v, r)
				v.wait(80 * time.Second) // long enough for a health check
				if !v.Health().Has(tt.id) || figureOf(t, v.Server, "health") == 0 || figureOf(t, v.Server, "health."+tt.id) == 0 || alerts.last().Status == notify.OK {
					t.Errorf("not reported: %v, %v", v.Health(), alerts.last())
				}
				tt.undo(v, r)
				v.wait(tt.lasts)
				h := v.Health()
				if h.Has(tt.id) || figureOf(t, v.Server, "health."+tt.id) != 0 {
					t.Errorf("does not end: %v", h)
				}
				v.wait(25 * time.Minute)
				if h := v.Health(); alerts.last().Status != notify.OK {
					t.Errorf("the alert does not end: %v, %v", h, alerts.last())
				}
				for _, line := range tt.log {
					if n := strings.Count(v.out.String(), line); n != 1 {
						t.Errorf("the log says %q %d times:\n%s", line, n, v.out)
					}
				}
			})
		})
	}
}

// A daemon that ends logs the losses since the last log line about them. They were lost within a minute of this line, so no
// later line would have told them.
func TestLossAtTheEnd(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.FlushInterval = 50 * time.Millisecond
	d := start(t, cfg)
	d.in.Inject([]byte("bad\nbad"))
	eventually(t, "the loss is not logged", func() bool { return strings.Contains(d.out.String(), "2 bad samples were discarded") })
	d.in.Inject([]byte(strings.Repeat("bad\n", 40)))
	d.stop()
	if log := d.out.String(); !strings.Contains(log, "40 bad samples were discarded; 42 since this began") {
		t.Errorf("the log says:\n%s", log)
	}
}

// TestReadiness checks that /livez succeeds and /readyz fails during shutdown.
func TestReadiness(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.MonitorPort, cfg.Grace = 0, patience
	d := start(t, cfg)
	if code, _ := d.browse("/readyz"); code != 200 {
		t.Errorf("/readyz: %d at the start", code)
	}
	d.Recorder.Hang() // the sink does not answer, so the shutdown takes long
	d.end()
	eventually(t, "/readyz does not report the shutdown", func() bool { code, _ := d.browse("/readyz"); return code == 503 })
	if code, body := d.browse("/livez"); code != 200 {
		t.Errorf("/livez: %d %s", code, body)
	}
	d.Recorder.Recover()
}

// TestConfigIsComparedAtFullSeconds checks that the configuration file is compared at the times of the other periodic
// checks. So the comparison does not wake up an idle daemon once more in each second.
func TestConfigIsComparedAtFullSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(300 * time.Millisecond)
		var times []time.Time
		s := &Server{}
		s.cfg.Differs = func() string {
			times = append(times, time.Now())
			return ""
		}
		ctx, end := context.WithTimeout(t.Context(), 3*time.Second)
		defer end()
		s.watchConfig(ctx)
		if len(times) != 4 {
			t.Errorf("%d comparisons in 3 seconds, want one at the start and one a second", len(times))
		}
		for _, at := range times[1:] {
			if at.Nanosecond() != 0 {
				t.Errorf("a comparison at %v, want full seconds", at)
			}
		}
	})
}
