package server

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/intake"
	"github.com/statsd-ops/statsd/meta/access"
	"github.com/statsd-ops/statsd/meta/question"
)

// operated returns the configuration of a daemon with a monitor. The token of the operator alice is the word
// "operating".
func operated(t *testing.T) Config {
	t.Helper()
	tokens, err := access.ParseTokens(fmt.Appendf(nil, "operate alice %x\n", sha256.Sum256([]byte("operating"))))
	if err != nil {
		t.Fatal(err)
	}
	cfg := config()
	cfg.MonitorPort, cfg.MonitorTokens = 0, tokens
	return cfg
}

// change requests a change over the JSON API. It decodes the field data of the response into the parameter answer. It
// returns the HTTP status and the text of the response.
func (d *daemon) change(path, body string, answer any) (int, string) {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), "POST", "http://"+d.MonitorAddr().String()+"/api/v1/"+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer operating")
	r.Header.Set("Content-Type", "application/json")
	return d.send(r, answer)
}

func (d *daemon) send(r *http.Request, answer any) (int, string) {
	d.t.Helper()
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	w, err := client.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer w.Body.Close()
	text, err := io.ReadAll(w.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	if answer != nil && w.StatusCode == 200 {
		if err := json.Unmarshal(text, &struct{ Data any }{answer}); err != nil {
			d.t.Fatalf("%v in %s", err, text)
		}
	}
	return w.StatusCode, string(text)
}

// asks sends a query to the JSON API. It decodes the field data of the response into the parameter answer.
func (d *daemon) asks(path string, answer any) {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), "GET", "http://"+d.MonitorAddr().String()+path, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	if code, text := d.send(r, answer); code != 200 {
		d.t.Fatalf("%s: %d %s", path, code, text)
	}
}

func (d *daemon) figure(name string) float64 {
	d.t.Helper()
	figures := map[string]float64{}
	d.asks("/api/v1/figures", &figures)
	return figures[name]
}

// Samples of muted names are counted but not kept: for known names and for new names, with several
// receivers, and while the table is rebuilt.
func TestMute(t *testing.T) {
	t.Parallel()
	cfg := operated(t)
	cfg.Receivers, cfg.FlushInterval, cfg.GaugeExpire, cfg.Expire = 2, 20*time.Millisecond, time.Hour, 2
	cfg.QueueBytes = 1 << 40 // nothing is dropped, even if the recorder is slow
	d := start(t, cfg)
	var conns []net.Conn
	for range 8 {
		conns = append(conns, d.dial("udp"))
	}
	for _, conn := range conns {
		send(t, conn, "web.a:1|c\nweb.b:1|g\napi.a:1|c\nweb.c:1|ms")
	}
	eventually(t, "the samples are not published", func() bool { return d.totals()["counters.api.a"] == 8 && d.totals()["counters.web.a"] == 8 })
	var done question.Mutes
	if code, text := d.change("names/mute", `{"match":"web.*","seconds":6000}`, &done); code != 200 {
		t.Fatal(text)
	}
	if len(done.Muted) != 1 || done.Muted[0].Match != "web.*" || time.Until(done.Muted[0].Until) < 9*time.Minute {
		t.Errorf("%+v", done)
	}
	before := d.totals()
	for i := range 50 { // flushes rebuild the table during the loop
		for _, conn := range conns {
			send(t, conn, fmt.Sprintf("web.a:1|c\nweb new.%d:1|c\nweb/x:1|c\nweb.b:+5|g\napi.a:1|c\nother.%d:1|c", i, i))
		}
	}
	muted := uint64(50 * 8 * 2) // only web.a and web.b match web.*: "web new" is cleaned to web_new, and web/x to web-x
	var status question.Status
	eventually(t, "the samples are not refused", func() bool {
		d.asks("/api/v1/status", &status)
		return len(status.Muted) == 1 && status.Muted[0].Samples == muted && d.figure("samples.refused.muted") == float64(muted)
	})
	eventually(t, "the other samples are not published", func() bool { return d.totals()["counters.api.a"] == 8*51 })
	if after := d.totals(); after["counters.web.a"] != before["counters.web.a"] || after["counters.api.a"] != 8*51 || after["counters.web_new.7"] != 8 {
		t.Errorf("before %v, after %v", before, after)
	}
	if d.asks("/api/v1/status", &status); status.Lost.Sum15m != 0 || status.Lost.Refused != 0 {
		t.Errorf("muted samples are reported as lost: %+v", status.Lost)
	}
	if health := d.Health(); health.Has("samples_refused") {
		t.Errorf("a mute is no fault: %+v", health.Reasons)
	}
	if code, _ := d.change("names/unmute", `{"match":"web.*"}`, &done); code != 200 || len(done.Muted) != 0 {
		t.Errorf("unmute: %d %+v", code, done)
	}
	send(t, conns[0], "web.a:1|c")
	eventually(t, "web.a is still muted", func() bool { return d.totals()["counters.web.a"] == before["counters.web.a"]+1 })
	if code, text := d.change("names/unmute", `{"match":"web.*"}`, nil); code != 404 || !strings.Contains(text, "is not muted") {
		t.Errorf("unmute again: %d %s", code, text)
	}
	if code, text := d.change("names/mute", `{"match":"web.["}`, nil); code != 400 || !strings.Contains(text, `"parameter":"match"`) {
		t.Errorf("a bad pattern: %d %s", code, text)
	}
	for i := range 65 {
		if code, text := d.change("names/mute", fmt.Sprintf(`{"match":"m%d"}`, i), nil); (code == 200) != (i < 64) {
			t.Errorf("mute %d: %d %s", i, code, text)
		}
	}
}

