//go:build linux

package main

import (
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func TestPageAddsUpCounters(t *testing.T) {
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "# TYPE app_web counter\napp_web{host=\"a b\"} 2.5\napp_web{host=\"c\"} 1e2\nrpc_web 7\n")
	}))
	c := &carbon{counters: names{"app_", ""}}
	c.readPage(t.Context(), page.URL)
	page.Close()
	c.readPage(t.Context(), page.URL) // the daemon has exited, so the last page that was read is kept
	if got := c.snapshot(); got.sum != 102.5 || got.lines != 4 {
		t.Errorf("got a sum of %v on %d lines, want 102.5 on 4", got.sum, got.lines)
	}
}

// field returns an encoded protobuf field whose value is a sequence of bytes.
func field(number int, value []byte) []byte {
	key := binary.AppendUvarint(nil, uint64(number)<<3|2)
	return slices.Concat(binary.AppendUvarint(key, uint64(len(value))), value)
}

func TestOTLPAddsUpCounters(t *testing.T) {
	fixed := func(number int, bits uint64) []byte {
		return binary.LittleEndian.AppendUint64(binary.AppendUvarint(nil, uint64(number)<<3|1), bits)
	}
	sum := func(points ...[]byte) (all []byte) {
		for _, p := range points {
			all = append(all, field(1, p)...)
		}
		return field(7, append(all, 2<<3, 1)) // the field aggregation_temporality with the value delta
	}
	metric := func(name string, data []byte) []byte { return field(2, slices.Concat(field(1, []byte(name)), data)) }
	request := field(1, field(2, slices.Concat(
		metric("app.a", sum(fixed(4, math.Float64bits(2.5)), fixed(6, 40))),
		metric("rpc.a", sum(fixed(6, 1000))))))
	var zipped bytes.Buffer
	zip := gzip.NewWriter(&zipped)
	_, _ = zip.Write(request)
	_ = zip.Close()

	c := &carbon{counters: names{"app.", ""}}
	post := func(body []byte, encoding string) int {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/metrics", bytes.NewReader(body))
		r.Header.Set("Content-Encoding", encoding)
		w := httptest.NewRecorder()
		c.takeOTLP(w, r)
		return w.Code
	}
	if a, b := post(request, ""), post(zipped.Bytes(), "gzip"); a != http.StatusOK || b != http.StatusOK {
		t.Errorf("answers %d and %d", a, b)
	}
	if got := c.snapshot(); got.sum != 85 || got.lines != 4 {
		t.Errorf("got a sum of %v in %d metrics, want 85 in 4", got.sum, got.lines)
	}
	for end := range len(request) - 1 {
		if end > 0 && post(request[:end], "") == http.StatusOK {
			t.Errorf("a request that ends after %d bytes is taken", end)
		}
	}
}

func TestSign(t *testing.T) {
	mac := hmac.New(sha256.New, []byte(benchKey))
	a, b := sign(nil, mac, 1, []byte("a:1|c")), sign(nil, mac, 2, []byte("a:1|c"))
	if bytes.Equal(a[:32], b[:32]) {
		t.Error("two datagrams have one signature, and the second would be refused")
	}
	want := hmac.New(sha256.New, []byte(benchKey))
	want.Write(a[32:])
	if !hmac.Equal(a[:32], want.Sum(nil)) || string(a[44:]) != "a:1|c" {
		t.Errorf("signed as %x", a)
	}
}

func TestTrafficWithTags(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range (traffic{mix: onlyCounters, names: 100, pack: packed, tags: 8}).packets() {
		for line := range strings.Lines(string(p.data)) {
			name, rest, _ := strings.Cut(line, ":")
			_, tags, _ := strings.Cut(strings.TrimSpace(rest), "|#")
			if strings.Count(tags, ",") != 7 {
				t.Fatalf("line %q does not have 8 tags", line)
			}
			seen[name+tags] = true
		}
	}
	if len(seen) != 100 {
		t.Errorf("%d series, want 100", len(seen))
	}
}

