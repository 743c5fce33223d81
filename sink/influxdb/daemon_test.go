package influxdb_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/wait"
)

// send sends lines to a daemon over TCP, so that no line is lost.
func send(t *testing.T, addr string, lines ...string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := io.WriteString(c, strings.Join(lines, "\n")+"\n"); err != nil {
		t.Fatal(err)
	}
}

// figure reads the value of a metric from a daemon's /metrics page. It returns 0 if the page does not have the
// metric.
func figure(t *testing.T, d *counterpart.Daemon, name string) float64 {
	t.Helper()
	response, err := http.Get("http://" + d.Monitor + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindSubmatch(text)
	if found == nil {
		return 0
	}
	v, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestRealOutage stops a real InfluxDB and starts it again. The counts that were received during the outage must arrive
// without loss or duplicates. The test also reads back metrics of all kinds, with tags.
func TestRealOutage(t *testing.T) {
	db := counterpart.StartInfluxDB(t)
	db.Query("", "CREATE DATABASE statsd")
	d := counterpart.StartDaemon(t, "--flush-interval", "1", "--counters", "count", "--tags", "graphite",
		"--spool-dir", t.TempDir(), "--sink", "influxdb://"+db.Addr+"?db=statsd")
	sum := func() float64 {
		rows := db.Query("statsd", "SELECT sum(count) FROM hits GROUP BY host")
		if len(rows) != 1 {
			return 0
		}
		v, _ := rows[0]["sum"].(float64)
		return v
	}
	send(t, d.Addr, "hits:1|c|#host:a", "g:5|g", "u:x|s", "u:y|s", "t:20|ms")
	wait.Until(t, "the first count is not there", func() bool { return sum() == 1 })
	db.Stop()
	for range 5 {
		send(t, d.Addr, "hits:10|c|#host:a")
		before := figure(t, d, "statsd_last_flush_timestamp_seconds")
		wait.Until(t, "no flush", func() bool { return figure(t, d, "statsd_last_flush_timestamp_seconds") > before || before == 0 })
	}
	wait.Until(t, "nothing waits", func() bool {
		return figure(t, d, `statsd_sink_waiting_points{sink="influxdb",where="spool"}`) > 0
	})
	db.Start()
	wait.Until(t, "the counts of the outage are not there", func() bool { return sum() == 51 })
	for query, want := range map[string]float64{
		`SELECT last(value) AS v FROM g`: 5, `SELECT max(count) AS v FROM u`: 2, `SELECT max(upper_90) AS v FROM t`: 20, `SELECT max(value) AS v FROM "statsd.sinks"`: 1,
	} {
		if rows := db.Query("statsd", query); len(rows) != 1 || rows[0]["v"] != want {
			t.Errorf("%s: %v, want %v", query, rows, want)
		}
	}
}

// refuser is a receiver that answers every second request with status 400.
type refuser struct {
	mu             sync.Mutex
	bodies         int
	taken, refused int // numbers of accepted and refused lines
}

func (r *refuser) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	unpacked, err := gzip.NewReader(request.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	body, _ := io.ReadAll(unpacked)
	r.mu.Lock()
	defer r.mu.Unlock()
	lines := bytes.Count(body, []byte("\n"))
	if r.bodies++; r.bodies%2 == 0 {
		r.refused += lines
		http.Error(w, `{"error":"I do not like this"}`, http.StatusBadRequest)
		return
	}
	r.taken += lines
	w.WriteHeader(http.StatusNoContent)
}

func (r *refuser) counts() (taken, refused int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.taken, r.refused
}

// TestRefuser uses a receiver that refuses every second payload. Only the lines in these payloads may be lost,
// and the daemon must count the same number of lines as the receiver.
func TestRefuser(t *testing.T) {
	soak.Slow(t)
	r := &refuser{}
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	d := counterpart.StartDaemon(t, "--flush-interval", "0.1", "--sink", "influxdb://"+strings.TrimPrefix(s.URL, "http://")+"?db=statsd")
	for i := range 50 {
		send(t, d.Addr, fmt.Sprintf("hits%d:1|c", i))
	}
	wait.Until(t, "the daemon and the receiver do not count the same", func() bool {
		taken, refused := r.counts()
		delivered := figure(t, d, `statsd_sink_points_total{sink="influxdb",what="delivered"}`)
		dropped := figure(t, d, `statsd_sink_points_dropped_total{sink="influxdb",reason="refused"}`)
		after, _ := r.counts()
		return taken == after && taken > 50 && refused > 0 && delivered <= float64(taken) && float64(taken)-delivered < 200 && dropped > 0 && dropped <= float64(refused)
	})
}
