package page

import (
	"testing"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/wait"
	q "github.com/statsd-ops/statsd/meta/question"
)

// open opens the page of a fake daemon, and waits until it is completely drawn. At the end of the
// test, it checks that there were no errors in the page.
func open(t *testing.T, browser *counterpart.Browser, d *daemon) *counterpart.Tab {
	t.Helper()
	tab := browser.Open(t, "http://"+d.addr+"/", looks["desktop"])
	tab.Await(drawn)
	t.Cleanup(func() {
		for _, c := range tab.Complaints(true) {
			t.Error(c)
		}
		tab.Close()
	})
	return tab
}

// testFollows checks that the page shows changes, and needs only one stream.
func testFollows(t *testing.T, browser *counterpart.Browser) {
	d := startDaemon(t)
	tab := open(t, browser, d)
	asked := d.asks("history")
	d.change(func(d *daemon) {
		d.status.Received.Samples = 424242
		d.status.Sinks[1].State, d.status.Sinks[1].Error = "FAILING", "broken pipe"
		d.status.Health.State = "failing"
		d.status.Health.Reasons = append([]q.Reason{{ID: "no_sink", State: "failing", Text: "no sink accepts points"}}, d.status.Health.Reasons...)
	})
	d.flush()
	tab.Await(text("panels", "424 k") + " && " + text("health-word", "Failing") + " && " + text("reasons", "No sink accepts points"))
	tab.Await(`document.querySelectorAll("#sink-rows .failing").length === 2 && ` + text("sink-rows", "broken pipe"))
	tab.Await(`document.title.startsWith("failing: ")`)
	tab.Await(`document.getElementById("health").classList.contains("failing")`)
	d.change(func(d *daemon) {
		d.status.Health = q.Health{State: "ok", Since: minutesAgo(0)}
		d.status.Lost = q.Lost{}
	})
	d.flush()
	tab.Await(text("health-word", "Healthy") + " && " + text("health-text", "Nothing was lost in 15 minutes"))
	wait.Until(t, "a flush brings no new history", func() bool { d.flush(); return d.asks("history") > asked })
	if live, polled := d.asks("live"), d.asks("status"); live != 1 || polled > 0 {
		t.Errorf("the page opened %d streams and polled %d times", live, polled)
	}
	if n := d.asks("top") + d.asks("tail"); n > 0 {
		t.Errorf("the page watched traffic %d times before anyone asked", n)
	}
}

// testRests checks that a page in a hidden tab and a paused page send no requests.
func testRests(t *testing.T, browser *counterpart.Browser) {
	d := startDaemon(t)
	tab := open(t, browser, d)
	for _, tt := range []struct{ rest, goOn string }{
		{
			`Object.defineProperty(document, "hidden", {value: true, configurable: true}); document.dispatchEvent(new Event("visibilitychange"))`,
			`delete document.hidden; document.dispatchEvent(new Event("visibilitychange"))`,
		},
		{click("pause"), click("pause")},
	} {
		tab.Eval(tt.rest, nil)
		wait.Until(t, "the stream goes on", func() bool { return d.open() == 0 })
		tab.Await(text("live-text", "paused, as of"))
		asked := d.asks("status") + d.asks("live")
		d.change(func(d *daemon) { d.status.Names.Held++ })
		d.flush()
		tab.Eval(`new Promise(done => setTimeout(done, 300))`, nil)
		if more := d.asks("status") + d.asks("live") - asked; more > 0 {
			t.Errorf("while it rests, the page asked %d times", more)
		}
		tab.Eval(tt.goOn, nil)
		tab.Await(text("live-text", "live"))
		wait.Until(t, "no stream again", func() bool { return d.open() == 1 })
	}
}

// testSilence checks that the page shows that the daemon does not answer, and recovers when it
// answers again.
func testSilence(t *testing.T, browser *counterpart.Browser) {
	d := startDaemon(t)
	tab := open(t, browser, d)
	d.stop()
	tab.Await(`!document.getElementById("silence").hidden && ` + text("silence", "No answer since ") + " && " + text("live-text", "no answer"))
	tab.Await(`document.title.startsWith("no answer")`)
	shot(t, tab, "silence")
	d.start()
	d.flush()
	tab.Await(`document.getElementById("silence").hidden && ` + text("live-text", "live"))
	wait.Until(t, "no stream after the daemon is back", func() bool { return d.open() == 1 })
}

// testPolls checks that the page polls if there is no stream.
func testPolls(t *testing.T, browser *counterpart.Browser) {
	d := startDaemon(t)
	d.noRoom = true
	tab := open(t, browser, d)
	d.change(func(d *daemon) { d.status.Names.Held = 777 })
	d.flush()
	tab.Await(text("panels", "777"))
	wait.Until(t, "it does not poll on", func() bool { return d.asks("status") > 3 })
	if n := d.open(); n > 0 {
		t.Errorf("%d streams are open", n)
	}
}

// testToken checks that the page asks for a token once, sends it, and keeps it only in memory.
func testToken(t *testing.T, browser *counterpart.Browser) {
	d := startDaemon(t)
	d.token = "open sesame"
	tab := browserTab(t, browser, d)
	tab.Await(`!document.getElementById("token").hidden && ` + text("token-why", "needs a token"))
	tab.Await(text("config-note", "config needs a token"))
	enter := func(token string) {
		tab.Eval(`document.getElementById("token-text").focus()`, nil)
		tab.Type(token)
		tab.Press("Enter")
	}
	enter("wrong")
	tab.Await(`!document.getElementById("token").hidden && ` + text("token-why", "That token does not do"))
	enter("open sesame")
	tab.Await(`document.getElementById("token").hidden && ` + text("config-rows", "--udp-buffer") + " && " + drawn)
	tab.Eval(click("look"), nil)
	tab.Await(text("top-rows", "api.request.count"))
	var kept bool
	tab.Eval(`[location.href, document.cookie, JSON.stringify(localStorage), JSON.stringify(sessionStorage), document.body.innerHTML].some(s => s.includes("sesame"))`, &kept)
	if kept {
		t.Error("the token is kept outside the script's memory")
	}
}

// testLocked checks the page of a daemon that answers no query without a token.
func testLocked(t *testing.T, browser *counterpart.Browser) {
	d := startDaemon(t)
	d.token, d.locked = "open sesame", true
	tab := browserTab(t, browser, d)
	tab.Await(`!document.getElementById("token").hidden && document.getElementById("silence").hidden && ` + text("live-text", "a token is needed"))
	tab.Eval(`document.getElementById("token-text").focus()`, nil)
	tab.Type("open sesame")
	tab.Press("Enter")
	tab.Await(drawn + " && " + text("live-text", "live, last flush"))
}

// testNoToken checks that the page does not ask for a token again after a click on "Not now".
func testNoToken(t *testing.T, browser *counterpart.Browser) {
	d := startDaemon(t)
	d.token = "open sesame"
	tab := browserTab(t, browser, d)
	tab.Await(`!document.getElementById("token").hidden`)
	tab.Eval(click("token-no"), nil)
	tab.Eval(click("look"), nil)
	tab.Await(text("top-note", "top needs a token"))
	tab.Await(`document.getElementById("token").hidden`)
}

// browserTab opens the page of a fake daemon, and does not wait for it to be drawn.
func browserTab(t *testing.T, browser *counterpart.Browser, d *daemon) *counterpart.Tab {
	t.Helper()
	return browser.Open(t, "http://"+d.addr+"/", looks["desktop"])
}
