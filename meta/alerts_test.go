package meta

import (
	"html"
	"net/http"
	"strings"
	"testing"
	"time"
)

// exampleEpisodes has one that goes on, and one that has ended, with what two notifiers were told.
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
	m, err := NewMonitor(MonitorConfig{Episodes: exampleEpisodes()}, exampleSource(), NewValues(0))
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
		`<p class="bad">slack: end not told, given up `, `, 15 tries: HTTP 502: "<b>"</p>`, "<p>webhook: not told yet</p>",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s:\n%s", want, body)
		}
	}
	if body := get(t, start(t, exampleSource(), NewValues(0)), "/plain").body; strings.Contains(body, `id="alerts"`) {
		t.Error("the page has a table of nothing")
	}
}

// callAlerts calls the method alerts with a parameter.
func callAlerts(t *testing.T, addr, param string) string {
	t.Helper()
	r, err := http.NewRequest("POST", "http://"+addr+"/RPC2", strings.NewReader(
		"<methodCall><methodName>alerts</methodName><params>"+param+"</params></methodCall>"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "text/xml")
	return do(t, r).body
}

func TestMethodAlerts(t *testing.T) {
	addr := startWithEpisodes(t)
	param := func(value string) string { return "<param><value>" + value + "</value></param>" }
	all := callAlerts(t, addr, param("<int>256</int>"))
	if n := strings.Count(all, "<name>id</name>"); n != 2 || strings.Index(all, "kernel_drops") > strings.Index(all, "sink_failing") {
		t.Errorf("%d episodes: %s", n, all)
	}
	for _, want := range []string{
		"<member><name>notifier</name><value><string>slack</string></value></member><member><name>begin</name><value><struct><member><name>state</name><value><string>told</string></value></member>",
		"<string>given_up</string>", "<string>waiting</string>", "<string>none</string>", "<name>ended</name><value><double>0</double>",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("%s lacks %s", all, want)
		}
	}
	if one := callAlerts(t, addr, param("<i4>1</i4>")); strings.Count(one, "<name>id</name>") != 1 || !strings.Contains(one, "kernel_drops") {
		t.Errorf("the newest: %s", one)
	}
	for param, want := range map[string]string{
		"":                                    "alerts takes 1 parameters, not 0",
		param("<string>x</string>"):           "alerts: parameter 1 has the type string, want int",
		param("<int>0</int>"):                 "alerts: want a number from 1 to 256, not 0",
		param("<int>-1</int>"):                "alerts: want a number from 1 to 256, not -1",
		param("<int>257</int>"):               "alerts: want a number from 1 to 256, not 257",
		param("<i8>9223372036854775807</i8>"): "alerts: want a number from 1 to 256, not 9223372036854775807",
	} {
		if got := callAlerts(t, addr, param); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", param, got, want)
		}
	}
}
