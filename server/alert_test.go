package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/alert"
	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/notify"
	"github.com/statsd-ops/statsd/sink/sinktest"
)

// notified is a notifier that records events.
type notified struct {
	mu     sync.Mutex
	events []notify.Event
	fault  error // the error that Notify returns
	hangs  bool  // Notify hangs until the context ends
}

func (n *notified) Notify(ctx context.Context, e notify.Event) error {
	n.mu.Lock()
	hangs, fault := n.hangs, n.fault
	n.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return fmt.Errorf("notify: %w", ctx.Err())
	}
	if fault != nil {
		return fault
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.events = append(n.events, e)
	return nil
}

func (n *notified) set(fault error, hangs bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fault, n.hangs = fault, hangs
}

func (n *notified) all() []notify.Event {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.events)
}

// last returns the most recent event, or an event with Status -1 if there is none.
func (n *notified) last() notify.Event {
	events := n.all()
	if len(events) == 0 {
		return notify.Event{Status: -1}
	}
	return events[len(events)-1]
}

// statuses renders each event as the minute of its time and its status.
func (n *notified) statuses() string {
	var words []string
	for _, e := range n.all() {
		words = append(words, fmt.Sprintf("%d:%s", e.Time.Unix()/60-midnight/60, e.Status))
	}
	return strings.Join(words, " ")
}

// alerting returns a configuration that checks the daemon's health every minute and flushes every ten
// seconds. The first notifier receives the result of each check. The other notifiers receive only
// changes of the status.
func alerting(r *sinktest.Recorder, notifiers ...notify.Notifier) Config {
	cfg := plain(r)
	cfg.MetadataPrefix = "own"
	cfg.Alerts = true
	for i, n := range notifiers {
		cfg.Notifiers = append(cfg.Notifiers, alert.Notifier{Name: fmt.Sprint("notifier", i), Notifier: n, EveryLook: i == 0})
	}
	return cfg
}

func TestAlertStates(t *testing.T) {
	for name, test := range map[string]struct {
		until map[int]func(r *sinktest.Recorder)
		looks int
		want  string
	}{
		"all is well": {nil, 3, "1:OK 2:OK 3:OK"},
		"dead for long": {map[int]func(*sinktest.Recorder){65: fail, 320: recovers}, 7,
			"1:OK 2:WARNING 3:WARNING 4:CRITICAL 5:CRITICAL 6:OK 7:OK"},
		"never alive":                       {map[int]func(*sinktest.Recorder){0: fail}, 4, "1:WARNING 2:WARNING 3:CRITICAL 4:CRITICAL"},
		"a short failure between two looks": {map[int]func(*sinktest.Recorder){65: fail, 80: recovers}, 3, "1:OK 2:OK 3:OK"},
		"short failures do not add up": {map[int]func(*sinktest.Recorder){85: fail, 125: recovers, 145: fail, 185: recovers, 205: fail, 245: recovers}, 5,
			"1:OK 2:WARNING 3:WARNING 4:WARNING 5:OK"},
		"an attempt that lasts from look to look": {map[int]func(*sinktest.Recorder){65: fail, 75: (*sinktest.Recorder).Hang, 250: recovers}, 6,
			"1:OK 2:WARNING 3:WARNING 4:CRITICAL 5:OK 6:OK"},
		"nothing sent yet": {map[int]func(*sinktest.Recorder){0: (*sinktest.Recorder).Hang, 65: recovers}, 2, "1:UNKNOWN 2:OK"},
	} {
		t.Run(name, func(t *testing.T) {
			r, n := sinktest.NewRecorder(), &notified{}
			inVirtualTime(t, alerting(r, n), func(v *virtual) {
				for second := range 60*test.looks + 1 {
					if act := test.until[second]; act != nil {
						act(r)
					}
					v.wait(time.Second)
				}
				if got := n.statuses(); got != test.want {
					t.Errorf("got  %s\nwant %s", got, test.want)
				}
			})
		})
	}
}

func fail(r *sinktest.Recorder)     { r.Fail(errors.New("no \"such\" \x1b[31mluck\n\xff")) }
func recovers(r *sinktest.Recorder) { r.Recover() }

// If a sink drops points, the status is critical at once. After the last drop, the status is a
// warning for 15 minutes.
func TestAlertDrops(t *testing.T) {
	r, n := sinktest.NewRecorder(), &notified{}
	cfg := alerting(r, n)
	cfg.Sinks[0].Sink = picky{r}
	inVirtualTime(t, cfg, func(v *virtual) {
		v.wait(105 * time.Second)
		v.receive("odd:1|c")
		v.wait(17 * time.Minute)
		if got, want := n.statuses(), "1:OK 2:CRITICAL 3:WARNING 4:WARNING 5:WARNING 6:WARNING 7:WARNING 8:WARNING 9:WARNING 10:WARNING 11:WARNING 12:WARNING 13:WARNING 14:WARNING 15:WARNING 16:WARNING 17:OK 18:OK"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if text := n.all()[1].Text; !strings.Contains(text, "dropped 1 point ") {
			t.Errorf("text %q", text)
		}
	})
}

