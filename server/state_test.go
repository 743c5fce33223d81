package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/statsd-ops/statsd/internal/state"
	"github.com/statsd-ops/statsd/sink/sinktest"
)

// stateOf returns the gauges in a state file.
func stateOf(t testing.TB, path string) map[string]float64 {
	t.Helper()
	got := map[string]float64{}
	if _, err := state.Load(path, func(g state.Gauge) { got[string(g.Name)] = g.Value }); err != nil {
		t.Error(err)
	}
	return got
}

// settleState waits until the running save has ended.
func (v *virtual) settleState() {
	if err := v.loop.do(v.t.Context(), func() {
		if v.state.running != nil {
			<-v.state.running.ended
		}
	}); err != nil {
		v.t.Fatal(err)
	}
}

func TestStateGoesOn(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.StateFile = filepath.Join(t.TempDir(), "state")
	cfg.FlushInterval, cfg.GaugeExpire = time.Hour, 24*time.Hour
	times := map[time.Time]bool{}
	lines := "kept:10|g\nkept:+2|g\nunset:1|c"
	for _, want := range []float64{12, 14, 16} {
		d := start(t, cfg)
		send(t, d.dial("udp"), lines)
		d.stop()
		if got := d.published()["gauges.kept"]; got != want {
			t.Errorf("kept is %v, want %v", got, want)
		}
		if got := stateOf(t, cfg.StateFile); len(got) != 1 || got["kept"] != want {
			t.Errorf("the file has %v, want kept at %v", got, want)
		}
		at := time.Unix(d.Points()[0].Time, 0)
		if ahead := time.Until(at); ahead > cfg.FlushInterval {
			t.Errorf("a point lies %v ahead", ahead)
		}
		if repeated := figureOf(t, d.Server, "flush.repeated"); (repeated == 1) != times[at] || strings.Contains(d.out.String(), "flush.repeated") != times[at] {
			t.Errorf("%v times repeated, though %v was used before: %v; the log says:\n%s", repeated, at, times[at], d.out)
		}
		times[at] = true
		lines = "kept:+2|g"
	}
}

// A gauge expires a certain time after its last sample, even if no daemon ran during part of that
// time.
func TestStateExpires(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.FlushInterval, cfg.GaugeExpire = time.Hour, 10*time.Hour
	cfg.StateFile = filepath.Join(t.TempDir(), "state")
	var e state.Encoder
	b := e.AppendHead(nil, nil)
	for hours, name := range map[int]string{-1: "future", 1: "young", 9: "old", 11: "expired"} {
		seen := time.Now().Add(-time.Duration(hours) * time.Hour).Unix()
		b = e.AppendGauge(b, state.Gauge{Name: []byte(name), Value: 1, Seen: seen})
	}
	if err := os.WriteFile(cfg.StateFile, e.AppendEnd(b), 0o600); err != nil {
		t.Fatal(err)
	}
	d := start(t, cfg)
	d.stop()
	// The gauge "old" has expired: the last flush is the tenth after its last sample.
	if got := stateOf(t, cfg.StateFile); fmt.Sprint(got) != "map[future:1 young:1]" {
		t.Errorf("kept %v", got)
	}
	if !strings.Contains(d.out.String(), `"gauges":3,"expired":1,"refused":0`) {
		t.Errorf("the log says:\n%s", d.out)
	}
}

// A state file says that all flush times of the next hour are used. The daemon flushes after at most two intervals all
// the same, and no point has a timestamp more than an interval ahead.
func TestStateOfOtherTime(t *testing.T) {
	for _, interval := range []time.Duration{time.Second, 10 * time.Second} {
		t.Run(interval.String(), func(t *testing.T) {
			r := sinktest.NewRecorder()
			cfg := plain(r)
			cfg.FlushInterval = interval
			cfg.StateFile = filepath.Join(t.TempDir(), "state")
			var e state.Encoder
			used := []state.Span{{First: (midnight - 60) * second, Last: (midnight + 3600) * second}}
			if err := os.WriteFile(cfg.StateFile, e.AppendEnd(e.AppendHead(nil, used)), 0o600); err != nil {
				t.Fatal(err)
			}
			inVirtualTime(t, cfg, func(v *virtual) {
				flushed := func(when string, want int) {
					v.t.Helper()
					times := points(v.t, r)
					for at := range times {
						if ahead := time.Until(time.Unix(at, 0)); ahead > interval {
							v.t.Errorf("%s: a point is %v ahead", when, ahead)
						}
					}
					if len(times) != want {
						v.t.Errorf("%s: %d timestamps, want %d", when, len(times), want)
					}
				}
				v.receive("hits:1|c")
				v.wait(2 * interval)
				flushed("at the start", 1)
				v.receive("hits:1|c")
				if _, err := v.flushNow(v.t.Context()); err != nil {
					v.t.Error(err)
				}
				v.wait(time.Millisecond)
				flushed("after an early flush", 2)
			})
		})
	}
}