func TestTrafficByZipf(t *testing.T) {
	often := map[string]int{}
	lines := 0
	for _, p := range (traffic{mix: onlyCounters, names: 10_000, pack: packed, zipf: true}).packets() {
		for line := range strings.Lines(string(p.data)) {
			name, _, _ := strings.Cut(line, ":")
			often[name]++
			lines++
		}
	}
	if lines != fewest || len(often) < 1000 || often["app"+name(0)] < lines/20 {
		t.Errorf("%d lines with %d names, the first of them %d times", lines, len(often), often["app"+name(0)])
	}
}

func TestTrafficOnce(t *testing.T) {
	if got := count((traffic{mix: onlyCounters, names: 100, pack: packed, once: true}).packets()); got != 100 {
		t.Errorf("%d metrics of 100 names", got)
	}
}

// TestTrafficDrawn checks that random metrics have the names and the kinds of the whole traffic.
func TestTrafficDrawn(t *testing.T) {
	all := traffic{mix: allKinds, names: 1000, pack: packed}
	names := func(tr traffic) (lines int, names map[string]bool) {
		names = map[string]bool{}
		for _, p := range tr.packets() {
			for line := range strings.Lines(string(p.data)) {
				name, _, _ := strings.Cut(line, ":")
				names[name] = true
				lines++
			}
		}
		return lines, names
	}
	_, known := names(all)
	all.drawn = 3000
	lines, drawn := names(all)
	if lines != 3000 || len(drawn) < 900 {
		t.Errorf("%d lines with %d names, want 3000 lines with about 950 names", lines, len(drawn))
	}
	for name := range drawn {
		if !known[name] {
			t.Errorf("the name %s is not in the whole traffic", name)
		}
	}
}

func TestFiftyGlobs(t *testing.T) {
	if got := strings.Count(globs(), "- match:"); got != 50 {
		t.Errorf("%d globs", got)
	}
}

// Each workload with peers compares at least two daemons. Each daemon and each variant takes part in a workload.
func TestWorkloadsHavePeers(t *testing.T) {
	used := map[string]bool{}
	for _, w := range workloads() {
		rows := 0
		for _, p := range peers("statsd") {
			if p.takesPart(w) {
				used[p.name] = true
				rows++
			}
		}
		if rows < 2 && w.peers != "none" {
			t.Errorf("%s compares %d daemons", w.name, rows)
		}
	}
	for _, p := range peers("statsd") {
		if !used[p.name] {
			t.Errorf("%s takes part in no workload", p.name)
		}
	}
}

// TestAims checks where the results for each aim can be found (aim.where). Each part of this text
// must name a workload, or be a command.
func TestAims(t *testing.T) {
	for _, a := range aims() {
		for where := range strings.SplitSeq(a.where, "; ") {
			name, _, _ := strings.Cut(where, ":")
			if _, err := choose(name, workloads(), workloadName); err != nil && !strings.HasPrefix(where, "`") {
				t.Errorf("%s: %v", a.question, err)
			}
		}
	}
}

func TestReport(t *testing.T) {
	one := func(name string, cpu float64) *row {
		p := peers("statsd")[slices.IndexFunc(peers("statsd"), func(p peer) bool { return p.name == name })]
		return &row{peer: p, rounds: []round{{
			paced:   &measured{cpu: cpu, steadyCPU: cpu, received: 1, rss: 200 << 20},
			drained: &measured{rate: 1e6 / cpu, received: 1},
		}}}
	}
	r := newReport([]string{"go run ./bench"})
	r.load = 9.3
	for _, w := range workloads() {
		r.add(&table{workload: w, rows: []*row{one("floor", 2), one("statsd", 1), one("collectd", 3)}})
	}
	text := r.String()
	head := strings.Join(strings.Split(text, "\n")[:10], "\n")
	for _, want := range []string{"busy with other programs (load 9.3)", "statsd needs 0.50 ×", "3.0 × as much (collectd)", "**Lost**: nothing"} {
		if !strings.Contains(head, want) {
			t.Errorf("the first ten lines do not say %q:\n%s", want, head)
		}
	}
	r.tables[2].rows[1].rounds[0].paced.received = 0.99
	if text := r.String(); !strings.Contains(text, "**Lost**: in W3 1.000 % (statsd)") {
		t.Errorf("the loss is not reported:\n%s", text)
	}
}
