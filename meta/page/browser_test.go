package page

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/wait"
)

// looks are the sizes and colours of the page that are tested.
var looks = map[string]counterpart.Look{
	"desktop":      {Width: 1280, Height: 900},
	"desktop-dark": {Width: 1280, Height: 900, Dark: true},
	"phone":        {Width: 390, Height: 844},
	"phone-dark":   {Width: 390, Height: 844, Dark: true},
}

// forReadme maps the names of the screenshots in the README to the heights of their visible parts.
var forReadme = map[string]int{"desktop": 780, "phone-dark": 800}

// shots is the directory for screenshots, which developers can look at.
const shots = "screenshots"

func shot(t *testing.T, tab *counterpart.Tab, name string) {
	t.Helper()
	if err := os.MkdirAll(shots, 0o755); err != nil {
		t.Fatal(err)
	}
	tab.Screenshot(filepath.Join(shots, name+".png"), 0)
}

// text returns a JavaScript expression that is true if the element with this id contains the given words.
func text(id, words string) string {
	return `document.getElementById("` + id + `").innerText.includes("` + words + `")`
}

// drawn is a JavaScript expression that is true when the page is completely loaded.
var drawn = strings.Join([]string{
	`document.querySelectorAll("#panels canvas").length === 6`, text("host", "metrics-3"),
	text("config-total", "set"), text("alert-total", "shown"), text("bad-lines", "orders"), text("prefix-note", "names"),
}, " && ")

func click(id string) string { return `document.getElementById("` + id + `").click()` }

// testComplains checks that errors in the page make tests fail.
func testComplains(t *testing.T, browser *counterpart.Browser) {
	d := startDaemon(t)
	tab := browser.Open(t, "http://"+d.addr+"/", looks["desktop"])
	defer tab.Close()
	tab.Await(drawn)
	for what, breaks := range map[string]string{
		"an inline script":        `document.body.append(Object.assign(document.createElement("script"), {textContent: "1"}))`,
		"an inline style":         `document.body.append(Object.assign(document.createElement("style"), {textContent: "b{}"}))`,
		"a foreign address":       `fetch("http://127.0.0.2:1/").catch(() => 0)`,
		"an error on the console": `console.error("x")`,
		"an uncaught error":       `setTimeout(() => { throw new Error("x") })`,
	} {
		if c := tab.Complaints(false); len(c) > 0 {
			t.Errorf("before %s: %v", what, c)
		}
		tab.Eval(breaks, nil)
		wait.Until(t, what+" is not seen", func() bool { return len(tab.Complaints(false)) > 0 })
		tab.Eval(`new Promise(done => setTimeout(done, 200))`, nil) // one mistake can cause two errors, so wait for the second
		tab.Complaints(false)
	}
}

// TestInBrowser tests the page in Chromium. A fake daemon serves the data.
func TestInBrowser(t *testing.T) {
	soak.Slow(t)
	browser := counterpart.StartBrowser(t)
	for _, tt := range []struct {
		name string
		test func(*testing.T, *counterpart.Browser)
	}{
		{"draws", testDraws},
		{"complains", testComplains},
		{"follows", testFollows},
		{"rests", testRests},
		{"silence", testSilence},
		{"polls", testPolls},
		{"token", testToken},
		{"locked", testLocked},
		{"notoken", testNoToken},
		{"search", testSearch},
		{"traffic", testTraffic},
		{"cursor", testCursor},
		{"settings", testSettings},
		{"keyboard", testKeyboard},
		{"accessible", testAccessible},
		{"words", testWords},
		{"cluster", testCluster},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, browser) })
	}
}

func testDraws(t *testing.T, browser *counterpart.Browser) {
	d := startDaemon(t)
	for name, look := range looks {
		t.Run(name, func(t *testing.T) {
			tab := browser.Open(t, "http://"+d.addr+"/", look)
			defer tab.Close()
			tab.Await(drawn)
			tab.Await(text("found-note", "Type a name") + ` && document.getElementById("found").childElementCount === 0`) // the page lists no values, because there are too many
			tab.Eval(`document.getElementById("search").value = "stats"; document.getElementById("search").dispatchEvent(new Event("input"))`, nil)
			tab.Await(text("found", "stats.cache.hit"))
			tab.Eval(`[...document.querySelectorAll("#found button")].find(b => b.textContent.endsWith("ms.mean")).click()`, nil)
			tab.Await(text("name", "stats.timers.checkout.pay.ms.mean") + " && " + text("now", "88.5") + ` && document.querySelector("#plot canvas") && document.querySelector("#found [aria-current=true]")`)
			for id, words := range map[string]string{
				"health-word": "Degraded", "reasons": "statsdmonitor sinks archive", "told": "nsca was told", "live-text": "live, last flush",
				"panels": "1.82 M of 2 M", "sink-rows": "58 attempts", "prefix-rows": "checkout.", "top-note": "until you ask",
				"found": "stats.cache.hit", "alert-rows": "webhook, end was not told: 502", "config-rows": "a restart applies the change", "bad-total": "64,539",
				"bad-lines": "<img src=x",
			} {
				tab.Await(text(id, words))
			}
			tab.Await(`document.querySelector("#bad-lines mark").textContent === "NaN"`)
			tab.Await(`document.documentElement.scrollWidth <= innerWidth`)
			tab.Eval(click("look"), nil)
			tab.Await(text("top-rows", "api.request.count"))
			shot(t, tab, name)
			if height := forReadme[name]; height > 0 {
				tab.Screenshot(filepath.Join(shots, "readme-"+name+".png"), height)
			}
			for _, c := range tab.Complaints(false) {
				t.Error(c)
			}
		})
	}
	wait.Until(t, "a closed page still has a stream", func() bool { return d.open() == 0 })
}

// testCluster checks that the page shows the cluster, but only if the daemon belongs to a cluster.
func testCluster(t *testing.T, browser *counterpart.Browser) {
	d := startDaemon(t)
	tab := browser.Open(t, "http://"+d.addr+"/", looks["desktop"])
	defer tab.Close()
	tab.Await(drawn + ` && document.getElementById("cluster").hidden && document.getElementById("cluster-link").hidden`)
	if n := d.asks("cluster"); n > 0 {
		t.Errorf("the page asks for a cluster %d times, though there is none", n)
	}
	d.change(func(d *daemon) { d.status.Cluster = true })
	d.flush()
	for id, words := range map[string]string{
		"cluster-about": "owner owner-a", "partition-rows": "none, was owner-b", "edge-rows": "<b>web2", "cluster-facts": "dropped 100 (full 100)", "cluster-link": "Cluster",
	} {
		tab.Await(text(id, words))
	}
	tab.Await(text("edge-rows", "silent") + " && " + text("cluster-facts", "lost 7") + " && " + text("cluster-facts", "3 messages of edge daemons never came") + " && " + text("cluster-facts", "no server answers"))
	for name, look := range looks {
		tab.Look(look)
		tab.Await(`innerWidth === ` + strconv.Itoa(look.Width) + ` && document.documentElement.scrollWidth <= innerWidth`)
		tab.Eval(`document.getElementById("cluster").scrollIntoView()`, nil)
		shot(t, tab, "cluster-"+name)
	}
	for _, c := range tab.Complaints(false) {
		t.Error(c)
	}
}
