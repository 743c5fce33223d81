package page

import (
	"testing"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/wait"
)

// testSearch checks the result of the search box for a name, a pattern and a line.
func testSearch(t *testing.T, browser *counterpart.Browser) {
	d := startDaemon(t)
	tab := open(t, browser, d)
	search := func(what string, enter bool) {
		tab.Eval(`document.getElementById("search").value = ""; document.getElementById("search").focus()`, nil)
		tab.Type(what)
		if enter {
			tab.Press("Enter")
		}
	}
	search("stats.timers.*.ms.*", false)
	tab.Await(text("found-note", "3 of 2,412,006 paths match") + ` && document.querySelectorAll("#found li").length === 3`)
	search("cache", false)
	tab.Await(text("found-note", "1 of ") + " && " + text("found", "stats.cache.hit"))
	tab.Eval(`document.querySelector("#found button").click()`, nil)
	tab.Await(text("name", "stats.cache.hit") + " && " + text("now", "85.5") + ` && document.querySelector("#plot canvas")`)
	search("checkout.pay.ms", true)
	tab.Await(text("explain", "published") + " && " + text("explain", "up to 02:22:10") + " && " + text("lines", "upper_90"))
	shot(t, tab, "explained")
	tab.Eval(click("who"), nil)
	tab.Await(text("explain", "senders") + ` && document.getElementById("explain-note").textContent === ""`)
	tab.Eval(click("watch"), nil)
	tab.Await(text("tail", "timer from 10.20.4.17") + " && " + text("explain-note", "4,120 lines came"))
	search("php.err:1,5|ms", false)
	tab.Await(text("explain", "1,5 is not a finite decimal number") + " && " + text("found-note", "was not counted"))
	search("chekcout", true)
	tab.Await(text("explain", "no such name") + " && " + text("explain", "checkout.pay.ms"))
	tab.Eval(`[...document.querySelectorAll("#explain button")].find(b => b.textContent === "checkout.pay.ms").click()`, nil)
	tab.Await(text("name", "checkout.pay.ms") + " && " + text("lines", "upper_90"))
	search("nothing*", false)
	tab.Await(text("found-note", "No path matches"))
}

// testTraffic checks the lists of names and prefixes with the most samples.
func testTraffic(t *testing.T, browser *counterpart.Browser) {
	d := startDaemon(t)
	tab := open(t, browser, d)
	for _, tt := range []struct{ by, words string }{{"sender", "10.20.4.17"}, {"kind", "95,400/s"}, {"prefix", "api."}, {"name", "db.query.ms"}} {
		tab.Eval(`[...document.querySelectorAll("#top-by button")].find(b => b.textContent === "`+tt.by+`").click()`, nil)
		tab.Await(text("top-note", "until you ask"))
		tab.Eval(click("look"), nil)
		tab.Await(text("top-rows", tt.words) + " && " + text("top-note", "one batch in 8. Rates within 3 %. Below 40/s may be missing."))
	}
	tab.Eval(click("bad-look"), nil)
	tab.Await(text("bad-lines", "bad_value from 10.20.9.9") + " && " + text("bad-note", "2 bad lines came"))
	tab.Eval(`document.querySelector("#prefix-rows button").click()`, nil)
	tab.Await(text("prefix-rows", "checkout.session.") + " && " + text("crumbs", "checkout") + " && " + text("prefix-rows", "≥ +71"))
	tab.Eval(`document.querySelector("#crumbs button").click()`, nil)
	tab.Await(text("prefix-rows", "jobs."))
	tab.Eval(`document.querySelector("#top-rows button").click()`, nil)
	tab.Await(text("name", "api.request.count") + " && " + text("explain", "timer"))
}