// A mute ends when its time is over.
func TestMuteEnds(t *testing.T) {
	t.Parallel()
	cfg := operated(t)
	d := start(t, cfg)
	d.change("names/mute", `{"match":"a","seconds":1}`, nil)
	d.change("names/mute", `{"match":"b","seconds":600}`, nil)
	eventually(t, "the mute does not end", func() bool {
		all := d.hands.Muted()
		return len(all) == 1 && all[0].Match == "b"
	})
}

func TestDeleteOverAPI(t *testing.T) {
	t.Parallel()
	cfg := operated(t)
	d := start(t, cfg)
	conn := d.dial("udp")
	d.deliver(conn, "web.a:1|c\nweb.b:1|c\nweb.a:5|g\nweb.a:1|ms\nweb.a:x|s\napi.a:1|c")
	for _, tt := range []struct {
		body  string
		names int
	}{
		{`{"match":"web.*","dry_run":true}`, 5}, {`{"match":"web.*","kind":"counter","dry_run":true}`, 2},
		{`{"match":"web.a","kind":"gauge"}`, 1}, {`{"match":"web.a","kind":"gauge"}`, 0}, {`{"match":"web.*"}`, 4}, {`{"match":"*","dry_run":true}`, 1},
	} {
		var done question.Deleted
		if code, text := d.change("names/delete", tt.body, &done); code != 200 || done.Names != tt.names || len(done.First) != tt.names {
			t.Errorf("%s: %d %s, want %d names", tt.body, code, text, tt.names)
		}
	}
	d.stop()
	if got := d.totals(); len(got) != 1 || got["counters.api.a"] != 1 {
		t.Errorf("published %v", got)
	}
}

// An early flush replaces the next regular flush. No sample is lost, and no timestamp is used
// twice.
func TestFlushNow(t *testing.T) {
	cfg, r := every10s()
	inVirtualTime(t, cfg, func(v *virtual) {
		t := v.t
		v.wait(3 * time.Second)
		v.receive("a:1|c")
		first, err := v.flushNow(t.Context())
		if err != nil || first.At.Unix()%10 != 0 || time.Until(first.At) > 7*time.Second {
			t.Fatalf("%+v, %v", first, err)
		}
		v.wait(time.Millisecond) // the flush is delivered
		if got := lastFlush(r); got["counters.a"] != 0.1 {
			t.Errorf("published %v", got)
		}
		v.receive("a:1|c")
		_, err = v.flushNow(t.Context())
		var busy *question.Error
		if !errors.As(err, &busy) || busy.Code != question.Busy || busy.After <= 0 || busy.After > 7*time.Second {
			t.Errorf("again: %v", err)
		}
		v.wait(10 * time.Second)
		if n, _ := v.lastFlush(); n != 1 {
			t.Errorf("%d flushes after 13 s", n)
		}
		v.wait(10 * time.Second)
		if second, at := v.lastFlush(); second != 2 || !at.Equal(first.At.Add(10*time.Second)) || v.figure("flush.repeated") != 0 {
			t.Errorf("flush %d at %v, repeated %v", second, at, v.figure("flush.repeated"))
		}
		if _, err := v.flushNow(t.Context()); err != nil {
			t.Errorf("in a new interval: %v", err)
		}
	})
}

func TestDrain(t *testing.T) {
	t.Parallel()
	cfg := operated(t)
	d := start(t, cfg)
	ready := func() int {
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+d.MonitorAddr().String()+"/readyz", nil)
		if err != nil {
			t.Fatal(err)
		}
		code, _ := d.send(r, nil)
		return code
	}
	var done question.Drained
	if code := ready(); code != 200 {
		t.Errorf("ready: %d", code)
	}
	if code, text := d.change("drain", `{"seconds":3600}`, &done); code != 200 || !done.Draining || ready() != 503 {
		t.Errorf("drain: %d %s, then %d", code, text, ready())
	}
	d.deliver(d.dial("udp"), "a:1|c") // the daemon still receives
	var status question.Status
	if d.asks("/api/v1/status", &status); !status.Draining {
		t.Error("the status does not show it")
	}
	if code, _ := d.change("drain", `{"off":true}`, &done); code != 200 || done.Draining || ready() != 200 {
		t.Errorf("off: %d, %+v", code, done)
	}
	if d.change("drain", `{"seconds":1}`, nil); ready() == 200 {
		t.Log("over already")
	}
	eventually(t, "draining does not end", func() bool { return ready() == 200 })
	if code, _ := d.change("drain", `{"seconds":3601}`, nil); code != 400 {
		t.Errorf("more than an hour: %d", code)
	}
}

