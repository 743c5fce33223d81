package counterpart

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/internal/wait"
)

// Graphite runs Debian's carbon-cache and graphite-web for one test. Carbon registers tagged series
// at graphite-web.
type Graphite struct {
	*Carbon
	// URL is the base URL of graphite-web, without a slash at the end.
	URL string
}

// StartGraphite starts carbon-cache and graphite-web, and stops them at the end of the test.
func StartGraphite(t testing.TB) *Graphite {
	t.Helper()
	Find(t, "graphite-manage")
	addr := FreeAddress(t).String()
	g := &Graphite{URL: "http://" + addr}
	g.Carbon = startCarbon(t, g.URL)
	g.serve(addr)
	return g
}

// serve runs graphite-web with the data files of carbon and its own database.
func (g *Graphite) serve(addr string) {
	g.t.Helper()
	storage := filepath.Join(g.dir, "storage")
	settings := strings.ReplaceAll(webSettings, "$DIR", storage)
	if err := os.WriteFile(filepath.Join(g.dir, "conf", "web_settings.py"), []byte(settings), 0o600); err != nil {
		g.t.Fatal(err)
	}
	django := func(args ...string) *exec.Cmd {
		c := exec.Command(python, append([]string{"-m", "django"}, args...)...)
		c.Dir = storage
		c.Env = append(os.Environ(), "PYTHONPATH="+filepath.Join(g.dir, "conf"),
			"GRAPHITE_SETTINGS_MODULE=web_settings", "DJANGO_SETTINGS_MODULE=graphite.settings")
		return c
	}
	if out, err := django("migrate", "--run-syncdb").CombinedOutput(); err != nil {
		g.t.Fatalf("graphite-web's database: %v:\n%s", err, out)
	}
	process := start(g.t, "graphite-web", g.dir, django("runserver", "--noreload", addr))
	g.t.Cleanup(func() { _ = process.end(os.Kill) })
	process.await(func() bool { return answers(g.URL + "/version") })
}

// Render queries Graphite's render API for a target. It returns the points of each series, keyed by name and Unix
// second. from and until are the first and the last Unix second of the range.
func (g *Graphite) Render(target string, from, until int64) (all map[string]map[int64]float64) {
	g.t.Helper()
	query := url.Values{
		"target": {target}, "format": {"json"}, "noCache": {"1"},
		"from": {strconv.FormatInt(from-1, 10)}, "until": {strconv.FormatInt(until, 10)},
	}
	wait.Until(g.t, "graphite-web reads only files that carbon has not finished", func() bool {
		response, err := http.Get(g.URL + "/render?" + query.Encode())
		if err != nil {
			g.t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(response.Body)
		// carbon creates a file without a lock, and graphite-web fails when it reads a file that has no header yet.
		if err == nil && response.StatusCode == http.StatusInternalServerError && bytes.Contains(body, []byte("Unable to read")) {
			return false
		}
		if err == nil && response.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s:\n%s", response.Status, body)
		}
		if err == nil {
			all, err = rendered(body)
		}
		if err != nil {
			g.t.Fatalf("render %s: %v", target, err)
		}
		return true
	})
	return all
}

// rendered parses an answer of the render API.
func rendered(body []byte) (map[string]map[int64]float64, error) {
	var found []struct {
		Target     string
		Datapoints [][2]*float64 // pairs of value and time
	}
	if err := json.Unmarshal(body, &found); err != nil {
		return nil, err
	}
	all := map[string]map[int64]float64{}
	for _, series := range found {
		points := map[int64]float64{}
		for _, p := range series.Datapoints {
			if p[0] != nil {
				points[int64(*p[1])] = *p[0]
			}
		}
		all[series.Target] = points
	}
	return all, nil
}

// Without these settings, graphite-web would use the database, the files and the name of this host.
const webSettings = `SECRET_KEY = 'test'
ALLOWED_HOSTS = ['127.0.0.1']
STORAGE_DIR = '$DIR'
LOG_DIR = '$DIR'
LOG_FILE_INFO = LOG_FILE_EXCEPTION = LOG_FILE_CACHE = LOG_FILE_RENDERING = '-'
CARBONLINK_HOSTS = []
TAGDB_CACHE_DURATION = 0
`
