package server

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/httpgate/httpgatetest"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/meta/access"
	"github.com/statsd-ops/statsd/meta/api/apitest"
	"github.com/statsd-ops/statsd/meta/question"
)

// TestEveryPath requests every path of the JSON API with each role, and compares the answers with
// the OpenAPI description.
func TestEveryPath(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	cfg := config()
	cfg.MonitorHost, cfg.MonitorPort = "0.0.0.0", 0
	var err error
	cfg.MonitorTokens, err = access.ParseTokens(fmt.Appendf(nil, "read page %x\noperate alice %x\n", sha256.Sum256([]byte("reading")), sha256.Sum256([]byte("operating"))))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Described = func() question.Config {
		return question.Config{Files: []string{"a.conf"}, Settings: []question.Setting{}}
	}
	d := start(t, cfg)
	d.deliver(d.dial("udp"), "web.a:1|c\nweb.b:2|g\nbad")
	request := func(method, path, body, token string) (int, string) {
		t.Helper()
		time.Sleep(10 * time.Millisecond) // the API allows a client 100 requests a second
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+d.MonitorAddr().String()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/json")
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		return d.send(r, nil)
	}
	for path, want := range map[string]int{"/livez": 200, "/readyz": 200, "/healthz": 401, "/metrics": 401, "/plain": 401} {
		if got, _ := request("GET", path, "", ""); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
		if got, _ := request("POST", path, "", ""); got != 401 {
			t.Errorf("POST %s: %d", path, got)
		}
	}
	_, text := request("GET", "/api/v1/openapi.json", "", "")
	description := apitest.Parse(t, text)
	for path := range description.At("paths") {
		if path == "/api/v1/" || path == "/api/v1/openapi.json" || path == "/api/v1/live" {
			continue
		}
		method, query, body := "GET", "", "{}"
		operation := description.At("paths", path, "get")
		if operation == nil {
			method, body = "POST", bodyFor(path)
		}
		if operation != nil {
			query = queryFor(operation)
		}
		want := map[string]int{"": 401, "wrong": 401, "reading": 200, "operating": 200}
		if method == "POST" {
			want["reading"] = 403
		}
		for token, code := range want {
			if path == "/api/v1/names/unmute" {
				request("POST", "/api/v1/names/mute", body, "operating")
			}
			got, text := request(method, path+query, body, token)
			if got != code {
				t.Errorf("%s %s%s with token %q: %d %s, want %d", method, path, query, token, got, text, code)
			}
			for _, fault := range description.Check(method, path, got, text) {
				t.Errorf("%s in %s", fault, text)
			}
		}
	}
	if got, _ := request("GET", "/metrics", "", "reading"); got != 200 {
		t.Errorf("/metrics with a token: %d", got)
	}
}

// bodyFor returns a valid request body for a change.
func bodyFor(path string) string {
	switch path {
	case "/api/v1/debug", "/api/v1/names/mute", "/api/v1/names/unmute", "/api/v1/names/delete":
		return `{"match":"none"}`
	}
	return "{}"
}

// queryFor returns a query string with all required parameters. If an operation watches traffic,
// the string sets the shortest possible time.
func queryFor(operation map[string]any) string {
	query := "?"
	parameters, _ := operation["parameters"].([]any)
	for _, one := range parameters {
		p := one.(map[string]any)
		schema := p["schema"].(map[string]any)
		switch {
		case p["name"] == "name":
			query += "&name=names"
		case p["required"] == true:
			query += fmt.Sprintf("&%s=web.a", p["name"])
		case p["name"] == "seconds" && schema["maximum"] == 30.0:
			query += fmt.Sprintf("&seconds=%v", schema["minimum"])
		}
	}
	return strings.TrimSuffix(strings.Replace(query, "?&", "?", 1), "?")
}

// A monitor with TLS has the same protections as a monitor without TLS.
func TestMonitorTLS(t *testing.T) {
	t.Parallel()
	authority := counterpart.NewAuthority(t)
	cfg := config()
	cfg.MonitorPort = 0
	cfg.MonitorCert, cfg.MonitorKey = authority.Issue("127.0.0.1")
	d := start(t, cfg)
	httpgatetest.CheckTLS(t, d.MonitorAddr().String(), "/readyz", authority.Client())
}