// An alert says since when the daemon is unhealthy, why, and how many points wait. It is plain
// ASCII, even if the sink's error is not.
func TestAlertText(t *testing.T) {
	r, n := sinktest.NewRecorder(), &notified{}
	inVirtualTime(t, alerting(r, n), func(v *virtual) {
		v.wait(65 * time.Second)
		fail(r)
		v.wait(55 * time.Second)
		e := n.last()
		for _, part := range []string{
			"sink recorder has accepted nothing for 50s: ", "luck", " points wait, none lost",
		} {
			if !strings.Contains(e.Text, part) {
				t.Errorf("no %q in %q", part, e.Text)
			}
		}
		if !plainASCII(e.Text) {
			t.Errorf("text %q is not plain ASCII", e.Text)
		}
		if e.Service != "own" || e.Time.Unix() != midnight+120 {
			t.Errorf("service %q at %v", e.Service, e.Time)
		}
	})
}

// An alert names each failing sink. The status stays a warning while at least one sink accepts
// points.
func TestAlertOfSeveralSinks(t *testing.T) {
	good, bad, n := sinktest.NewRecorder(), sinktest.NewRecorder(), &notified{}
	cfg := alerting(good, n)
	cfg.Sinks = append(cfg.Sinks, delivery.Destination{Name: "bad", Sink: bad})
	inVirtualTime(t, cfg, func(v *virtual) {
		fail(bad)
		v.wait(5 * time.Minute)
		if e := n.last(); e.Status != notify.Warning || !strings.Contains(e.Text, "sink bad has accepted nothing") {
			t.Errorf("%v %q", e.Status, e.Text)
		}
		fail(good)
		v.wait(5 * time.Minute)
		e := n.last()
		if e.Status != notify.Critical || !strings.Contains(e.Text, "sink bad has accepted nothing") || !strings.Contains(e.Text, "sink recorder has accepted nothing") {
			t.Errorf("%v %q", e.Status, e.Text)
		}
	})
}

func TestAlertWithoutSinks(t *testing.T) {
	n := &notified{}
	cfg := alerting(nil, n)
	cfg.Sinks = nil
	inVirtualTime(t, cfg, func(v *virtual) {
		v.wait(time.Minute)
		if e := n.last(); e.Status != notify.Critical || !strings.Contains(e.Text, "no sink") {
			t.Errorf("%v %q", e.Status, e.Text)
		}
	})
}

// A notifier with EveryLook receives the result of each health check. Other notifiers receive only
// changes of the status, which is OK at first. A health check does not reset the figures that the
// monitor shows.
func TestAlertOnChange(t *testing.T) {
	r, every, changes := sinktest.NewRecorder(), &notified{}, &notified{}
	inVirtualTime(t, alerting(r, every, changes), func(v *virtual) {
		v.wait(125 * time.Second)
		fail(r)
		v.wait(4*time.Minute + 10*time.Second) // the last health check was 15 s ago, and the last attempt to send was at most 6 s ago
		errorsBefore := figureOf(t, v.Server, "publish_error.unknown")
		r.Recover()
		v.wait(3 * time.Minute)
		if got, want := every.statuses(), "1:OK 2:OK 3:WARNING 4:WARNING 5:CRITICAL 6:CRITICAL 7:OK 8:OK 9:OK"; got != want {
			t.Errorf("each look: got %s, want %s", got, want)
		}
		if got, want := changes.statuses(), "3:WARNING 5:CRITICAL 7:OK"; got != want {
			t.Errorf("changes: got %s, want %s", got, want)
		}
		if got := figureOf(t, v.Server, "publish_error.unknown"); got < errorsBefore || got == 0 {
			t.Errorf("publish_error.unknown fell from %v to %v", errorsBefore, got)
		}
		v.wait(10 * time.Second) // the next flush updates the figures
		check(t, v.Server, "notify.sent 12", "notify.errors 0")
	})
}

// If a notifier fails or hangs, the error is counted, and the daemon notifies again at the next
// health check. Other notifiers are delayed by at most one timeout. Health checks continue.
func TestAlertNotifierFaults(t *testing.T) {
	r, every, changes := sinktest.NewRecorder(), &notified{}, &notified{}
	inVirtualTime(t, alerting(r, every, changes), func(v *virtual) {
		fail(r)
		changes.set(errors.New("refused"), false)
		v.wait(2*time.Minute + time.Second)
		changes.set(nil, true)
		v.wait(time.Minute)
		if got, want := every.statuses(), "1:WARNING 2:WARNING 3:CRITICAL"; got != want {
			t.Errorf("beside a faulty one: got %s, want %s", got, want)
		}
		v.wait(2 * time.Minute)
		changes.set(nil, false)
		v.wait(2 * time.Minute)
		if got, want := every.statuses(), "1:WARNING 2:WARNING 3:CRITICAL 4:CRITICAL 5:CRITICAL 6:CRITICAL 7:CRITICAL"; got != want {
			t.Errorf("beside a faulty one: got %s, want %s", got, want)
		}
		if got, want := changes.statuses(), "6:CRITICAL"; got != want {
			t.Errorf("after its faults: got %s, want %s", got, want)
		}
		v.wait(10 * time.Second) // the next flush updates the figures
		check(t, v.Server, "notify.errors 5", "notify.sent 8")
		if got := strings.Count(v.out.String(), "notifying failed"); got != 5 {
			t.Errorf("logged %d times, want 5:\n%s", got, v.out)
		}
	})
}
