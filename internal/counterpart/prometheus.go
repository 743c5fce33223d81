package counterpart

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// Prometheus is a Prometheus server (Debian's) for one test.
type Prometheus struct {
	// URL is its address, without a slash at the end.
	URL string

	t testing.TB
}

// StartPrometheus starts one with that configuration. It stops at the end of the test.
func StartPrometheus(t testing.TB, config string, flags ...string) *Prometheus {
	t.Helper()
	program := Find(t, "prometheus")
	dir, addr := t.TempDir(), FreeAddress(t).String()
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &Prometheus{URL: "http://" + addr, t: t}
	args := []string{"--config.file=" + file, "--storage.tsdb.path=" + filepath.Join(dir, "data"), "--web.listen-address=" + addr, "--log.level=warn"}
	process := start(t, "prometheus", dir, exec.Command(program, append(args, flags...)...))
	t.Cleanup(func() { _ = process.end(os.Kill) })
	process.await(func() bool { return answers(p.URL + "/-/ready") })
	return p
}

// answers reports whether a URL answers with 200.
func answers(url string) bool {
	response, err := http.Get(url)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// Get queries the API at a path such as "query" and reads the data of the answer.
func (p *Prometheus) Get(path string, query url.Values, data any) {
	p.t.Helper()
	response, err := http.Get(p.URL + "/api/v1/" + path + "?" + query.Encode())
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer := struct {
		Error string
		Data  any
	}{Data: data}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || response.StatusCode != http.StatusOK {
		p.t.Fatalf("prometheus: %s with %v: %s, %s %v", path, query, response.Status, answer.Error, err)
	}
}

// Series is a series with its newest value.
type Series struct {
	Labels map[string]string
	Value  float64
}

// Query evaluates an expression now. Its result must be series.
func (p *Prometheus) Query(expression string) (found []Series) {
	p.t.Helper()
	var vector struct {
		Result []struct {
			Metric map[string]string
			Value  [2]any // time, value
		}
	}
	p.Get("query", url.Values{"query": {expression}}, &vector)
	for _, r := range vector.Result {
		text, _ := r.Value[1].(string)
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			p.t.Fatalf("prometheus: %s: %v", expression, err)
		}
		found = append(found, Series{r.Metric, value})
	}
	return found
}