func TestDebug(t *testing.T) {
	t.Parallel()
	cfg := operated(t)
	d := start(t, cfg)
	udp, tcp := d.dial("udp"), d.dial("tcp")
	d.deliver(udp, "web.a:1|c")
	var done question.Debugged
	if code, text := d.change("debug", `{"match":"web.*","seconds":600}`, &done); code != 200 || done.Match != "web.*" {
		t.Fatal(text)
	}
	d.deliver(udp, "web.a:2|c\napi.a:3|c\nweb.b\x1b:x|c")
	d.deliver(tcp, "web.c:4|c\n")
	traced := func(line string) bool {
		return strings.Contains(d.out.String(), `"line":"`+line+`","message":"traced"`)
	}
	eventually(t, "lines are not logged", func() bool { return traced("web.a:2|c") && traced("web.c:4|c") })
	if traced("web.a:1|c") || traced("api.a:3|c") || strings.Contains(d.out.String(), "\x1b") {
		t.Errorf("logged\n%s", d.out)
	}
	d.deliver(udp, strings.Repeat("web.many:1|c\n", 2*intake.MaxTraced)) // more lines than may be logged in a second
	eventually(t, "the skipped lines are not counted", func() bool { return d.in.State().DebugSkipped > 0 })
	if code, _ := d.change("debug", `{"off":true}`, &done); code != 200 {
		t.Errorf("off: %d", code)
	}
	d.deliver(udp, "web.last:1|c")
	if d.change("debug", `{}`, nil); traced("web.last:1|c") {
		t.Error("off does not end it")
	}
	if code, text := d.change("debug", `{"seconds":5}`, nil); code != 400 || !strings.Contains(text, "match is missing") {
		t.Errorf("without names: %d %s", code, text)
	}
}

func TestReloadOverAPI(t *testing.T) {
	t.Parallel()
	cfg := operated(t)
	asked := make(chan bool, 2)
	fail := errors.New("--expire: must be a number")
	cfg.Reread = func(dry bool) (question.Reloaded, error) {
		asked <- dry
		return question.Reloaded{DryRun: dry, Changed: []string{"--expire"}}, fail
	}
	d := start(t, cfg)
	if code, text := d.change("reload", `{"dry_run":true}`, nil); code != 400 || !<-asked || !strings.Contains(text, "no setting has changed: --expire: must be a number") {
		t.Errorf("%d %s", code, text)
	}
	fail = nil
	var done question.Reloaded
	if code, text := d.change("reload", `{}`, &done); code != 200 || <-asked || len(done.Changed) != 1 || !strings.Contains(text, `"restart":[]`) {
		t.Errorf("%d %s", code, text)
	}
}

// Each change by an operator is logged, and listed with the alerts.
func TestAudit(t *testing.T) {
	t.Parallel()
	cfg := operated(t)
	d := start(t, cfg)
	d.change("drain", `{"off":true}`, nil)
	r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+d.MonitorAddr().String()+"/api/v1/flush", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if code, _ := d.send(r, nil); code != 401 {
		t.Errorf("without a token: %d", code)
	}
	for _, want := range []string{
		`"level":"warn","who":"alice","address":"127.0.0.1:`, `"change":"drain","args":"off=true","result":"done","message":"audit"`,
		`"who":"","address":"127.0.0.1:`, `"change":"flush","args":"","result":"refused: this needs a token; send Authorization: Bearer TOKEN","message":"audit"`,
	} {
		if !strings.Contains(d.out.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, d.out)
		}
	}
	var alerts question.Alerts
	if d.asks("/api/v1/alerts", &alerts); len(alerts.Audit) != 2 || alerts.Audit[1].Who != "alice" || alerts.Audit[0].Change != "flush" {
		t.Errorf("%+v", alerts.Audit)
	}
}

// At the start, the daemon warns if other machines can reach the monitor.
func TestMonitorWarnings(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		host   string
		tokens bool
		want   string
	}{
		"loopback": {"127.0.0.1", false, ""}, "open": {"0.0.0.0", false, "and the monitor has no tokens"},
		"plain": {"0.0.0.0", true, "are sent unencrypted"}, "loopback, tokens": {"127.0.0.1", true, ""},
	} {
		cfg := operated(t)
		if cfg.MonitorHost = tt.host; !tt.tokens {
			cfg.MonitorTokens = nil
		}
		d := start(t, cfg)
		if got := d.out.String(); strings.Contains(got, tt.want) != true || tt.want == "" && strings.Contains(got, "the monitor") {
			t.Errorf("%s: %s", name, got)
		}
		d.stop()
	}
}

// After a reload, the new tokens are valid at once.
func TestReloadTokens(t *testing.T) {
	t.Parallel()
	cfg := operated(t)
	d := start(t, cfg)
	if code, _ := d.change("drain", `{"off":true}`, nil); code != 200 {
		t.Error(code)
	}
	cfg.MonitorTokens = nil
	if _, err := d.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	if code, text := d.change("drain", `{"off":true}`, nil); code != 403 || !strings.Contains(text, "--monitor-tokens") {
		t.Errorf("%d %s", code, text)
	}
}
