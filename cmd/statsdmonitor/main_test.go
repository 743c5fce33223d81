package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/meta/history"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/operator"
)

func TestMain(m *testing.M) {
	wait.Beside()
	testscript.Main(m, map[string]func(){"statsdmonitor": main})
}

// source provides the metrics of a monitor that a test starts.
type source struct{ figures []meta.Figure }

func (source) Health() meta.Health { return meta.Health{} }

func (s source) Figures() []meta.Figure { return slices.Clone(s.figures) }

var fewFigures = []meta.Figure{
	{Name: "udp.packets", Value: 7}, {Name: "a", Value: 3e9}, {Name: "B", Value: 2.38e-5},
	{Name: "metrics.discarded", Value: 10}, {Name: "start_time", Value: 1795251862},
}

// ledgerFigures returns metrics whose ledger balances if the map low is empty. Each value in low is subtracted from the
// metric with this name.
func ledgerFigures(low map[string]float64) []meta.Figure {
	figures := []meta.Figure{
		{Name: "ledger.time", Value: 1795258522.25},
		{Name: "samples.received", Value: 3e9}, {Name: "samples.aggregated", Value: 2999999989},
		{Name: "metrics.discarded", Value: 10}, {Name: "metrics.discarded.bad_value", Value: 9},
		{Name: "metrics.discarded.empty_name", Value: 1}, {Name: "metrics.discarded.bad_type"},
		{Name: "samples.refused", Value: 1}, {Name: "samples.refused.names", Value: 1}, {Name: "samples.refused.members"},
		{Name: "sink.graphite.points.made", Value: 52000}, {Name: "sink.graphite.points.recovered"},
		{Name: "sink.graphite.points.delivered", Value: 50000}, {Name: "sink.graphite.points.queued", Value: 1000},
		{Name: "sink.graphite.points.spooled", Value: 900}, {Name: "sink.graphite.points.dropped", Value: 100},
		{Name: "sink.graphite.points.dropped.full", Value: 100}, {Name: "sink.graphite.points.dropped.damaged"},
		{Name: "sink.graphite-2.points.made"}, {Name: "sink.graphite-2.points.recovered", Value: 5},
		{Name: "sink.graphite-2.points.delivered", Value: 5}, {Name: "sink.graphite-2.points.queued"},
		{Name: "sink.graphite-2.points.spooled"}, {Name: "sink.graphite-2.points.dropped"},
		{Name: "udp.packets", Value: 7}, {Name: "udp.kernel_dropped", Value: 2},
	}
	for i := range figures {
		figures[i].Value -= low[figures[i].Name]
	}
	return figures
}

func (source) Discards() meta.Discards {
	at := time.UnixMilli(1795258522250)
	return meta.Discards{
		Reasons: []meta.Figure{{Name: "empty_name", Value: 1}, {Name: "bad_value", Value: 9}},
		Lines: []meta.BadLine{
			{Time: at, Sender: meta.SenderAt(netip.MustParseAddrPort("[2001:db8::1]:4711")), Reason: "bad_value", Line: []byte("a:\x1b[2J\xff|c")},
			{Time: at.Add(-1250 * time.Millisecond), Reason: "empty_name", Line: []byte("<b>:1|c")},
		},
		Refused: []meta.Refusal{
			{Limit: "max-names", Prefix: "web.requests.", Min: 3_000_000_000, Max: 3_000_000_001},
			{Limit: "max-set-members", Prefix: "users", Min: 7, Max: 7},
		},
		Collisions: []string{"stats.x"},
	}
}

// episodes returns an alert that continues, and an alert that has ended.
func episodes(t *testing.T) *meta.Episodes {
	e := meta.NewEpisodes("web1:8125")
	at := time.UnixMilli(1795258522250)
	failing := meta.Reason{ID: meta.SinkFailing, Subject: "main", State: meta.Failing, Text: "sink main has accepted nothing for 1m", Since: at}
	drops := meta.Reason{ID: meta.KernelDrops, State: meta.Degraded, Text: "the kernel dropped 7 datagrams", Since: at.Add(time.Minute)}
	begun := e.Observe(at, meta.Health{Reasons: []meta.Reason{failing}})
	e.Observe(at.Add(time.Minute), meta.Health{Reasons: []meta.Reason{failing, drops}})
	e.Observe(at.Add(15*time.Minute), meta.Health{Reasons: []meta.Reason{drops}})
	if len(begun) != 1 {
		t.Fatal(begun)
	}
	id := begun[0].Episode.ID
	e.Note(id, "alertmanager", meta.Begin, meta.Outcome{At: at.Add(time.Second), Tries: 1})
	e.Note(id, "alertmanager", meta.End, meta.Outcome{At: at.Add(15*time.Minute + time.Second), Tries: 3})
	e.Note(id, "webhook", meta.Begin, meta.Outcome{})
	e.Note(id, "webhook", meta.End, meta.Outcome{At: at.Add(25 * time.Minute), Tries: 15, Error: "HTTP 502: \"\x1b[2J\""})
	return e
}

