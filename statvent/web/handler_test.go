package web

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/statsd-ops/statsd/statvent"
	"github.com/statsd-ops/statsd/statvent/pipes"
)

// get serves one request, and parses the JSON in the response.
func get(t *testing.T, h http.Handler, method, target string) (status int, answer map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, target, nil))
	body, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("%s %s: Content-Type %q", method, target, got)
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatalf("%s %s: %v in %q", method, target, err, body)
	}
	return w.Code, answer
}

func serve(t *testing.T, r *statvent.Registry) *Handler {
	t.Helper()
	dir := t.TempDir()
	rec, err := statvent.NewRecorder(r, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rec.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return &Handler{Reader: pipes.Reader{Dir: dir, Timeout: 20 * time.Second}}
}

func TestStats(t *testing.T) {
	var r statvent.Registry
	r.Incr("requests", 42)
	r.Record("lat.{0}", 0.25)
	r.Set("caf\xe9 \xff", 1)
	r.Set("<café>", 9007199254740993)
	h := serve(t, &r)
	if err := os.WriteFile(filepath.Join(h.Reader.Dir, "x.stats"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before := float64(time.Now().UnixMicro()) / 1e6
	status, v := get(t, h, "GET", "/stats")
	stats, _ := v["stats"].(map[string]any)
	for name, want := range map[string]float64{"requests": 42, "lat.95th": 0.25, `caf\xe9 \xff`: 1, "<café>": 9007199254740993} {
		if stats[name] != want {
			t.Errorf("%s is %v, want %v", name, stats[name], want)
		}
	}
	if status != http.StatusOK || len(stats) != 8 || v["processes"] != nil {
		t.Errorf("status %d: %v", status, v)
	}
	if ts, _ := v["timestamp"].(float64); ts < before || ts > before+60 {
		t.Errorf("timestamp %v, want one soon after %v", v["timestamp"], before)
	}
	counts, _ := v["pipes"].(map[string]any)
	if errs, _ := counts["errors"].([]any); counts["read"] != 1.0 || counts["refused"] != 1.0 || len(errs) != 1 {
		t.Errorf("pipes: %v", counts)
	}

	_, v = get(t, h, "GET", "/stats?per-process=1")
	processes, _ := v["processes"].(map[string]any)
	if own, _ := processes[strconv.Itoa(os.Getpid())].(map[string]any); len(processes) != 1 || own["requests"] != 42.0 {
		t.Errorf("processes: %v", processes)
	}
}

func TestRequests(t *testing.T) {
	h := &Handler{Reader: pipes.Reader{Dir: filepath.Join(t.TempDir(), "none")}, Path: "/s"}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		why, method, target string
		h                   *Handler
		status              int
		want                string // expected somewhere in the response
	}{
		{"no process has a pipe", "GET", "/s", h, 200, `stats:map[]`},
		{"without processes", "GET", "/s?per-process=0", h, 200, `stats:map[]`},
		{"with processes, but there are none", "GET", "/s?per-process=true", h, 200, `processes:map[]`},
		{"another path", "GET", "/stats", h, 404, `path:/stats`},
		{"a longer path", "GET", "/s/", h, 404, `path:/s/`},
		{"another method", "POST", "/s", h, 405, `GET and HEAD`},
		{"a bad query", "GET", "/s?per-process=maybe", h, 400, `per-process: must be 1 or 0`},
		{"the default path", "GET", "/stats", &Handler{Reader: h.Reader}, 200, `stats:map[]`},
		{"no directory", "GET", "/stats", &Handler{Reader: pipes.Reader{Dir: file}}, 500, `cannot list the pipes in ` + file},
	} {
		status, v := get(t, tt.h, tt.method, tt.target)
		if status != tt.status || !strings.Contains(fmt.Sprint(v), tt.want) {
			t.Errorf("%s: %d %v, want %d and %q", tt.why, status, v, tt.status, tt.want)
		}
	}
}

func TestClientsAtOnce(t *testing.T) {
	var r statvent.Registry
	r.Incr("requests", 1)
	server := httptest.NewServer(serve(t, &r))
	defer server.Close()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 10 {
				resp, err := http.Get(server.URL + "/stats")
				if err != nil {
					t.Error(err)
					return
				}
				body, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if err != nil || !strings.Contains(string(body), `"requests":1`) {
					t.Errorf("%v: %s", err, body)
				}
			}
		})
	}
	wg.Wait()
}

// TestClientLeaves checks that a reading continues when a client closes the connection, because other clients may
// share the reading.
func TestClientLeaves(t *testing.T) {
	var r statvent.Registry
	r.Incr("requests", 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	serve(t, &r).ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/stats", nil))
	if !strings.Contains(w.Body.String(), `"requests":1`) {
		t.Errorf("got %s", w.Body)
	}
}

// TestReadings checks that requests during a reading share the next reading. No request may get a reading that
// started before the request.
func TestReadings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rs readings
		var running, reads atomic.Int32
		read := func() reading {
			if running.Add(1) > 1 {
				t.Error("two readings at the same time")
			}
			reads.Add(1)
			began := time.Now()
			time.Sleep(time.Second)
			running.Add(-1)
			return reading{at: began}
		}
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				asked := time.Now()
				if got := rs.next(read); got.at.Before(asked) {
					t.Errorf("asked at %v, got a reading of %v", asked, got.at)
				}
			})
			time.Sleep(25 * time.Millisecond)
		}
		wg.Wait()
		if n := reads.Load(); n != 4 {
			t.Errorf("%d readings in 3.5 s, of 1 s each, want 4", n)
		}
	})
}
