package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/alert"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/notify"
	"github.com/statsd-ops/statsd/sink/sinktest"
)

// listener is a notify.Receiver that keeps its messages.
type listener struct {
	manner notify.Manner

	mu     sync.Mutex
	heard  []string
	last   notify.Message
	fault  error
	silent bool // if true, the method Receive hangs
}

func (l *listener) Manner() notify.Manner { return l.manner }

func (l *listener) Tell(ctx context.Context, messages []notify.Message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.silent {
		l.mu.Unlock()
		<-ctx.Done()
		l.mu.Lock()
		return ctx.Err()
	}
	if l.fault != nil {
		return l.fault
	}
	for _, m := range messages {
		at := (time.Now().Unix() - midnight) / 10 * 10 // the health check may come before or after a flush in the same second
		word := fmt.Sprintf("%d:%s %s %s", at, m.Stage, m.Name(), m.State)
		if m.Before != "" {
			word += "<" + m.Before
		}
		l.heard, l.last = append(l.heard, word), m
	}
	return nil
}

func (l *listener) set(fault error, silent bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault, l.silent = fault, silent
}

func (l *listener) said() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.heard, ", ")
}

// channels returns a configuration without --alert. It has one channel for each receiver, called a,
// b and so on.
func channels(r *sinktest.Recorder, receivers ...notify.Receiver) Config {
	cfg := plain(r)
	cfg.MetadataPrefix, cfg.Hostname = "own", "web1"
	for i, receiver := range receivers {
		cfg.Channels = append(cfg.Channels, alert.Channel{Name: string(rune('a' + i)), Receiver: receiver, Config: i})
	}
	return cfg
}

func wantSaid(t *testing.T, l *listener, want string) {
	t.Helper()
	if got := l.said(); got != want {
		t.Errorf("told\n  %s\nwant\n  %s", strings.ReplaceAll(got, ", ", "\n  "), strings.ReplaceAll(want, ", ", "\n  "))
	}
}

// TestChannelsWithoutAlert checks that, without --alert, channels receive messages when a problem
// begins, changes and ends. The daemon records these messages.
func TestChannelsWithoutAlert(t *testing.T) {
	r, l := sinktest.NewRecorder(), &listener{}
	inVirtualTime(t, channels(r, l), func(v *virtual) {
		v.wait(65 * time.Second)
		fail(r)
		v.wait(4 * time.Minute)
		wantSaid(t, l, "90:begin sink_failing recorder failing")
		m := l.last
		if m.Service != "own" || !strings.HasPrefix(m.Host, "web1:") || !strings.HasPrefix(m.ID, m.Host+"/sink_failing/recorder/") ||
			!strings.Contains(m.Text, "sink recorder has accepted nothing for ") || m.Effect == "" || m.Next == "" || !m.Ended.IsZero() || m.Attempt != 1 {
			t.Errorf("%+v", m)
		}
		r.Recover()
		v.wait(time.Minute)
		if said := l.said(); !strings.HasSuffix(said, ":end sink_failing recorder failing") || strings.Count(said, ",") != 1 || l.last.ID != m.ID || l.last.Ended.IsZero() {
			t.Errorf("%s %+v", said, l.last)
		}
		check(t, v.Server, "notify.sent 2", "notify.a.sent 2", "notify.a.errors 0", "notify.a.waiting 0", "notify.errors 0", "notify.untracked 0")
		e := v.alerts.Episodes().Last(9)
		if len(e) != 1 || !e[0].Told[0].Begin.Taken() || !e[0].Told[0].End.Taken() {
			t.Errorf("%+v", e)
		}
	})
}

