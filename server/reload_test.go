package server

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/alert"
	"github.com/statsd-ops/statsd/collect"
	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/meta/access"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/rules"
	"github.com/statsd-ops/statsd/sink/sinktest"
	"github.com/statsd-ops/statsd/statvent/pipes"
)

// reload applies a change to the configuration.
func (v *virtual) reload(change func(*Config)) []string {
	v.t.Helper()
	cfg := v.cfg
	change(&cfg)
	restart, err := v.Reload(cfg)
	if err != nil {
		v.t.Fatal(err)
	}
	return restart
}

// lastFlush returns the points of the last flush that a sink received, without the daemon's own figures.
func lastFlush(r *sinktest.Recorder) map[string]float64 {
	points := r.Points()
	last := map[string]float64{}
	for _, p := range points {
		if p.Time == points[len(points)-1].Time && !strings.HasPrefix(p.Path, "statsd.") {
			last[p.Path] = p.Value
		}
	}
	return last
}

// every10s returns a configuration that flushes every ten seconds to a recorder, which receives the
// flushes one by one.
func every10s() (Config, *sinktest.Recorder) {
	r := sinktest.NewRecorder()
	cfg := config()
	cfg.FlushInterval = 10 * time.Second
	cfg.GaugeExpire = time.Hour
	cfg.Sinks = []delivery.Destination{{Name: "recorder", Sink: r}}
	return cfg, r
}

