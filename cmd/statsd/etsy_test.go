package main

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/server"
	"github.com/statsd-ops/statsd/sink/sinktest"
)

// flushed contains the published values of one flush, by path.
type flushed map[string]float64

// flushes receives the points of each flush on a new connection.
type flushes struct {
	*sinktest.Server
	t    *testing.T
	seen int
}

func newFlushes(t *testing.T) *flushes { return &flushes{Server: sinktest.NewServer(t), t: t} }

// serveLikeEtsy runs the daemon until the test ends, and returns its address. The flags in args
// make the daemon publish the same points as Etsy's statsd.
func serveLikeEtsy(t *testing.T, args ...string) (addr string) {
	s, err := server.New(configOf(t, append(args, "--name=127.0.0.1", "--port=0", "--monitor-port=off")))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s.Addr().String()
}

// next waits for a flush, and returns its points. If name is not empty, it waits for a flush that has a value
// other than 0 for a path that contains name.
func (f *flushes) next(name string) flushed {
	f.t.Helper()
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
		for _, c := range f.Connections()[f.seen:] {
			if !c.Whole {
				break
			}
			f.seen++
			flush, wanted := flushed{}, false
			for _, p := range c.Points(f.t) {
				if _, twice := flush[p.Path]; twice {
					f.t.Errorf("published twice: %s", p.Path)
				}
				flush[p.Path] = p.Value
				wanted = wanted || name == "" || strings.Contains(p.Path, name) && p.Value != 0
			}
			if wanted {
				return flush
			}
		}
	}
	f.t.Fatalf("no flush with %q", name)
	return nil
}

// timers returns lines with n samples for each of several timers.
func timers(n int, names ...string) (lines string) {
	rng := rand.New(rand.NewPCG(uint64(n), 1))
	for _, name := range names {
		lines += "\n" + name
		for range n {
			lines += fmt.Sprintf(":%v|ms", float64(rng.IntN(40_000))/8)
		}
	}
	return lines
}