func TestStateDamaged(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.StateFile = filepath.Join(t.TempDir(), "state")
	damaged := []byte("statsd state 1\ngauge 1 2")
	if err := os.WriteFile(cfg.StateFile, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	d := start(t, cfg)
	send(t, d.dial("udp"), "kept:+2|g")
	d.stop()
	if got := d.published()["gauges.kept"]; got != 2 {
		t.Errorf("kept is %v, want 2", got)
	}
	aside, err := os.ReadFile(cfg.StateFile + ".damaged")
	if err != nil || !bytes.Equal(aside, damaged) {
		t.Errorf("moved aside was %q, error %v", aside, err)
	}
	if !strings.Contains(d.out.String(), "the state file is damaged: moved to "+cfg.StateFile+".damaged") {
		t.Errorf("the log says:\n%s", d.out)
	}
	stateOf(t, cfg.StateFile)
}

// A crash loses at most the changes of a minute.
func TestStateEachMinute(t *testing.T) {
	cfg, _ := every10s()
	cfg.StateFile = filepath.Join(t.TempDir(), "state")
	inVirtualTime(t, cfg, func(v *virtual) {
		saved := func() string {
			v.settleState()
			return fmt.Sprint(stateOf(v.t, cfg.StateFile))
		}
		v.wait(time.Duration(10-time.Now().Unix()%10)*time.Second + time.Second)
		for _, want := range []string{"map[]", "map[kept:6]", "map[kept:12]"} {
			if got := saved(); got != want {
				v.t.Errorf("saved %s, want %s", got, want)
			}
			for range 6 {
				if got := saved(); got != want {
					v.t.Errorf("within a minute saved %s, want %s", got, want)
				}
				v.receive("kept:+1|g")
				v.wait(10 * time.Second)
			}
		}
		check(v.t, v.Server, "state.gauges 1", "state.errors 0")
	})
}

// A failed save is reported at the next flush, not at the next save.
func TestStateFaultIsToldSoon(t *testing.T) {
	cfg, _ := every10s()
	cfg.StateFile = filepath.Join(t.TempDir(), "none", "state")
	inVirtualTime(t, cfg, func(v *virtual) {
		v.wait(10 * time.Second)
		v.settleState()
		v.wait(10 * time.Second)
		if text := v.Health().Text(); !strings.Contains(text, "the gauges cannot be saved") {
			v.t.Errorf("after two flushes the daemon's health says %q", text)
		}
	})
}

// If the directory of the state file is removed, or the disk hangs, saves fail, but the daemon
// continues.
func TestStateFaults(t *testing.T) {
	t.Run("no folder", func(t *testing.T) {
		cfg, r := every10s()
		dir := filepath.Join(t.TempDir(), "dir")
		cfg.StateFile = filepath.Join(dir, "state")
		inVirtualTime(t, cfg, func(v *virtual) {
			v.receive("kept:1|g")
			for range 3 {
				v.wait(time.Minute)
				v.settleState()
			}
			if err := os.Mkdir(dir, 0o700); err != nil {
				v.t.Error(err)
			}
			for range 3 {
				v.wait(time.Minute)
				v.settleState()
			}
			if got := figureOf(v.t, v.Server, "state.errors"); got < 2 || got > 4 {
				v.t.Errorf("%v errors were counted", got)
			}
			if got := stateOf(v.t, cfg.StateFile); got["kept"] != 1 {
				v.t.Errorf("saved %v", got)
			}
			for _, text := range []string{"saving the gauges failed", "saving the gauges works again"} {
				if n := strings.Count(v.out.String(), text); n != 1 {
					v.t.Errorf("%q was logged %d times:\n%s", text, n, v.out)
				}
			}
			if len(r.Points()) == 0 {
				v.t.Error("nothing was published")
			}
		})
	})
	// Here no goroutine receives the chunks of the state file. For the function encode, this is like a disk that hangs.
	t.Run("disk hangs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			v := &stateSave{chunks: make(chan []byte, 4), ended: make(chan struct{})}
			gauge := state.Gauge{Name: bytes.Repeat([]byte("a"), 1000)}
			begun := time.Now()
			v.encode(nil, func(yield func(state.Gauge) bool) {
				for yield(gauge) {
				}
			})
			if took := time.Since(begun); took != statePatience || !v.slow {
				t.Errorf("gives up after %v, slow is %v", took, v.slow)
			}
			if err := v.write(io.Discard); !errors.Is(err, errSlow) {
				t.Errorf("the save ends with %v", err)
			}
		})
	})
}
