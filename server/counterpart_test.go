package server

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/alert"
	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/notify/nsca"
	"github.com/statsd-ops/statsd/sink/graphite"
)

// The points in the whisper files of a real carbon equal the points that a recorder received. This
// includes points that were flushed while carbon was dead.
func TestRealCarbon(t *testing.T) {
	t.Parallel()
	carbon := counterpart.StartCarbon(t)
	sink, err := graphite.New(graphite.Config{Addr: carbon.Addr})
	if err != nil {
		t.Fatal(err)
	}
	cfg := config()
	cfg.FlushInterval, cfg.GaugeExpire = time.Second, time.Hour
	// Publish no own figures. The daemon would send them at each flush, and carbon loses points when it is killed.
	cfg.MetadataPrefix = ""
	cfg.Sinks = []delivery.Destination{{Name: "graphite", Sink: sink}}
	d := start(t, cfg)
	udp, tcp := d.dial("udp"), d.dial("tcp")

	began := time.Now().Unix()
	sent := map[string]float64{}
	clients := func(flushes int) {
		for i := range flushes {
			send(t, udp, "hits:1|c\nload:1.5|g\ntime:250|ms|@0.5\nuser:a|s\nuser:b|s")
			send(t, tcp, fmt.Sprintf("lines:3|c\ntime:%d|h\n", i))
			sent["counters.hits"]++
			sent["counters.lines"] += 3
			sent["timers.time.count"] += 3
			eventually(t, "the sent lines are not flushed", func() bool {
				totals := d.totals()
				return totals["counters.hits"] == sent["counters.hits"] && totals["counters.lines"] == sent["counters.lines"]
			})
		}
	}
	inWhisper := func() {
		t.Helper()
		want := map[string]map[int64]float64{}
		for _, p := range d.Points() {
			if want[p.Path] == nil {
				want[p.Path] = map[int64]float64{}
			}
			want[p.Path][p.Time] = p.Value
		}
		if len(want) != 9 {
			t.Fatalf("%d names were published, want 9", len(want))
		}
		for path, points := range want {
			var got map[int64]float64
			for deadline := time.Now().Add(patience); !maps.Equal(got, points); time.Sleep(50 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("%s: whisper has %v, want %v", path, got, points)
				}
				got = carbon.Fetch(path, began-60, time.Now().Unix()+1)
			}
		}
	}
	clients(2)
	inWhisper()
	carbon.Kill()
	clients(3)
	if h := d.Health(); !h.Has(meta.SinkFailing) {
		t.Error("healthy, though carbon is dead")
	}
	carbon.Start()
	clients(1)
	d.stop()
	inWhisper()

	totals := d.totals()
	for path, n := range sent {
		if totals[path] != n {
			t.Errorf("%s: %v published in all, %v sent", path, totals[path], n)
		}
	}
	times := map[int64]bool{}
	for _, p := range d.Points() {
		times[p.Time] = true
	}
	if len(times) < 6 {
		t.Errorf("%d flushes, want at least 6", len(times))
	}
}

// A real nsca receives the result of each health check: while the sink works, when it is dead, when
// it has been dead for a long time, and when it works again.
func TestRealNSCA(t *testing.T) {
	t.Parallel()
	daemon := counterpart.StartNSCA(t, "--single", int(nsca.Rijndael128), "s3cret")
	client, err := nsca.New(nsca.Config{Server: daemon.Addr, Host: "web1", Method: nsca.Rijndael128, Password: "s3cret", Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	cfg := config()
	cfg.FlushInterval, cfg.GaugeExpire = 50*time.Millisecond, time.Hour
	cfg.Alerts, cfg.AlertInterval = true, 100*time.Millisecond
	cfg.Notifiers = []alert.Notifier{{Name: "nsca", Notifier: client, EveryLook: true}}
	d := start(t, cfg)

	awaitStatus := func(status string) {
		t.Helper()
		eventually(t, "nsca does not receive "+status, func() bool {
			commands := daemon.Commands(1)
			return strings.HasPrefix(commands[len(commands)-1], "PROCESS_SERVICE_CHECK_RESULT;web1;statsd;"+status+";sink recorder")
		})
	}
	awaitStatus("0")
	d.Fail(errors.New("refused"))
	awaitStatus("2")
	d.Recover()
	awaitStatus("0")
	if got := figureOf(t, d.Server, "notify.errors"); got != 0 {
		t.Errorf("%v errors notifying", got)
	}
	d.stop()

	// The status is OK at first. It is a warning at least twice before it is critical. It may be a
	// warning before it is OK again.
	var states strings.Builder
	for _, command := range daemon.Commands(1) {
		states.WriteString(strings.Split(command, ";")[3])
	}
	in := string(slices.Compact([]byte(states.String())))
	if !strings.HasSuffix(in, "0120") && !strings.HasSuffix(in, "01210") {
		t.Errorf("nsca received %s", states.String())
	}
	if strings.Contains(states.String(), "012") {
		t.Errorf("critical after one warning: %s", states.String())
	}
}
