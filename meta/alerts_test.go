package meta

import (
	"html"
	"strings"
	"testing"
	"time"
)

// exampleEpisodes returns an open and an ended episode, with messages to two notifiers.
func exampleEpisodes() *Episodes {
	e, at := NewEpisodes("web1:8125"), time.Now().Add(-time.Hour)
	h := reasons(at, "<main>")
	id := e.Observe(at, h)[0].Episode.ID
	e.Note(id, "slack", Begin, Outcome{At: at.Add(time.Second), Tries: 2})
	e.Note(id, "slack", End, Outcome{At: at.Add(10 * time.Minute), Tries: 15, Error: `HTTP 502: "<b>"`})
	e.Note(id, "webhook", Begin, Outcome{})
	h.Reasons = append(h.Reasons, Reason{ID: KernelDrops, State: Degraded, Text: "dropped 7", Since: at})
	e.Observe(at, h)
	h.Reasons = h.Reasons[1:]
	e.Observe(at.Add(5*time.Minute), h)
	return e
}

func startWithEpisodes(t *testing.T) string {
	t.Helper()
	m, err := NewMonitor(MonitorConfig{Episodes: exampleEpisodes()}, exampleSource(), kept{})
	if err != nil {
		t.Fatal(err)
	}
	return run(t, m)
}

func TestPageOfAlerts(t *testing.T) {
	body := get(t, startWithEpisodes(t), "/plain").body
	if strings.Contains(body, "<main>") || strings.Contains(body, "<b>") {
		t.Error("text is not escaped")
	}
	body = html.UnescapeString(body)
	for _, want := range []string{
		`<section id="alerts">`, "goes on for 1h</td>", `<strong class="warn">degraded</strong> <code>kernel_drops</code><p class="note">dropped 7</p></td><td><p class="note">no notifier</p>`,
		`<td class="t">5m, to `, `<strong class="">failing</strong> <code>sink_failing <main></code>`, `<p>slack: told `, `, 2 tries</p>`,
		`<p class="bad">slack: end not sent, dropped at `, `, 15 tries: HTTP 502: "<b>"</p>`, "<p>webhook: not sent yet</p>",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s:\n%s", want, body)
		}
	}
	if body := get(t, start(t, exampleSource(), kept{}), "/plain").body; strings.Contains(body, `id="alerts"`) {
		t.Error("the page has a table of nothing")
	}
}