// TestEtsy sends the same lines to Etsy's statsd and to this daemon, and compares every published path and value.
// It compares the flush that contains the lines and several later flushes.
func TestEtsy(t *testing.T) {
	counterpart.Find(t, "node")
	kinds := "hits:1|c\nhits:4|c|@0.1\nzero:0|c\ndown:-2|c\nodd name/x:1|c\ng:23.5|g\ng:+4|g\nneg:-3|g\nusers:a|s\nusers:b|s\nusers:a|s" +
		"\nlat:320|ms|@0.1\nlat:100|ms\nlat:7.5|ms\nonce:5|ms\nbad:x|c\nbad:1\nbad:1|c|@x" +
		"\nodd=name:1|c \nhex: 0x10|c\nspace:5 | ms\t\ntwice:6|c|@2\nother:3|q\nanonymous:|s\nbelow: -4|g\ncrlf:1|g\r"
	more := "\nhits:7|c\ng:-1|g\nusers:z|s\nlat:1|ms"
	sizes := timers(1, "n1.render") + timers(2, "n2.render") + timers(3, "n3.foo") + timers(10, "n10.render") + timers(37, "n37.render", "n37.bar")
	for name, tt := range map[string]struct {
		etsy, graphite map[string]any
		args           string
		batches        []string
		own            string // prefix of the daemon's own metrics
	}{
		"as it comes": {
			args: "--naming=etsy-legacy", batches: []string{kinds + sizes, more}, own: "statsd.",
		},
		"not legacy": {
			graphite: map[string]any{"legacyNamespace": false},
			args:     "--naming=etsy", batches: []string{kinds + sizes, more}, own: "stats.statsd.",
		},
		"thresholds": {
			etsy: map[string]any{"percentThreshold": []float64{50, 99.9, 1, -10, -33.3, 29, 100}},
			args: "--naming=etsy-legacy -t50 -t99.9 -t1 --pct=-10 --pct=-33.3 -t29 -t100", own: "statsd.",
			batches: []string{sizes + timers(50, "n50") + timers(1000, "n1000"), more},
		},
		"histograms": {
			etsy: map[string]any{"histogram": []map[string]any{
				{"metric": "foo", "bins": []any{}},
				{"metric": "render", "bins": []any{1, 2.21, 10.5, 500, "inf"}},
				{"metric": "", "bins": []any{100, 1000}},
			}},
			args:    "--naming=etsy-legacy --histogram foo: --histogram render:1,2.21,10.5,500,inf --histogram :100,1000",
			batches: []string{sizes, more}, own: "statsd.",
		},
		"some stats": {
			etsy: map[string]any{"calculatedTimerMetrics": []string{"count", "median", "upper_percent", "lower_percent", "mean_percent"},
				"percentThreshold": []float64{90, -20}, "flush_counts": false},
			graphite: map[string]any{"legacyNamespace": false},
			args:     "--naming=etsy --counters=rate --timer-stats=count,median --timer-stats=upper_N,mean_N -t90 --pct=-20", own: "stats.statsd.",
			batches: []string{kinds + sizes, more},
		},
		"histograms alone": {
			etsy: map[string]any{"calculatedTimerMetrics": []string{"histogram"}, "histogram": []map[string]any{{"metric": "render", "bins": []any{1, 10.5, "inf"}}}},
			args: "--naming=etsy-legacy --timer-stats=none --histogram render:1,10.5,inf", own: "statsd.",
			batches: []string{kinds + sizes, more},
		},
		"names of one's own": {
			etsy: map[string]any{"prefixStats": "own"},
			graphite: map[string]any{"legacyNamespace": false, "globalPrefix": "acme", "globalSuffix": "web1", "prefixCounter": "c", "prefixTimer": "t.x",
				"prefixGauge": "g", "prefixSet": ""},
			args:    "--naming=etsy --prefix acme --suffix web1 --counters-prefix c --timers-prefix t.x --gauge-prefix g --sets-prefix= --metadata-prefix own",
			batches: []string{kinds, more}, own: "acme.own.",
		},
		"nothing idle": {
			etsy:    map[string]any{"deleteIdleStats": true},
			args:    "--naming=etsy-legacy --idle=drop --gauges=seen",
			batches: []string{kinds, "\ng:3|g" + more}, own: "statsd.",
		},
		"tags": {
			graphite: map[string]any{"legacyNamespace": false, "globalSuffix": "web1"},
			args:     "--naming=etsy --suffix=web1 --tags=graphite", own: "stats.statsd.",
			batches: []string{"hits:1|c|#env:prod,shop:eu\nhits;env=prod:2|c|@0.5\nhits:3|c\nlat:5|ms|@0.5|#env:prod\nlat:7|ms|#env:prod" +
				"\ng:3|g|#k:v\ng;k=v:+2|g\ng:1|g\nusers:a|s|#k:v", more},
		},
		"gauges for two flushes": {
			etsy: map[string]any{"deleteGauges": true, "gaugesMaxTTL": 2}, graphite: map[string]any{"legacyNamespace": false},
			args:    "--naming=etsy --gauges=keep --gauge-flushes=2",
			batches: []string{kinds, "\ng:3|g"}, own: "stats.statsd.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			theirs, ours := newFlushes(t), newFlushes(t)
			settings := map[string]any{"flushInterval": 100, "graphiteHost": "127.0.0.1", "graphitePort": theirs.Port(), "graphite": tt.graphite}
			maps.Copy(settings, tt.etsy)
			etsy := counterpart.StartEtsy(t, settings)
			daemon := serveLikeEtsy(t, append(strings.Fields(tt.args), "--flush-interval=0.1", fmt.Sprint("--graphite-port=", ours.Port()))...)
			for _, flushes := range []*flushes{theirs, ours, theirs, ours} {
				flushes.next("") // skip the first flushes, which have no previous flush for comparison
			}
			for i, batch := range tt.batches {
				marker := fmt.Sprint("marker", i)
				for _, addr := range []string{etsy.Addr, daemon} {
					conn, err := net.Dial("udp", addr)
					if err != nil {
						t.Fatal(err)
					}
					if _, err := fmt.Fprint(conn, marker, ":1|c\n", strings.TrimPrefix(batch, "\n")); err != nil {
						t.Fatal(err)
					}
					_ = conn.Close()
				}
				want, got := theirs.next(marker), ours.next(marker)
				for age := range 3 {
					sameFlush(t, fmt.Sprintf("batch %d, flush %d", i, age), want, got, tt.own)
					want, got = theirs.next(""), ours.next("")
				}
			}
		})
	}
}

// times are the names of values that are times or durations. These values differ between the two
// daemons.
var times = []string{"processing_time", "calculationtime", "last_flush", "flush_time", "flush_length", "timestamp_lag"}

// sameFlush compares the flush got with the flush want. It ignores additional points in got if their paths start with
// the prefix own: these are the daemon's own metrics.
func sameFlush(t *testing.T, when string, want, got flushed, own string) {
	t.Helper()
	if len(want) < 12 {
		t.Errorf("%s: Etsy's statsd has only %d points", when, len(want))
	}
	for _, path := range slices.Sorted(maps.Keys(want)) {
		w := want[path]
		g, ok := got[path]
		isTime := slices.ContainsFunc(times, func(name string) bool { return strings.Contains(path, name) })
		switch {
		case !ok:
			t.Errorf("%s: no %s %v", when, path, w)
		case math.IsNaN(w) && strings.Contains(path, "_top"): // Etsy's statsd publishes NaN here because of a bug
		case !isTime && math.Abs(g-w) > 1e-12*math.Abs(w):
			t.Errorf("%s: %s is %v, want %v", when, path, g, w)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[path]; !ok && !strings.HasPrefix(path, own) {
			t.Errorf("%s: %s %v, which Etsy's statsd has not", when, path, got[path])
		}
	}
}
