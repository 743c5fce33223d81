package meta

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
)

func TestPage(t *testing.T) {
	source := exampleSource()
	addr := start(t, source, exampleValues(120))
	body := html.UnescapeString(get(t, addr, "/plain").body)
	for _, want := range []string{
		"statsd 1.2.3", "up 1 d 2 h", "OK: flushes come in time", "3,000,000,000<small>1,235/s",
		`<dd class="bad">10<small>`, "<td><code>graphite-2</code></td><td class=\"n\">51,000</td><td class=\"n\"></td>",
		"<td><code>graphite</code></td><td class=\"n\">52,000</td><td class=\"n\"></td><td class=\"n\"></td><td class=\"n\">12</td>",
		"<code>stats.web-01.hits</code></td><td class=\"n\">0.5</td>", "The latest 25 of 120",
		"<code>bad_value</code></td><td class=\"n\">9</td>", "bad_value, from [2001:db8::1]:4711", "no_value, from 192.0.2.1:5",
		Quote(everyByte()), `"<b>:1|c"`, "<code>stats.a</code>",
		"<code>web.hits.</code></td><td><code>--max-names</code></td><td class=\"n\">1,000 to 3,000,000</td>",
		"<code>users</code></td><td><code>--max-set-members</code></td><td class=\"n\">7</td>", "took 23.8 us", "<dt>last delivery</dt><dd>3 h 0 min ago",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(body, "bad_type") {
		t.Error("the page lists a reason that never occurred")
	}
	source.mu.Lock()
	source.health = exampleHealth()
	source.mu.Unlock()
	if body := get(t, addr, "/plain").body; !strings.Contains(body, "FAILING for 15m: sink &lt;graphite&gt; fails, and one more reason") ||
		!strings.Contains(body, "<title>failing") || !strings.Contains(body, "Effect: its points wait. Next: <code>statsdmonitor</code>. Ends when it accepts.") ||
		!strings.Contains(body, `<strong class="warn">the kernel dropped 3</strong>`) {
		t.Errorf("the page does not show the failure: %.400s", body)
	}
}

func TestPageFilter(t *testing.T) {
	addr := start(t, exampleSource(), exampleValues(300))
	for _, tt := range []struct {
		query string
		rows  int
		text  string
	}{
		{"/plain", 25, "The latest 25 of 300"},
		{"/plain?q=web-1", 110, "110 in all."},
		{"/plain?q=hits", 200, "The latest 200 of 300"},
		{"/plain?q=%3Cscript%3E", 0, "Nothing matches."},
		{"/plain?q=web-07&refresh=1", 1, "1 in all."},
	} {
		a := get(t, addr, tt.query)
		if rows := strings.Count(a.body, "<code>stats.web-"); rows != tt.rows || !strings.Contains(a.body, tt.text) {
			t.Errorf("%s: %d rows, want %d and %q", tt.query, rows, tt.rows, tt.text)
		}
		if want := strings.Contains(tt.query, "refresh"); (a.header.Get("Refresh") == "10") != want {
			t.Errorf("%s: Refresh is %q", tt.query, a.header.Get("Refresh"))
		}
		if strings.Contains(a.body, "<script>") {
			t.Errorf("%s: the query is in the page as markup", tt.query)
		}
	}
	if body := get(t, start(t, exampleSource(), kept{}), "/plain").body; !strings.Contains(body, "None yet") {
		t.Error("before the first flush, the page does not say that there are no values yet")
	}
}

// TestPageNewestFirst checks that the latest values come first, and that the page shows how many
// values are not kept.
func TestPageNewestFirst(t *testing.T) {
	now := time.Now().Unix()
	values := kept{values: []Value{{"a", 1, now - 10}, {"b", 1, now}, {"c", 1, now}}, missed: 2}
	body := get(t, start(t, exampleSource(), values), "/plain").body
	a, b, c := strings.Index(body, "<code>a<"), strings.Index(body, "<code>b<"), strings.Index(body, "<code>c<")
	if b < 0 || b > c || c > a {
		t.Errorf("a, b, c are at %d, %d, %d; want b, c, a", a, b, c)
	}
	if want := "2 more points of the last flush were published, but"; !strings.Contains(body, want) {
		t.Errorf("the page does not say %q", want)
	}
}

// TestPagePolicy checks that the Content-Security-Policy allows only the page's own style sheet.
func TestPagePolicy(t *testing.T) {
	a := get(t, start(t, exampleSource(), exampleValues(1)), "/plain")
	_, css, _ := strings.Cut(a.body, "<style>")
	css, _, _ = strings.Cut(css, "</style>")
	sum := sha256.Sum256([]byte(css))
	want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	if got := a.header.Get("Content-Security-Policy"); got != want {
		t.Errorf("the policy is %s, want %s", got, want)
	}
	if strings.Contains(a.body, "style=") || strings.Contains(a.body, "<script") {
		t.Error("the page contains things that its policy forbids")
	}
}

// TestPageInBrowser shows a line with every byte value in a real browser. The line must appear as
// text, and must not create an element.
func TestPageInBrowser(t *testing.T) {
	chromium := counterpart.Find(t, "chromium")
	source := exampleSource()
	source.discards.Lines = append(source.discards.Lines, BadLine{Line: []byte(`<script>document.title="owned"</script><img src=x onerror=alert(1)>"'`)})
	addr := start(t, source, exampleValues(3))
	dom, err := exec.CommandContext(t.Context(), chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--user-data-dir="+t.TempDir(), "--dump-dom", "http://"+addr+"/plain?q=web").Output()
	if err != nil {
		t.Fatal(err)
	}
	got := string(dom)
	for _, want := range []string{
		"<title>ok - statsd</title>",
		"<code>" + asText(Quote(everyByte())) + "</code>",
		"<code>" + asText(Quote(source.discards.Lines[3].Line)) + "</code>",
		"<code>stats.web-02.hits</code>",
		`<a href="/healthz">/healthz</a>`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the browser does not show %s", want)
		}
	}
	if strings.Contains(got, "<img") || strings.Contains(got, "<script") || strings.Count(got, "<section") != strings.Count(got, "</section>") {
		t.Errorf("a received line became part of the page: %s", got)
	}
}

// asText returns s as a browser serializes a text node.
func asText(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 0: "0 s", 23_800: "23.8 us", 1_500_000: "1.5 ms", 9_900 * time.Millisecond: "9.9 s",
		59 * time.Second: "59 s", 61 * time.Second: "1 min 1 s", 3661 * time.Second: "1 h 1 min", 49 * time.Hour: "2 d 1 h",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%d) = %q, want %q", d, got, want)
		}
	}
}

