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

// Prometheus runs Debian's Prometheus server for one test.
type Prometheus struct {
	// URL is the server's base URL, without a slash at the end.
	URL string

	t testing.TB
}

// StartPrometheus starts a Prometheus server with the given configuration, and stops it at the end
// of the test.
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

// answers reports whether a GET request to url returns status 200.
func answers(url string) bool {
	response, err := http.Get(url)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// Get queries the HTTP API at a path such as "query", and decodes the data field of the response.
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

// Series is a time series with its latest value.
type Series struct {
	Labels map[string]string
	Value  float64
}

// Query evaluates an expression at the current time. The result must be an instant vector.
func (p *Prometheus) Query(expression string) (found []Series) {
	p.t.Helper()
	var vector struct {
		Result []struct {
			Metric map[string]string
			Value  [2]any // time and value
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