// testCursor moves the mouse over one graph. All graphs must then show the values of the same point in time. It also
// checks that a time range can be selected.
func testCursor(t *testing.T, browser *counterpart.Browser) {
	d := startDaemon(t)
	tab := open(t, browser, d)
	var at struct{ X, Y float64 }
	tab.Eval(`(() => { const r = document.querySelector(".spark").getBoundingClientRect(); return {x: r.x + r.width * 0.7, y: r.y + r.height / 2}; })()`, &at)
	tab.Move(at.X, at.Y)
	tab.Await(`[...document.querySelectorAll(".panel .time")].filter(e => /\d\d:\d\d:\d\d  \S/.test(e.textContent)).length === 6`)
	for _, range1 := range []string{"15 min", "24 h", "7 d"} {
		asked := d.asks("history")
		tab.Eval(`[...document.querySelectorAll("#range button")].find(b => b.textContent === "`+range1+`").click()`, nil)
		tab.Await(`document.querySelector("#range [aria-pressed=true]").textContent === "` + range1 + `"`)
		tab.Await(`document.querySelectorAll("#panels canvas").length === 6`)
		wait.Until(t, range1+" asks for no history", func() bool { return d.asks("history") > asked })
	}
}

// testSettings checks the list of all settings, and the choice of the theme.
func testSettings(t *testing.T, browser *counterpart.Browser) {
	d := startDaemon(t)
	tab := open(t, browser, d)
	tab.Await(`document.querySelectorAll("#config-rows tr").length === 4 && document.querySelectorAll("#config-rows .differs").length === 2`)
	tab.Eval(click("all"), nil)
	tab.Await(`document.querySelectorAll("#config-rows tr").length === 6 && ` + text("config-rows", "--flush-interval"))
	for _, want := range []string{"light", "dark", "auto"} {
		tab.Eval(click("theme"), nil)
		tab.Await(`document.getElementById("theme").textContent.endsWith("` + want + `") && (document.documentElement.dataset.theme || "auto") === "` + want + `"`)
	}
}

// testKeyboard checks that the whole page can be used with the keyboard.
func testKeyboard(t *testing.T, browser *counterpart.Browser) {
	d := startDaemon(t)
	tab := open(t, browser, d)
	tab.Press("Tab")
	tab.Await(`document.activeElement.className === "skip" && document.activeElement.getBoundingClientRect().x >= 0`)
	var all int
	tab.Eval(`[...document.querySelectorAll("a, button, input")].filter(e => e.checkVisibility()).length`, &all)
	reached := map[string]bool{}
	for range 2 * all {
		var id string
		tab.Eval(`document.activeElement.id || document.activeElement.textContent`, &id)
		reached[id] = true
		var seen bool
		tab.Eval(`getComputedStyle(document.activeElement).outlineStyle !== "none" || document.activeElement === document.body`, &seen)
		if !seen {
			t.Errorf("%s shows no focus", id)
		}
		tab.Press("Tab")
	}
	for _, want := range []string{"pause", "theme", "look", "count", "search", "all", "checkout.", "15 min", "sender", "statsdmonitor sinks archive"} {
		if !reached[want] {
			t.Errorf("Tab does not reach %q, but %v", want, reached)
		}
	}
	tab.Eval(`document.activeElement.blur()`, nil)
	tab.Press("/")
	tab.Await(`document.activeElement.id === "search" && document.activeElement.value === ""`)
	tab.Eval(`document.getElementById("look").focus()`, nil)
	tab.Press("Enter")
	tab.Await(text("top-rows", "api.request.count"))
}

// testAccessible checks names of elements, headings, tables and contrast, in the light and the dark
// theme.
func testAccessible(t *testing.T, browser *counterpart.Browser) {
	d := startDaemon(t)
	for name, look := range looks {
		t.Run(name, func(t *testing.T) {
			tab := browser.Open(t, "http://"+d.addr+"/", look)
			defer tab.Close()
			tab.Await(drawn)
			tab.Eval(click("look"), nil)
			tab.Await(text("top-rows", "api.request.count"))
			var faults []string
			tab.Eval(accessible, &faults)
			for _, f := range faults {
				t.Error(f)
			}
		})
	}
}

