package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/alert"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/notify/webhook"
)

// hook is a web server that receives messages. It first answers 500, then 503 with Retry-After, and
// then 200.
type hook struct {
	mu   sync.Mutex
	got  []string
	fail int // number of failures that remain
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var m struct {
		Event, Reason, Subject, ID string
		Attempt                    int
	}
	err := json.NewDecoder(r.Body).Decode(&m)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.got = append(h.got, fmt.Sprintf("%s %s %s %d %v", m.Event, m.Reason, m.Subject, m.Attempt, err))
	switch h.fail--; h.fail {
	case 1:
		w.WriteHeader(http.StatusInternalServerError)
	case 0:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// hang does not answer. It waits until the client has closed the connection.
func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // the server notices a closed connection only after it has read the request
	<-r.Context().Done()
}

func newWebhook(t *testing.T, name, url string) alert.Channel {
	t.Helper()
	w, err := webhook.New(webhook.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	return alert.Channel{Name: name, Receiver: w, Config: url}
}

// TestWebhookOfDaemon checks the messages that the daemon sends to real web servers when a sink is dead. One web server
// fails at first, and one hangs. The status page shows which channels received the messages, when, and after how many
// attempts.
func TestWebhookOfDaemon(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	h := &hook{fail: 2}
	good := httptest.NewServer(h)
	defer good.Close()
	hanging := httptest.NewServer(http.HandlerFunc(hang))
	defer hanging.Close()

	cfg := config()
	cfg.FlushInterval, cfg.MonitorPort = 250*time.Millisecond, 0
	cfg.Channels = []alert.Channel{newWebhook(t, "hangs", hanging.URL), newWebhook(t, "webhook", good.URL)}
	d := start(t, cfg)
	d.Recorder.Fail(errors.New("no luck"))
	told := func() (told meta.Told) {
		for _, e := range d.alerts.Episodes().Last(9) {
			for _, told := range e.Told {
				if e.Reason == meta.SinkFailing && told.Notifier == "webhook" {
					return told
				}
			}
		}
		return told
	}
	eventually(t, "the webhook gets no message about the beginning", func() bool { return told().Begin.Taken() })
	if n := told().Begin.Tries; n != 3 {
		t.Errorf("%d tries, want 3", n)
	}
	d.Recorder.Recover()
	eventually(t, "the webhook gets no message about the end", func() bool { return told().End.Taken() })
	h.mu.Lock()
	first, last := h.got[0], h.got[len(h.got)-1]
	h.mu.Unlock()
	if first != "begin sink_failing recorder 1 <nil>" || !strings.HasPrefix(last, "end sink_failing recorder ") {
		t.Errorf("it got %q", h.got)
	}
	_, page := d.browse("/plain")
	page = html.UnescapeString(page)
	for _, want := range []string{"<code>sink_failing recorder</code>", "webhook: told ", ", 3 tries", "webhook: end told ", "hangs: not sent yet"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// TestEndWithHangingWebhook checks that a hanging webhook does not delay the daemon's end. The
// daemon logs the messages that were not sent.
func TestEndWithHangingWebhook(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	hanging := httptest.NewServer(http.HandlerFunc(hang))
	defer hanging.Close()
	cfg := config()
	cfg.FlushInterval, cfg.Grace = 250*time.Millisecond, time.Second
	cfg.Channels = []alert.Channel{newWebhook(t, "hangs", hanging.URL)}
	d := start(t, cfg)
	d.Recorder.Fail(errors.New("no luck"))
	eventually(t, "nothing waits", func() bool { return d.alerts.Waiting()["hangs"] > 0 })
	d.stop()
	if !strings.Contains(d.out.String(), "messages were not sent") {
		t.Errorf("the log does not say that a message was not sent:\n%s", d.out)
	}
}