// A reload either applies the new value of a setting, or reports that the setting needs a restart.
// This is checked for each setting.
func TestReloadKnowsEverySetting(t *testing.T) {
	cfg, _ := every10s()
	cfg.Cluster = collect.Cluster{CollectID: "id", CollectPartitions: 1, CollectReplicas: 1, CollectBytes: 1, Late: collect.LateCorrect, LateHorizon: time.Hour}
	cfg.ForwardID = "id"
	// These fields are not settings of the configuration file.
	passed := []string{"Sockets", "Guards", "Beat", "BeatEvery", "Hostname", "Version", "Log", "Settings", "Described", "Differs", "Reread", "ForwardOnly", "ForwardUntil", "Connect", "NextConnect", "OpenCluster"}
	inVirtualTime(t, cfg, func(v *virtual) {
		t := v.t
		for _, setting := range settings(reflect.TypeFor[Config]()) {
			if slices.Contains(passed, setting.Name) {
				continue
			}
			running := v.cfg
			changed := running
			field := reflect.ValueOf(&changed).Elem().FieldByIndex(setting.Index)
			different(field)
			restart, err := v.Reload(changed)
			if err != nil {
				t.Errorf("%s = %v: %v", setting.Name, field, err)
				continue
			}
			is := reflect.ValueOf(&v.cfg).Elem().FieldByIndex(setting.Index).Interface()
			applied := reflect.DeepEqual(is, field.Interface())
			if applied == (len(restart) == 1) || len(restart) > 1 {
				t.Errorf("%s: applied %v, restart needed for %q", setting.Name, applied, restart)
			}
			if _, err := v.Reload(running); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// settings lists the fields of a struct, embedded structs included.
func settings(of reflect.Type) (all []reflect.StructField) {
	for _, f := range reflect.VisibleFields(of) {
		if !f.Anonymous {
			all = append(all, f)
		}
	}
	return all
}

// different changes a setting to another valid value.
func different(field reflect.Value) {
	switch value := field.Interface().(type) {
	case string:
		field.SetString(value + "other")
	case bool:
		field.SetBool(!value)
	case metric.Tags:
		field.SetUint(uint64(value) + 1)
	case time.Duration:
		field.SetInt(int64(value + time.Second))
	case time.Time:
		field.Set(reflect.ValueOf(time.Unix(1e9, 0)))
	case collect.Late:
		field.Set(reflect.ValueOf(collect.LateCount))
	case metric.TagStyles:
		field.Set(reflect.ValueOf(value | metric.InfluxDB))
	case metric.Dialect:
		field.Set(reflect.ValueOf(value + 1))
	case []pipes.Glob:
		field.Set(reflect.ValueOf(make([]pipes.Glob, 1)))
	case []listen.Listener:
		field.Set(reflect.ValueOf([]listen.Listener{{Name: "other", Scheme: listen.TCP, Address: "127.0.0.1:0"}}))
	case aggregate.Layout:
		value.GlobalPrefix += "other"
		field.Set(reflect.ValueOf(value))
	case []delivery.Destination:
		field.Set(reflect.ValueOf([]delivery.Destination{{Name: "other", Sink: sinktest.NewRecorder()}}))
	case []alert.Notifier:
		field.Set(reflect.ValueOf([]alert.Notifier{{Name: "other", Notifier: &notified{}}}))
	case []alert.Channel:
		field.Set(reflect.ValueOf([]alert.Channel{{Name: "other", Receiver: &listener{}}}))
	case *rules.Set:
		set, _ := rules.Load([]byte("mappings: [{match: a, name: b}]"), rules.Intake)
		field.Set(reflect.ValueOf(set))
	case *access.Tokens:
		field.Set(reflect.ValueOf(&access.Tokens{}))
	default:
		field.SetInt(field.Int() + 1)
	}
}

func TestReloadChangesFlushes(t *testing.T) {
	cfg, r := every10s()
	inVirtualTime(t, cfg, func(v *virtual) {
		t := v.t
		v.receive("a:4|ms\na:1|c\nb:1|c\nc:1|c")
		v.wait(5 * time.Second)
		restart := v.reload(func(c *Config) {
			c.Layout.Percentiles = []float64{50}
			c.Layout.Prefix = [metric.Kinds]string{"n", "n", "n", "n"}
			c.MaxNames, c.MaxNameLength = 5, 10
			c.MetadataPrefix = "own"
		})
		if len(restart) != 0 {
			t.Errorf("restart needed for %q", restart)
		}
		// One receiver receives these samples, so they are checked against the limits in this order.
		v.receive("d:1|c\ne:1|c\nf:1|c\na:2|ms\n" + strings.Repeat("g", 11) + ":1|c")
		v.wait(6 * time.Second)
		got := lastFlush(r)
		want := map[string]float64{
			"n.a": .1, "n.b": .1, "n.c": .1, "n.d": .1,
			"n.a.lower": 2, "n.a.upper": 4, "n.a.mean": 3, "n.a.count": 2, "n.a.upper_50": 2,
		}
		maps.DeleteFunc(got, func(path string, _ float64) bool { return strings.HasPrefix(path, "own.") })
		if !maps.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		check(t, v.Server, "samples.refused 2", "metrics.discarded 1")
	})
}

func TestReloadThatNeedsARestart(t *testing.T) {
	cfg, r := every10s()
	inVirtualTime(t, cfg, func(v *virtual) {
		t := v.t
		got := v.reload(func(c *Config) {
			c.Port, c.SpoolDir, c.FlushInterval = 8125, "/nowhere", time.Minute
			c.Layout.Prefix[metric.Counter] = "new"
		})
		if want := []string{"--port", "--spool-dir", "--flush-interval"}; !slices.Equal(got, want) {
			t.Errorf("restart needed for %q, want %q", got, want)
		}
		v.receive("hits:10|c")
		v.wait(10 * time.Second)
		if got := lastFlush(r)["new.hits"]; got != 1 {
			t.Errorf("new.hits is %v, want 1 of a flush after 10 s", got)
		}
	})
}

// If a reload fails, no setting has changed.
func TestReloadOfFaults(t *testing.T) {
	cfg, r := every10s()
	cfg.Sinks[0].Address = "sink://"
	cfg.Sinks = append(cfg.Sinks, delivery.Destination{Name: "observer", Address: "load://", Recorder: &observer{}})
	inVirtualTime(t, cfg, func(v *virtual) {
		t := v.t
		for want, change := range map[string]func(*Config){
			"--pct 0: must be more than 0":              func(c *Config) { c.Layout.Percentiles = []float64{0} },
			"sink recorder: cannot change format":       func(c *Config) { c.Sinks[0].Format = "other" },
			"sink recorder: cannot change from sink://": func(c *Config) { c.Sinks[0] = delivery.Destination{Name: "recorder", Recorder: &observer{}} },
			"sink observer: cannot change from load://": func(c *Config) { c.Sinks[1] = delivery.Destination{Name: "observer", Sink: r} },
			"--flush-interval, and only a restart can change these values: --gauge-expire 5s: must be at least": func(c *Config) { c.FlushInterval, c.GaugeExpire = time.Second, 5*time.Second },
		} {
			c := v.cfg
			c.Sinks = slices.Clone(c.Sinks)
			c.Layout.Prefix[metric.Counter], c.Expire = "wrong", 77
			change(&c)
			if _, err := v.Reload(c); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want %q", err, want)
			}
		}
		v.receive("hits:10|c")
		v.wait(10 * time.Second)
		if got := lastFlush(r)["counters.hits"]; got != 1 || v.cfg.Expire != cfg.Expire {
			t.Errorf("counters.hits is %v, want 1; expire %d", got, v.cfg.Expire)
		}
	})
}

func TestReloadSinks(t *testing.T) {
	cfg, stays := every10s()
	removed, moved := sinktest.NewRecorder(), sinktest.NewRecorder()
	cfg.Sinks = append(cfg.Sinks, delivery.Destination{Name: "removed", Sink: removed, Config: 1}, delivery.Destination{Name: "moved", Sink: moved, Config: 1})
	inVirtualTime(t, cfg, func(v *virtual) {
		t := v.t
		count := func(of *sinktest.Recorder) float64 {
			total := 0.0
			for _, p := range of.Points() {
				if p.Path == "counters.hits" {
					total += p.Value * 10
				}
			}
			return total
		}
		removed.Fail(errors.New("down"))
		moved.Fail(errors.New("down"))
		v.receive("hits:1|c")
		v.wait(10 * time.Second)

		added, elsewhere := sinktest.NewRecorder(), sinktest.NewRecorder()
		v.reload(func(c *Config) {
			c.Sinks = []delivery.Destination{
				{Name: "added", Sink: added},
				{Name: "moved", Sink: elsewhere, Config: 2},
				c.Sinks[0],
			}
		})
		removed.Recover() // the sink works again within the grace period
		v.receive("hits:10|c")
		v.wait(10 * time.Second)

		for name, test := range map[string]struct {
			sink *sinktest.Recorder
			want float64
		}{
			"stays":     {stays, 11},
			"removed":   {removed, 1},
			"moved":     {moved, 0},
			"elsewhere": {elsewhere, 11},
			"added":     {added, 10},
		} {
			if got := count(test.sink); got != test.want {
				t.Errorf("%s: %v hits, want %v", name, got, test.want)
			}
		}
		if removed.Closed() != 1 || moved.Closed() != 1 || stays.Closed() != 0 {
			t.Error("sinks that are not used any more must be closed, and no others")
		}
		v.wait(10 * time.Second)
		check(t, v.Server, "sinks 3")
		for _, st := range v.Server.out.States() {
			if in, out := st.Made+st.Recovered, st.Delivered+st.Waiting()+st.Dropped; in != out || st.Waiting() != 0 {
				t.Errorf("%s: %d points came in, %d went out, %d wait", st.Name, in, out, st.Waiting())
			}
		}
	})
}

// If a removed sink keeps failing, its points are dropped after the grace period.
func TestReloadRemovesDeadSink(t *testing.T) {
	cfg, r := every10s()
	cfg.Grace = 7 * time.Second
	inVirtualTime(t, cfg, func(v *virtual) {
		t := v.t
		r.Fail(errors.New("down"))
		v.wait(10 * time.Second)
		v.reload(func(c *Config) { c.Sinks = nil })
		v.wait(cfg.Grace - time.Second)
		if r.Closed() != 0 {
			t.Error("given up before the grace period was over")
		}
		v.wait(time.Second + 5*time.Second) // the grace period and the longest pause between two attempts
		if r.Closed() != 1 || !strings.Contains(v.out.String(), "ended with undelivered points") {
			t.Errorf("not given up; the log says:\n%s", v.out)
		}
		v.wait(10 * time.Second) // the next flush updates the figures
		balance(t, v.Server, "recorder")
		made := figureOf(t, v.Server, "sink.recorder.points.made")
		if h := v.Server.Health().Text(); !strings.Contains(h, fmt.Sprintf("sink recorder dropped %.0f points", made)) {
			t.Errorf("health is %s", h)
		}
		check(t, v.Server, "sinks 0", "sink.recorder.points.queued 0",
			fmt.Sprint("sink.recorder.points.dropped.removed ", made), fmt.Sprint("sink.recorder.points.dropped ", made))
	})
}

// A reload removes a sink, and a later reload adds it again. If the sink is still delivering its
// queue, it keeps the queue. If its queue was already dropped, the sink keeps only its figures.
func TestReloadRevivesSink(t *testing.T) {
	for name, test := range map[string]struct {
		away time.Duration
		hits int // number of points that arrive
	}{
		"still delivering": {time.Second, 2},
		"given up":         {30 * time.Second, 1},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, r := every10s()
			cfg.MetadataPrefix, cfg.Grace = "", 5*time.Second
			inVirtualTime(t, cfg, func(v *virtual) {
				t := v.t
				r.Fail(errors.New("down"))
				v.receive("hits:10|c")
				v.wait(10 * time.Second)
				sinks := v.cfg.Sinks
				v.reload(func(c *Config) { c.Sinks = nil })
				v.wait(test.away)
				v.reload(func(c *Config) { c.Sinks = sinks })
				r.Recover()
				v.receive("hits:10|c")
				v.wait(20 * time.Second)
				if got := len(r.Points()); got != test.hits {
					t.Errorf("%d hits arrived, want %d", got, test.hits)
				}
				balance(t, v.Server, "recorder")
				check(t, v.Server, "sinks 1", "sink.recorder.points.made 2",
					fmt.Sprint("sink.recorder.points.delivered ", test.hits), fmt.Sprint("sink.recorder.points.dropped.removed ", 2-test.hits))
			})
		})
	}
}

// Figures of removed sinks are kept, up to a maximum number of sinks.
func TestReloadForgetsSinks(t *testing.T) {
	cfg, _ := every10s()
	inVirtualTime(t, cfg, func(v *virtual) {
		const maxRemoved = 100
		for i := range maxRemoved + 10 {
			v.reload(func(c *Config) {
				c.Sinks = []delivery.Destination{{Name: fmt.Sprint("sink", i), Sink: sinktest.NewRecorder()}}
			})
		}
		if n := len(v.Server.out.States()); n != maxRemoved+1 {
			v.t.Errorf("%d removed sinks are known, want %d", n-1, maxRemoved)
		}
	})
}

// The spool of a removed sink keeps the undelivered points until the sink is added again.
func TestReloadKeepsSpool(t *testing.T) {
	cfg, r := every10s()
	cfg.SpoolDir = t.TempDir()
	inVirtualTime(t, cfg, func(v *virtual) {
		t := v.t
		r.Fail(errors.New("down"))
		v.receive("hits:10|c")
		v.wait(10 * time.Second)
		v.reload(func(c *Config) { c.Sinks = nil })
		v.wait(time.Minute)
		again := sinktest.NewRecorder()
		v.reload(func(c *Config) { c.Sinks = []delivery.Destination{{Name: "recorder", Sink: again}} })
		v.wait(time.Second)
		if got := lastFlush(again)["counters.hits"]; got != 1 {
			t.Errorf("the spool gave %v", again.Points())
		}
		v.wait(10 * time.Second)
		balance(t, v.Server, "recorder")
		check(t, v.Server, "sink.recorder.points.recovered 0", "sink.recorder.points.dropped 0")
	})
}

func TestReloadAlerts(t *testing.T) {
	cfg, r := every10s()
	inVirtualTime(t, cfg, func(v *virtual) {
		t := v.t
		n := &notified{}
		r.Fail(errors.New("down"))
		v.wait(2 * time.Minute)
		v.reload(func(c *Config) {
			c.Alerts, c.AlertInterval = true, 20*time.Second
			c.Notifiers = []alert.Notifier{{Name: "n", Notifier: n}}
			c.MetadataPrefix = "service"
		})
		v.wait(61 * time.Second)
		r.Recover()
		// A notifier that got a message about a fault also gets a message about its end, even after a reload.
		later := &notified{}
		v.reload(func(c *Config) { c.Notifiers = []alert.Notifier{{Name: "n", Notifier: later}} })
		v.wait(40 * time.Second)
		v.reload(func(c *Config) { c.Alerts = false })
		r.Fail(errors.New("down"))
		v.wait(5 * time.Minute)
		if got := n.statuses(); !strings.HasPrefix(got, "2:WARNING") || !strings.HasSuffix(got, "CRITICAL") || n.last().Service != "service" {
			t.Errorf("alert of the fault: %s of service %q", got, n.last().Service)
		}
		if got := later.statuses(); !strings.HasSuffix(got, ":OK") {
			t.Errorf("alerts after it: %q", got)
		}
	})
}

func TestReloadDebug(t *testing.T) {
	cfg, _ := every10s()
	inVirtualTime(t, cfg, func(v *virtual) {
		t := v.t
		say := func() string {
			before := len(v.out.String())
			v.receive("no colon\nhits:1|c")
			v.wait(time.Millisecond)
			return v.out.String()[before:]
		}
		if got := say(); got != "" {
			t.Errorf("without debugging the log says: %s", got)
		}
		v.reload(func(c *Config) { c.Debug, c.DebugMetric = true, "hits" })
		if got := say(); !strings.Contains(got, "no colon") || !strings.Contains(got, "hits:1|c") {
			t.Errorf("with debugging the log says: %s", got)
		}
		v.reload(func(c *Config) { c.DebugMetric = "" })
		if got := say(); !strings.Contains(got, "no colon") || strings.Contains(got, "hits:1|c") {
			t.Errorf("debugging discards alone the log says: %s", got)
		}
		v.reload(func(c *Config) { c.Debug = false })
		if got := say(); got != "" {
			t.Errorf("after debugging the log says: %s", got)
		}
	})
}

func TestReloadAtTheEnd(t *testing.T) {
	t.Parallel()
	d := start(t, config())
	d.stop()
	if _, err := d.Reload(d.cfg); !errors.Is(err, errEnding) {
		t.Errorf("error %v, want %v", err, errEnding)
	}
}

// The configuration changes constantly. No sample is lost, and no flush uses settings of two
// configurations.
func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.FlushInterval, cfg.GaugeExpire = 10*time.Millisecond, time.Hour
	cfg.MetadataPrefix = ""
	cfg.Layout.Prefix[metric.Timer] = "timers90"
	d := start(t, cfg)
	var working sync.WaitGroup
	const samples, changes = 20_000, 50
	for range 2 {
		conn := d.dial("tcp")
		working.Go(func() {
			for range samples / 100 {
				send(t, conn, strings.Repeat("hits:1|c\nt:1|ms\n", 100))
				time.Sleep(time.Millisecond)
			}
		})
	}
	running := d.cfg
	for i := range changes {
		next := running
		next.Layout.Percentiles = []float64{float64(i%90) + 1}
		next.Layout.Prefix[metric.Timer] = fmt.Sprintf("timers%d", i%90+1)
		next.Layout.Prefix[metric.Counter] = "counters"
		next.Sinks = append(slices.Clone(running.Sinks), delivery.Destination{Name: fmt.Sprint("more", i%3), Sink: sinktest.NewRecorder()})
		if _, err := d.Reload(next); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	working.Wait()
	d.stop()
	if got := d.totals()["counters.hits"]; got != 2*samples {
		t.Errorf("%v hits, want %v", got, 2*samples)
	}
	for _, p := range d.Points() {
		prefix, suffix, found := strings.Cut(p.Path, ".t.upper_")
		if found && prefix != "timers"+suffix {
			t.Errorf("%s is of two configurations", p.Path)
		}
	}
}