// accessible is a script that lists problems for people with poor eyesight and for screen readers.
const accessible = `(() => {
	const faults = [], all = s => [...document.querySelectorAll(s)].filter(e => e.checkVisibility());
	const rgb = c => { const m = c.match(/[\d.]+/g).map(Number); return m.length > 3 ? m : [...m, 1]; };
	const light = c => { const [r, g, b] = c.map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
	const behind = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] === 1) return c; } return [255, 255, 255]; };
	for (const e of all("body *")) {
		if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || e.closest(".u-wrap, .skip, .unseen, noscript")) continue;
		const a = light(rgb(getComputedStyle(e).color).slice(0, 3)), b = light(behind(e).slice(0, 3));
		const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (ratio < 4.5) faults.push("contrast " + ratio.toFixed(2) + " of " + e.tagName + " " + e.className + ": " + e.textContent.slice(0, 30));
	}
	for (const e of all("button, a, input")) if (!(e.textContent.trim() || e.getAttribute("aria-label") || e.labels?.length)) faults.push("no name: " + e.outerHTML);
	for (const e of all("section")) if (!e.getAttribute("aria-label") && !document.getElementById(e.getAttribute("aria-labelledby"))) faults.push("no label: section " + e.id);
	for (const e of all("table")) if (!e.querySelector("th[scope=col]")) faults.push("no column headings: " + e.className);
	if (document.querySelectorAll("h1").length !== 1) faults.push("not one h1");
	let level = 1;
	for (const e of all("h1, h2, h3")) { const l = +e.tagName[1]; if (l > level + 1) faults.push("a level is left out at " + e.textContent); level = l; }
	const ids = [...document.querySelectorAll("[id]")].map(e => e.id), twice = ids.filter((id, i) => ids.indexOf(id) !== i);
	if (twice.length) faults.push("ids twice: " + twice);
	if (!document.documentElement.lang) faults.push("no language");
	return faults;
})()`

// testWords checks the formats of numbers, times and bad lines.
func testWords(t *testing.T, browser *counterpart.Browser) {
	d := startDaemon(t)
	tab := browser.Open(t, "http://"+d.addr+"/words.js", looks["desktop"])
	tab.Await(`document.readyState === "complete" && location.pathname === "/words.js"`)
	for expression, want := range map[string]string{
		`short(0)`: "0", `short(0.0012)`: "0.0012", `short(1.234)`: "1.23", `short(12.34)`: "12.3", `short(999)`: "999", `short(99949)`: "99,949", `short(172140)`: "172 k",
		`short(999600)`: "1 M", `short(1822130)`: "1.82 M", `short(2.5e9)`: "2.5 G", `short(null)`: "–", `short(-5)`: "-5",
		`span(0)`: "0 s", `span(59.6)`: "1 min", `span(61)`: "1 min 1 s", `span(3661)`: "1 h 1 min", `span(90000)`: "1 d 1 h", `span(-3)`: "0 s",
		`brief(0.0000017)`: "1.7 µs", `brief(0.0019)`: "1.9 ms", `brief(0.404)`: "404 ms", `brief(2)`: "2 s", `brief(0)`: "0 µs",
		`bytes(188)`: "188 bytes", `bytes(3 << 20)`: "3 MiB", `bytes(412 * 2 ** 20)`: "412 MiB", `percent(0.031)`: "3.1 %", `plural(1, "name")`: "1 name", `plural(1200, "name")`: "1,200 names",
		`seconds("0001-01-01T00:00:00Z")`: "0", `seconds("1970-01-01T00:00:09Z")`: "9", `ago(0)`: "never",
		`cut('"a:NaN|g"', 2).join("^")`: "a:^NaN^|g", `cut('"a:1,5|ms"', 2).join("^")`: "a:^1,5^|ms", `cut('"\\xff\\"a:x|c"', 4).join("^")`: `\xff\"a:^x^|c`,
		`cut('"abc"', 0).join("^")`: "abc^^", `cut('"abc"...', 99).join("^")`: "abc...^^",
		`sentence("sink a fails")`: "Sink a fails", `sentence("a.b. made names")`: "a.b. made names",
	} {
		var got string
		tab.Eval(`import("/words.js").then(({short, span, brief, bytes, percent, plural, seconds, ago, cut, sentence}) => String(`+expression+`))`, &got)
		if got != want {
			t.Errorf("%s is %q, want %q", expression, got, want)
		}
	}
}
