package page

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/soak"
)

// receiver is a server that receives points like carbon until die is called.
type receiver struct {
	addr string
	die  func()
}

func receive(t *testing.T) *receiver {
	r := &receiver{addr: counterpart.FreeAddress(t).String()}
	r.live(t)
	t.Cleanup(func() { r.die() })
	return r
}

// live listens until die is called.
func (r *receiver) live(t *testing.T) {
	l, err := net.Listen("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	conns := []net.Conn{}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			go func() {
				_, _ = io.Copy(io.Discard, c)
				_ = c.Close() // closing tells the sink that the receiver has read everything
			}()
		}
	}()
	r.die = func() {
		_ = l.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, c := range conns {
			_ = c.Close()
		}
	}
}

// traffic sends lines to a daemon until the test ends. The returned function sends other lines.
func traffic(t *testing.T, addr string) (send func(lines ...string)) {
	conn, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	// The function send ignores errors, because the daemon may stop before the traffic stops.
	send = func(lines ...string) { _, _ = io.WriteString(conn, strings.Join(lines, "\n")) }
	stop, ended := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() {
		close(stop)
		<-ended
		_ = conn.Close()
	})
	go func() {
		defer close(ended)
		for i := 0; ; i++ {
			send("web.hits:1|c", "web.hits:1|c", fmt.Sprintf("checkout.pay.ms:%d|ms", 20+i%70), fmt.Sprintf("jobs.queue%d.depth:%d|g", i%9, i%30), fmt.Sprintf("web.users:%d|s", i%500))
			if i%50 == 0 {
				send(`orders.total:NaN|g`, `<img src=x onerror=alert(1)>:x|c`)
			}
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	return send
}

// TestWithDaemon opens the page of a real daemon in a real browser.
func TestWithDaemon(t *testing.T) {
	soak.Slow(t)
	browser := counterpart.StartBrowser(t)
	main, archive := receive(t), receive(t)
	d := counterpart.StartDaemon(t, "--flush-interval=1s", "--max-names=1000",
		"--sink=graphite://"+main.addr+"?name=main", "--sink=graphite://"+archive.addr+"?name=archive")
	send := traffic(t, d.Addr)
	tab := browser.Open(t, "http://localhost"+d.Monitor[strings.LastIndexByte(d.Monitor, ':'):]+"/", looks["desktop"]) // a browser that uses ssh -L requests the host localhost
	defer tab.Close()
	tab.Await(`document.querySelectorAll("#panels canvas").length === 6 && document.querySelector("#plot canvas") && document.querySelectorAll("#sink-rows .ok").length === 2`)
	tab.Await(text("about", "version") + " && " + text("live-text", "live, last flush") + " && " + text("config-rows", "--flush-interval") + " && " + text("prefix-rows", "web."))
	tab.Await(text("health-word", "Healthy") + " && " + text("alert-rows", "Nothing went wrong yet") + " && " + text("reason-rows", "bad_value"))

	realLooks(t, tab)
	realSearch(tab, send)
	realDeadSink(t, tab, archive)
	for _, c := range tab.Complaints(false) {
		t.Error(c)
	}
	realPlain(t, browser, d)
}

// TestWithCluster opens the pages of a real central and of a real edge.
func TestWithCluster(t *testing.T) {
	soak.Slow(t)
	browser := counterpart.StartBrowser(t)
	addr, main := counterpart.FreeAddress(t).String(), receive(t)
	central := counterpart.StartDaemon(t, "--flush-interval=1s", "--lateness=1s", "--collect=statsd://"+addr, "--collect-id=central", "--spool-dir="+t.TempDir(), "--sink=graphite://"+main.addr)
	edge := counterpart.StartDaemon(t, "--flush-interval=1s", "--forward=statsd://"+addr, "--forward-id=edge-7", "--spool-dir="+t.TempDir())
	traffic(t, edge.Addr)
	for _, tt := range []struct {
		of    *counterpart.Daemon
		shows []string
	}{
		{central, []string{text("cluster-about", "owner central"), text("partition-rows", "central"), text("edge-rows", "edge-7"), text("cluster-facts", "merged ")}},
		{edge, []string{text("cluster-facts", "as edge-7"), text("cluster-facts", "acknowledged ")}},
	} {
		tab := browser.Open(t, "http://"+tt.of.Monitor+"/", looks["desktop"])
		tab.Await(strings.Join(tt.shows, " && "))
		for _, c := range tab.Complaints(false) {
			t.Error(c)
		}
		tab.Close()
		tab = browser.Open(t, "http://"+tt.of.Monitor+"/plain", looks["phone"])
		tab.Await(`document.getElementById("cluster").innerText.includes("edge-7")`)
		for _, c := range tab.Complaints(false) {
			t.Error(c)
		}
		tab.Close()
	}
}

// realLooks draws the page in all sizes and colours, and checks its parts.
func realLooks(t *testing.T, tab *counterpart.Tab) {
	tab.Eval(click("look"), nil)
	tab.Await(text("top-rows", "web.hits") + " && " + text("top-rows", "checkout.pay.ms"))
	tab.Await(`document.querySelector("#bad-lines mark").textContent.length > 0 && ` + text("bad-lines", "orders.total:NaN") + " && " + text("bad-lines", "<img src=x"))
	for name, look := range looks {
		tab.Look(look)
		tab.Await(`innerWidth === ` + fmt.Sprint(look.Width) + ` && document.documentElement.scrollWidth <= innerWidth`)
		tab.Await(`[...document.querySelectorAll(".spark")].every(e => e.querySelector("canvas") && Math.abs(e.querySelector(".uplot").offsetWidth - e.clientWidth) < 2)`)
		shot(t, tab, "daemon-"+name)
	}
	tab.Look(looks["desktop"])
}

// realSearch uses the search box with a filter and with lines. It also checks that a value changes
// after a flush.
func realSearch(tab *counterpart.Tab, send func(...string)) {
	search := func(what string, enter bool) {
		tab.Eval(`document.getElementById("search").value = ""; document.getElementById("search").focus()`, nil)
		tab.Type(what)
		if enter {
			tab.Press("Enter")
		}
	}
	search("stats.jobs.*", false)
	tab.Await(text("found-note", "9 of ") + ` && document.querySelectorAll("#found li").length === 9`)
	search("checkout.pay.ms:81.5|ms", false)
	tab.Await(text("explain", "timer") + " && " + text("explain", "stats.timers.checkout.pay.ms") + " && " + text("found-note", "was not counted"))
	search("php.err:1,5|ms", false)
	tab.Await(text("explain", "bad_value") + ` && document.querySelector("#explain .failing")`)
	search("checkout.pay.ms", true)
	tab.Await(text("lines", "upper_90") + ` && document.querySelector("#plot canvas")`)
	for _, value := range []string{"4711", "815"} {
		send("temp:" + value + "|g")
		search("stats.temp", false)
		tab.Await(`[...document.querySelectorAll("#found button")].some(b => b.textContent === "stats.temp" && (b.click(), true))`)
		tab.Await(`document.querySelector("#now dd").textContent.replace(",", "") === "` + value + `"`)
	}
}

// flushes returns the number of the last flush that the page shows.
func flushes(tab *counterpart.Tab) (number int) {
	tab.Eval(`fetch("/api/v1/status").then(a => a.json()).then(a => a.data.flush.number)`, &number)
	return number
}

// realDeadSink stops a sink. The page must show this within two flushes. On a busy machine, a
// second attempt may be necessary.
func realDeadSink(t *testing.T, tab *counterpart.Tab, sink *receiver) {
	for try := 1; ; try++ {
		before := flushes(tab)
		sink.die()
		tab.Await(`document.querySelectorAll("#sink-rows .failing").length === 1 && ` + text("sink-rows", "connection refused"))
		took := flushes(tab) - before
		tab.Await(text("health-word", "Degraded") + " && " + text("reasons", "archive") + " && " + text("alert-rows", "sink_failing archive"))
		sink.live(t)
		tab.Await(text("health-word", "Healthy") + ` && document.querySelectorAll("#sink-rows .ok").length === 2`)
		if took <= 2 {
			return
		}
		if try == 5 {
			t.Fatalf("the page showed a dead sink after %d flushes", took)
		}
	}
}

// realPlain follows the link to the page without scripts.
func realPlain(t *testing.T, browser *counterpart.Browser, d *counterpart.Daemon) {
	tab := browser.Open(t, "http://"+d.Monitor+"/plain", looks["phone"])
	defer tab.Close()
	tab.Await(`document.title.endsWith("- statsd") && document.body.innerText.includes("Values published recently") && !document.querySelector("script")`)
	shot(t, tab, "plain")
	for _, c := range tab.Complaints(false) {
		t.Error(c)
	}
}