// TestChangeIsTold checks the messages that channels receive when points are lost, and when no more
// points are lost.
func TestChangeIsTold(t *testing.T) {
	r, l, people := sinktest.NewRecorder(), &listener{}, &listener{manner: notify.Manner{Together: true, Ends: true, Pause: time.Minute}}
	cfg := channels(r, l, people)
	cfg.Sinks[0].Sink = picky{r}
	inVirtualTime(t, cfg, func(v *virtual) {
		v.wait(105 * time.Second)
		v.receive("odd:1|c")
		v.wait(17 * time.Minute)
		wantSaid(t, l, "110:begin points_dropped recorder failing, 130:change points_dropped recorder degraded<failing, 1010:end points_dropped recorder degraded")
		wantSaid(t, people, "110:begin points_dropped recorder failing, 1010:end points_dropped recorder degraded")
		if told := v.alerts.Episodes().Last(1)[0].Told; !told[0].Change.Taken() || told[1].Change.Due {
			t.Errorf("%+v", told)
		}
	})
}

// TestUntold checks what happens if one of two notifiers fails for so long that its message is
// dropped. The reason alert_untold is then active, and the other notifier reports this reason.
// When the failed notifier works again, it reports the reason too, and the reason is no longer active.
func TestUntold(t *testing.T) {
	r, down, up := sinktest.NewRecorder(), &listener{fault: errors.New("no \"way\"\x1b")}, &listener{}
	inVirtualTime(t, channels(r, down, up), func(v *virtual) {
		v.wait(65 * time.Second)
		fail(r)
		v.wait(time.Minute)
		r.Recover()
		v.wait(9 * time.Minute)
		if v.Health().Has(meta.AlertUntold) {
			t.Error("the reason alert_untold is active before the message is dropped")
		}
		v.wait(3 * time.Minute)
		h := v.Health()
		if !h.Has(meta.AlertUntold) || h.State != meta.Degraded || !strings.Contains(h.Text(), `notifier a did not accept the last message: dropped the end message of the problem sink_failing recorder after `) ||
			!strings.Contains(h.Text(), `attempts: no "way"?`) {
			t.Errorf("%+v", h)
		}
		if said := up.said(); !strings.Contains(said, ":begin alert_untold a degraded") || strings.Count(said, ",") != 2 {
			t.Errorf("told %s", said)
		}
		check(t, v.Server, "notify.a.errors 1", "notify.a.sent 0", "notify.a.waiting 1", "notify.errors 1")
		v.wait(time.Hour)
		down.set(nil, false)
		v.wait(2 * time.Minute)
		if said := down.said(); !strings.Contains(said, ":begin alert_untold a degraded, ") || !strings.HasSuffix(said, ":end alert_untold a degraded") {
			t.Errorf("told %s", said)
		}
		if h := v.Health(); h.State != meta.OK {
			t.Errorf("%+v", h)
		}
		for log, n := range map[string]int{"notifying failed; trying again": 1, "dropped the end message of the problem sink_failing recorder": 1, "notifying works again": 1} {
			if got := strings.Count(v.out.String(), log); got != n {
				t.Errorf("the log says %q %d times, want %d:\n%s", log, got, n, v.out)
			}
		}
	})
}

// TestSlowChannel checks that a slow channel delays no other channel, no health check, and no
// flush.
func TestSlowChannel(t *testing.T) {
	r, slow, quick := sinktest.NewRecorder(), &listener{silent: true}, &listener{}
	nsca := &notified{}
	cfg := channels(r, slow, quick)
	cfg.Alerts = true
	cfg.Notifiers = []alert.Notifier{{Name: "nsca", Notifier: nsca, EveryLook: true}}
	inVirtualTime(t, cfg, func(v *virtual) {
		v.wait(65 * time.Second)
		fail(r)
		v.wait(4 * time.Minute)
		wantSaid(t, quick, "90:begin sink_failing recorder failing")
		if got, want := nsca.statuses(), "1:OK 2:WARNING 3:WARNING 4:CRITICAL 5:CRITICAL"; got != want {
			t.Errorf("nsca: %s, want %s", got, want)
		}
		told := v.alerts.Episodes().Last(1)[0].Told
		if len(told) != 3 {
			t.Fatalf("%+v", told)
		}
		for _, one := range told {
			if taken := one.Begin.Taken(); taken != (one.Notifier != "a") {
				t.Errorf("%+v", one)
			}
		}
		v.wait(10 * time.Second) // the next flush updates the figures
		check(t, v.Server, "notify.nsca.sent 5", "notify.a.waiting 1")
	})
}