// startMonitor runs a monitor until the test ends, and returns its port.
func startMonitor(t *testing.T, figures []meta.Figure) string {
	values := history.NewValues(history.Config{Interval: 10 * time.Second, Names: 10})
	values.Keep(time.Unix(1795251870, 0), 3, func(yield func(metric.Point) bool) {
		_ = yield(metric.Point{Path: []byte("stats.c"), Value: 1e23, Time: 1795251870}) &&
			yield(metric.Point{Path: []byte("stats.B"), Value: 2.5, Time: 1795251870}) &&
			yield(metric.Point{Path: []byte("stats.a"), Value: 2.38e-5, Time: 1795251870})
	})
	questions := operator.New(operator.Sources{Daemon: source{figures}, Episodes: episodes(t)}).Questions()
	monitor, err := meta.NewMonitor(meta.MonitorConfig{Questions: questions}, source{figures}, values)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- monitor.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return portOf(t, monitor.Addr().String())
}

func portOf(t *testing.T, addr string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestScripts(t *testing.T) {
	port, free := startMonitor(t, fewFigures), fmt.Sprint(counterpart.FreeAddress(t).Port())
	balanced := startMonitor(t, ledgerFigures(nil))
	unbalanced := startMonitor(t, ledgerFigures(map[string]float64{"sink.graphite.points.spooled": 1}))
	partly := startMonitor(t, ledgerFigures(map[string]float64{"metrics.discarded.bad_value": 1}))
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PORT", port)
			env.Setenv("FREE_PORT", free)
			env.Setenv("BALANCED_PORT", balanced)
			env.Setenv("UNBALANCED_PORT", unbalanced)
			env.Setenv("PARTS_PORT", partly)
			// By default, a program with the race detector sleeps for a second before it exits.
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			// This proxy does not exist. The command must not use it.
			env.Setenv("http_proxy", "http://127.0.0.1:1")
			return nil
		},
	})
}

// invoke runs the command. It checks the exit code, and that the output is safe for a terminal.
func invoke(t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if got := run(t.Context(), args, &out, &errs); got != want {
		t.Errorf("%s exits %d, want %d: %s%s", args, got, want, &out, &errs)
	}
	for _, text := range []string{out.String(), errs.String()} {
		if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && (r < ' ' || r > '~') }); i >= 0 {
			t.Errorf("%s prints %q at %d", args, text, i)
		}
	}
	if n := strings.Count(errs.String(), "\n"); want != exitOK && n != 1 && out.Len() == 0 {
		t.Errorf("%s says %d lines: %q", args, n, errs.String())
	}
	return out.String(), errs.String()
}

func TestUsageExit(t *testing.T) {
	invoke(t, exitUsage, "localhost:x\x1b[2J")
	invoke(t, exitUsage, "localhost", "x\x1b[2J")
	invoke(t, exitUsage, "--\x1b[2J")
}

// TestAddress checks all ways to give the address of the monitor, and the defaults.
func TestAddress(t *testing.T) {
	for args, want := range map[[2]string]string{
		{"", ""}:                    "localhost:8135",
		{"9135", ""}:                "localhost:9135",
		{":9135", ""}:               "localhost:9135",
		{"web1", ""}:                "web1:8135",
		{"web1:9135", ""}:           "web1:9135",
		{"web1", "9135"}:            "web1:9135",
		{"10.0.0.1", ""}:            "10.0.0.1:8135",
		{"::1", ""}:                 "[::1]:8135",
		{"[::1]", ""}:               "[::1]:8135",
		{"[::1]:9135", ""}:          "[::1]:9135",
		{"::1", "9135"}:             "[::1]:9135",
		{"[fe80::1%eth0]", "9135"}:  "[fe80::1%eth0]:9135",
		{"[fe80::1%eth0]:9135", ""}: "[fe80::1%eth0]:9135",
	} {
		if got, err := address(args[0], args[1]); got != want || err != nil {
			t.Errorf("%q: %s, %v, want %s", args, got, err, want)
		}
	}
	for _, args := range [][2]string{{"0", ""}, {"70000", ""}, {"web1", "0"}, {"web1:", ""}, {"web1:x", ""}, {"a b", ""}, {"http://web1:8135", ""}, {"8135", "web1"}, {"web1:8135", "8135"}, {"[::1]:8135", "9135"}} {
		if got, err := address(args[0], args[1]); err == nil {
			t.Errorf("%q: %s", args, got)
		}
	}
}

// answers starts a server that sends body in response to every request.
func answers(t *testing.T, code int, body string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return portOf(t, server.Listener.Addr().String())
}

func istats(json string) string {
	return "<methodResponse><params><param><value><string>" + json + "</string></value></param></params></methodResponse>"
}