func TestGrouped(t *testing.T) {
	for f, want := range map[float64]string{
		0: "0", 999: "999", 1000: "1,000", -1234567.25: "-1,234,567.25", 2.38e-5: "0.0000238", 1e21: "1,000,000,000,000,000,000,000",
	} {
		if got := grouped(f); got != want {
			t.Errorf("grouped(%v) = %q, want %q", f, got, want)
		}
	}
}

// TestNewest compares the results of newest with the results of sorting all values.
func TestNewest(t *testing.T) {
	var values []Value
	for i := range 500 {
		values = append(values, Value{Path: fmt.Sprintf("%03d", i), Time: int64(i * 7919 % 50)})
	}
	want := slices.Clone(values)
	slices.SortStableFunc(want, func(a, b Value) int { return cmp.Compare(b.Time, a.Time) })
	for _, limit := range []int{1, 25, 499, 500, 600} {
		got, found := newest(values, limit, func(string) bool { return true })
		if found != 500 || !slices.Equal(got, want[:min(limit, 500)]) {
			t.Errorf("the newest %d of %d are %v", limit, found, got)
		}
	}
	if got, found := newest(values, 3, func(path string) bool { return strings.Contains(path, "49") }); found != 15 || len(got) != 3 {
		t.Errorf("of those with 49 in their path, %d, the newest are %v", found, got)
	}
}

// TestFigureText checks the text of figures that are times or durations.
func TestFigureText(t *testing.T) {
	for _, tt := range []struct {
		name  string
		value float64
		want  string
	}{
		{"sink.a.accepted.time", 1795262460, "2026-11-21 12:01:00"}, {"sink.a.accepted.time", 0, "never"}, {"start_time", 1795262460, "2026-11-21 12:01:00"},
		{"sink.a.behind", 72.5, "1 min 12 s"}, {"cpu.used", 7261, "2 h 1 min"}, {"flush_duration", 0.0123, "12.3 ms"}, {"render.time", 2, "2.0 s"},
		{"sink.a.up", 1, "1"}, {"names.limit", 2e6, "2,000,000"},
	} {
		if got := figureText(Figure{Name: tt.name, Value: tt.value}); got != tt.want {
			t.Errorf("%s is shown as %q, want %q", tt.name, got, tt.want)
		}
	}
}
