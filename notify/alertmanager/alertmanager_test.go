package alertmanager

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/notify"
	"github.com/statsd-ops/statsd/notify/relay"
)

// told stores the notifications that a real Alertmanager sent, such as "firing StatsdSinkFailing degraded archive".
type told struct {
	mu   sync.Mutex
	said []string
}

func (o *told) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var body struct {
		Alerts []struct {
			Status string
			Labels map[string]string
		}
	}
	_ = json.NewDecoder(r.Body).Decode(&body)
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, a := range body.Alerts {
		o.said = append(o.said, fmt.Sprintf("%s %s %s %s", a.Status, a.Labels["alertname"], a.Labels["severity"], a.Labels["subject"]))
	}
}

func (o *told) has(text string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Contains(o.said, text)
}

func message(stage notify.Stage, state string) notify.Message {
	return notify.Message{
		ID: "web1:8125/sink_failing/archive/1", Stage: stage, State: state, Reason: "sink_failing", Subject: "archive",
		Text: `sink archive accepts nothing: "refused"`, Effect: "its points wait", Next: "statsdmonitor sinks archive",
		Host: "web1:8125", Service: "statsd", Page: "http://web1:8135/", Began: time.Now().Add(-time.Minute).Round(0),
	}
}

// TestRealAlertmanager connects a relay to a real Alertmanager. An alert must fire, continue to fire after
// resolve_timeout and after its first endsAt, change its severity, and be resolved.
func TestRealAlertmanager(t *testing.T) {
	t.Parallel()
	heard := &told{}
	hook := httptest.NewServer(heard)
	defer hook.Close()
	manager := counterpart.StartAlertmanager(t, hook.URL)

	// An alert resolves 20 s (four times Repeat) after the last message about it. This is long enough for a busy
	// machine that sends the next message late.
	receiver, err := New(Config{URL: manager.URL, Repeat: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	r := relay.New(receiver, func(results []relay.Result) {
		for _, result := range results {
			if result.Err != nil {
				t.Error(result.Err)
			}
		}
	})
	ctx, end := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { r.Run(ctx) })
	defer running.Wait()
	defer end()

	begin := message(notify.Begin, "degraded")
	r.Add(begin, time.Now())
	wait.Until(t, "it does not fire", func() bool { return heard.has("firing StatsdSinkFailing degraded archive") })
	first := manager.Alerts()
	if len(first) != 1 {
		t.Fatalf("%+v", first)
	}
	want := map[string]string{"alertname": "StatsdSinkFailing", "severity": "degraded", "instance": "web1:8125", "service": "statsd", "subject": "archive"}
	if a := first[0]; fmt.Sprint(a.Labels) != fmt.Sprint(want) || a.GeneratorURL != begin.Page || a.Annotations["summary"] != begin.Text ||
		a.Annotations["description"] != begin.Effect || a.Annotations["next"] != begin.Next || a.Status.State != "active" || !a.StartsAt.Equal(begin.Began.Truncate(time.Millisecond)) {
		t.Errorf("%+v", a)
	}

	wait.Until(t, "it does not go on firing", func() bool {
		now := manager.Alerts()
		return len(now) == 1 && now[0].Status.State == "active" && now[0].EndsAt.After(first[0].EndsAt.Add(3*time.Second))
	})

	change := message(notify.Change, "failing")
	change.Before, change.Began = "degraded", begin.Began
	r.Add(change, time.Now())
	wait.Until(t, "it does not fire as failing", func() bool { return heard.has("firing StatsdSinkFailing failing archive") })
	wait.Until(t, "it is still degraded", func() bool { return heard.has("resolved StatsdSinkFailing degraded archive") })

	over := message(notify.End, "failing")
	over.Began, over.Ended = begin.Began, time.Now()
	r.Add(over, time.Now())
	wait.Until(t, "it is not resolved", func() bool { return heard.has("resolved StatsdSinkFailing failing archive") })
	wait.Until(t, "alerts are left", func() bool { return len(manager.Alerts()) == 0 })
}

// TestRealRefusal checks the error for a message that a real Alertmanager refuses. The error must say HTTP 400, because
// the relay does not repeat a message after this status.
func TestRealRefusal(t *testing.T) {
	t.Parallel()
	manager := counterpart.StartAlertmanager(t, "http://127.0.0.1:9/")
	receiver, err := New(Config{URL: manager.URL + "/"})
	if err != nil {
		t.Fatal(err)
	}
	m := message(notify.End, "failing")
	m.Ended = m.Began.Add(-time.Hour)
	err = receiver.Tell(t.Context(), []notify.Message{m})
	refusal, ok := err.(interface{ Unwrap() error })
	if !ok || !strings.Contains(err.Error(), "HTTP 400") {
		t.Errorf("%v, %v", err, refusal)
	}
}

// tell sends messages, and returns the resulting alerts.
func tell(t *testing.T, messages ...notify.Message) (path string, alerts []alert) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		path = r.URL.Path
		body, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(body, &alerts); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}))
	defer s.Close()
	receiver, err := New(Config{URL: s.URL + "/am/"})
	if err != nil {
		t.Fatal(err)
	}
	if err := receiver.Tell(t.Context(), messages); err != nil {
		t.Fatal(err)
	}
	return path, alerts
}

// TestAlerts checks that the alert for the beginning of a problem fires for four minutes. A change ends the alert with
// the old severity. If a problem has ended and has begun again, the alert must fire.
func TestAlerts(t *testing.T) {
	now := time.Now()
	fires := func(a alert) bool {
		return a.EndsAt.After(now.Add(230*time.Second)) && a.EndsAt.Before(time.Now().Add(241*time.Second))
	}
	ends := func(a alert) bool { return !a.EndsAt.After(time.Now()) }

	path, alerts := tell(t, message(notify.Begin, "degraded"))
	if len(alerts) != 1 || !fires(alerts[0]) || path != "/am/api/v2/alerts" {
		t.Errorf("begin: %s %+v", path, alerts)
	}
	change := message(notify.Change, "failing")
	change.Before = "degraded"
	if _, alerts = tell(t, change); len(alerts) != 2 || alerts[0].Labels.Severity != "degraded" || !ends(alerts[0]) || alerts[1].Labels.Severity != "failing" || !fires(alerts[1]) {
		t.Errorf("change: %+v", alerts)
	}
	over := message(notify.End, "failing")
	over.Before, over.Ended = "degraded", now
	if _, alerts = tell(t, over); len(alerts) != 2 || !ends(alerts[0]) || !ends(alerts[1]) {
		t.Errorf("end: %+v", alerts)
	}
	over.Before = ""
	again := message(notify.Begin, "failing")
	for _, both := range [][]notify.Message{{over, again}, {again, over}} {
		if _, alerts = tell(t, both...); len(alerts) != 1 || !fires(alerts[0]) {
			t.Errorf("again: %+v", alerts)
		}
	}
}

func TestName(t *testing.T) {
	for reason, want := range map[string]string{"sink_failing": "StatsdSinkFailing", "silent": "StatsdSilent", "_a__b": "StatsdAB"} {
		if got := name(reason); got != want {
			t.Errorf("%s is %s, want %s", reason, got, want)
		}
	}
}