// TestStrangeAnswers checks how the old form of the command, statsdmonitor HOST PORT, reacts to
// servers that are not statsd.
func TestStrangeAnswers(t *testing.T) {
	for _, tt := range []struct {
		why    string
		code   int
		body   string
		exit   int
		output string // expected part of the output
	}{
		{"other types", 200, istats(`{"b":"x\u001b[2J","a":null,"c":[1, {}]}`), 0, "a: null\nb: \"x\\u001b[2J\"\nc: [1, {}]\n"},
		{"control characters", 200, istats("{\"a\":\"\u009b2J\u202e\u00e9\"}"), 0, `a: "\u009b2J\u202e\u00e9"`},
		{"a fault", 200, "<methodResponse><fault><value><struct><member><name>faultCode</name><value><int>-32601</int></value></member>" +
			"<member><name>faultString</name><value><string>no\n&#x9;such \u009bmethod</string></value></member></struct></value></fault></methodResponse>",
			1, `fault -32601: no\n\tsuch \u009bmethod`},
		{"an error", 403, "go\taway\r\nnow", 1, `HTTP status 403: go\taway`},
		{"an empty error", 500, "", 1, "HTTP status 500"},
		{"a page", 200, "<html><body>It works!</body></html>", 1, "the answer does not come from a monitor"},
		{"nothing", 200, "", 1, "the answer does not come from a monitor"},
		{"no object", 200, istats("[1]"), 1, "to the query istats is not a JSON object"},
		{"bad JSON", 200, istats("{"), 1, "to the query istats is not a JSON object"},
		{"too much", 200, istats(strings.Repeat(" ", answerLimit)), 1, "the answer has more than 1048576 bytes"},
		{"nesting", 200, strings.Repeat("<value><array><data>", 50_000), 1, "the answer does not come from a monitor"},
	} {
		stdout, stderr := invoke(t, tt.exit, "127.0.0.1", answers(t, tt.code, tt.body))
		if !strings.Contains(stdout+stderr, tt.output) {
			t.Errorf("%s: prints %q and %q, want %q", tt.why, stdout, stderr, tt.output)
		}
	}
	stdout, _ := invoke(t, exitOK, "--json", "127.0.0.1", answers(t, 200, istats("{\"\u009b\":\"\u202e\U0001F600\x7f\"}")))
	if want := `{"\u009b":"\u202e\ud83d\ude00\u007f"}` + "\n"; stdout != want {
		t.Errorf("--json prints %q, want %q", stdout, want)
	}
}

// TestDeepDiscards checks that a deeply nested response cannot exhaust the stack. It uses a report
// whose result may have any type.
func TestDeepDiscards(t *testing.T) {
	body := "<value><struct><member><name>reasons</name><value><struct><member><name>a</name><value>" +
		strings.Repeat("<array><data><value>", (answerLimit-200)/20)
	invoke(t, exitFailed, "--discards", "127.0.0.1", answers(t, 200, body))
}

// TestRedirect checks that the command follows no redirect.
func TestRedirect(t *testing.T) {
	server := httptest.NewServer(http.RedirectHandler("http://127.0.0.1:1/", http.StatusFound))
	defer server.Close()
	if _, stderr := invoke(t, exitFailed, "127.0.0.1", portOf(t, server.Listener.Addr().String())); !strings.Contains(stderr, "HTTP status 302") {
		t.Errorf("says %q", stderr)
	}
}

// TestSilence checks that the command stops after its timeout if a server never responds, or never completes its
// response.
func TestSilence(t *testing.T) {
	for why, answer := range map[string]string{
		"no answer": "", "no end": "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<value>",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
				return
			}
			_, _ = io.WriteString(conn, answer)
			_, _ = io.Copy(io.Discard, conn)
		}()
		_, stderr := invoke(t, exitFailed, "--timeout=100ms", "127.0.0.1", portOf(t, l.Addr().String()))
		if want := "no answer within 100ms: is this the port of a monitor"; !strings.Contains(stderr, want) {
			t.Errorf("%s: says %q, want %q", why, stderr, want)
		}
	}
}

// TestInterrupted checks that the command stops when it gets a signal.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		cancel()
		<-r.Context().Done()
	}))
	defer server.Close()
	var out, errs bytes.Buffer
	code := run(ctx, []string{"127.0.0.1", portOf(t, server.Listener.Addr().String())}, &out, &errs)
	if code != exitFailed || !strings.Contains(errs.String(), "interrupted") {
		t.Errorf("exits %d, says %q", code, &errs)
	}
}

// failingWriter is a standard output whose reader has closed the pipe.
type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, fmt.Errorf("broken pipe") }

func TestOutputFails(t *testing.T) {
	var errs bytes.Buffer
	code := run(t.Context(), []string{"--values", "127.0.0.1", startMonitor(t, fewFigures)}, failingWriter{}, &errs)
	if code != exitFailed || errs.String() != "statsdmonitor: broken pipe\n" {
		t.Errorf("exits %d, says %q", code, &errs)
	}
}

// TestUnbalancedExit checks the exit code for a ledger that does not balance.
func TestUnbalancedExit(t *testing.T) {
	port := startMonitor(t, ledgerFigures(map[string]float64{"samples.aggregated": 1}))
	invoke(t, exitUnbalanced, "--ledger", "127.0.0.1", port)
	invoke(t, exitOK, "127.0.0.1", port)
	invoke(t, exitOK, "--ledger", "127.0.0.1", startMonitor(t, ledgerFigures(nil)))
	invoke(t, exitFailed, "--ledger", "127.0.0.1", answers(t, 200, istats(`{"ledger.time":1,"samples.received":"x"}`)))
}
