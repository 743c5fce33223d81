package counterpart

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// VictoriaMetrics runs Debian's VictoriaMetrics for one test.
type VictoriaMetrics struct {
	// Addr is the server's "host:port".
	Addr string

	t testing.TB
}

// StartVictoriaMetrics starts a VictoriaMetrics with additional flags, and stops it at the end of
// the test.
func StartVictoriaMetrics(t testing.TB, flags ...string) *VictoriaMetrics {
	t.Helper()
	dir := t.TempDir()
	v := &VictoriaMetrics{Addr: FreeAddress(t).String(), t: t}
	all := append([]string{
		"-storageDataPath=" + filepath.Join(dir, "data"), "-httpListenAddr=" + v.Addr,
		"-loggerLevel=WARN", "-memory.allowedBytes=100MB", "-search.latencyOffset=0s",
	}, flags...)
	process := start(t, "victoria-metrics", dir, exec.Command(Find(t, "victoria-metrics"), all...))
	t.Cleanup(func() { _ = process.end(os.Kill) })
	process.await(func() bool { return answers("http://" + v.Addr + "/health") })
	return v
}

// Exported is a time series with all its values.
type Exported struct {
	Metric     map[string]string
	Values     []float64
	Timestamps []int64 // in Unix milliseconds
}

// Export returns the series that match a selector, without the marks of failed scrapes.
func (v *VictoriaMetrics) Export(selector string) (all []Exported) {
	v.t.Helper()
	response, err := http.Get("http://" + v.Addr + "/api/v1/export?match[]=" + url.QueryEscape(selector))
	if err != nil {
		v.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var in struct {
			Metric     map[string]string
			Values     []*float64 // null if a scrape failed
			Timestamps []int64
		}
		if err := json.Unmarshal(lines.Bytes(), &in); err != nil {
			v.t.Fatalf("victoria-metrics: %s: %v", lines.Text(), err)
		}
		e := Exported{Metric: in.Metric}
		for i, value := range in.Values {
			if value != nil {
				e.Values, e.Timestamps = append(e.Values, *value), append(e.Timestamps, in.Timestamps[i])
			}
		}
		all = append(all, e)
	}
	return all
}