// TestChannelsAfterRestart checks what channels receive after a restart with --state-file: messages
// about open and ended episodes, and messages that were not sent before the restart.
func TestChannelsAfterRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	for name, goesOn := range map[string]bool{"goes on": true, "has ended": false} {
		t.Run(name, func(t *testing.T) {
			path := path + fmt.Sprint(goesOn)
			var id string
			t.Run("before", func(t *testing.T) {
				r, l, down := sinktest.NewRecorder(), &listener{}, &listener{fault: errors.New("down")}
				cfg := channels(r, l, down)
				cfg.StateFile = path
				run := func(v *virtual) {
					fail(r)
					v.wait(30 * time.Second)
					id = l.last.ID
				}
				inBubble(t, cfg, run)
			})
			r, l, down := sinktest.NewRecorder(), &listener{}, &listener{}
			if goesOn {
				fail(r)
			}
			cfg := channels(r, l, down)
			cfg.StateFile = path
			inBubble(t, cfg, func(v *virtual) {
				v.wait(2 * time.Minute)
				stage := "end"
				if goesOn {
					stage = "change"
				}
				if said := l.said(); !strings.Contains(said, ":"+stage+" sink_failing recorder failing") || strings.Contains(said, ",") || l.last.ID != id {
					t.Errorf("told %s %+v", said, l.last)
				}
				if goesOn {
					stage = "begin"
				}
				if said := down.said(); !strings.Contains(said, ":"+stage+" sink_failing recorder failing") || strings.Contains(said, ",") || down.last.ID != id {
					t.Errorf("the channel that got no message before got %s %+v", said, down.last)
				}
			})
		})
	}
}

// TestDamagedHistory checks that the daemon renames a damaged history file, and starts with an
// empty history.
func TestDamagedHistory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(path+".alerts", []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := sinktest.NewRecorder()
	cfg := channels(r)
	cfg.StateFile = path
	inBubble(t, cfg, func(v *virtual) {
		v.wait(time.Minute)
		fail(r)
		v.wait(time.Minute)
		if !strings.Contains(v.out.String(), "the history of alerts is damaged, so the file is renamed to "+path+".alerts.damaged") {
			t.Errorf("the log says %s", v.out)
		}
	})
	if text, err := os.ReadFile(path + ".alerts"); err != nil || !strings.Contains(string(text), `"reason":"sink_failing"`) {
		t.Errorf("%s, %v", text, err)
	}
	if _, err := os.Stat(path + ".alerts.damaged"); err != nil {
		t.Error(err)
	}
}

// TestReloadChannels checks that a new channel receives messages about open episodes. A channel
// that a reload keeps receives no message twice.
func TestReloadChannels(t *testing.T) {
	r, stays, gone, other, late := sinktest.NewRecorder(), &listener{}, &listener{fault: errors.New("down")}, &listener{}, &listener{}
	cfg := channels(r, stays, gone)
	inVirtualTime(t, cfg, func(v *virtual) {
		fail(r)
		v.wait(time.Minute)
		next := cfg
		next.Channels = []alert.Channel{{Name: "a", Receiver: stays, Config: 0}, {Name: "b", Receiver: other, Config: "another"}, {Name: "c", Receiver: late, Config: 2}}
		if _, err := v.Reload(next); err != nil {
			t.Fatal(err)
		}
		v.wait(time.Minute)
		for name, l := range map[string]*listener{"stays": stays, "replaced": other, "new": late} {
			if said := l.said(); strings.Count(said, "begin") != 1 || strings.Contains(said, ",") {
				t.Errorf("%s got the messages %s", name, said)
			}
		}
		next.Channels = next.Channels[:1]
		if _, err := v.Reload(next); err != nil {
			t.Fatal(err)
		}
		r.Recover()
		v.wait(time.Minute)
		if said := stays.said(); strings.Count(said, "end") != 1 {
			t.Errorf("stays got the messages %s", said)
		}
		if said := late.said(); strings.Contains(said, "end") {
			t.Errorf("a removed channel got the messages %s", said)
		}
	})
}
