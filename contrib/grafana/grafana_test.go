// Package grafana_test runs each query of the dashboards on a real Prometheus or Graphite server.
package grafana_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/wait"
)

type source struct{ Type, UID string }

// dashboard contains the fields of Grafana's dashboard format that the tests need.
type dashboard struct {
	Title, UID string
	Templating struct {
		List []struct {
			Name, Type string
			Query      any
		}
	}
	Panels []panel
}

type panel struct {
	ID          int
	Type, Title string
	Datasource  source
	GridPos     struct{ X, Y, W, H int }
	Targets     []struct {
		RefID, Expr, Target string
		Datasource          source
	}
}

func load(t *testing.T, file, kind string) *dashboard {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d := &dashboard{}
	if err := json.Unmarshal(text, d); err != nil {
		t.Fatal(err)
	}
	d.check(t, kind)
	return d
}

// check looks for mistakes in a dashboard. Grafana would show a dashboard with such mistakes wrongly,
// or not at all.
func (d *dashboard) check(t *testing.T, kind string) {
	t.Helper()
	if d.Title == "" || d.UID == "" || len(d.Panels) < 20 {
		t.Errorf("%s, %s: %d panels", d.Title, d.UID, len(d.Panels))
	}
	if first := d.Templating.List[0]; first.Name != "datasource" || first.Query != kind {
		t.Errorf("the first variable is %+v", first)
	}
	wanted := source{kind, "${datasource}"}
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.Title == "" {
			t.Errorf("panel %d %q: the id is not unique, or the title is missing", p.ID, p.Title)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, is := taken[[2]int{x, y}]; is || x >= 24 {
					t.Fatalf("%s lies over %s, or beyond the page", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if (p.Type == "row") != (len(p.Targets) == 0) || p.Type != "row" && p.Datasource != wanted {
			t.Errorf("%s: %d queries of %v", p.Title, len(p.Targets), p.Datasource)
		}
		for _, target := range p.Targets {
			if target.Datasource != wanted || target.RefID == "" {
				t.Errorf("%s: %+v", p.Title, target)
			}
		}
	}
}

// queries returns all queries of a dashboard. It replaces the variables in them.
func (d *dashboard) queries(t *testing.T, variables *strings.Replacer) (all []string) {
	t.Helper()
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			query := variables.Replace(target.Expr + target.Target)
			if query == "" || strings.Contains(query, "$") {
				t.Errorf("%s: a query is empty, or has an unknown variable: %q", p.Title, query)
			}
			all = append(all, query)
		}
	}
	return all
}

// send sends lines to a daemon. One of the lines is bad.
func send(t *testing.T, daemon *counterpart.Daemon) {
	t.Helper()
	conn, err := net.Dial("udp", daemon.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprint(conn, "a:1|c\nb:1|ms\nc:1|g\nbad\n"); err != nil {
		t.Fatal(err)
	}
}

const deadSink = "graphite://127.0.0.1:1?name=dead"

var labelValues = regexp.MustCompile(`^label_values\((.*), (\w+)\)$`)

func TestPrometheusDashboard(t *testing.T) {
	t.Parallel()
	d := load(t, "statsd-prometheus.json", "prometheus")
	variables := strings.NewReplacer("$job", ".+", "$instance", ".+", "$__rate_interval", "5s", "$__range", "1h")
	queries := d.queries(t, variables)

	soak.Slow(t)
	counterpart.Find(t, "prometheus")
	daemon := counterpart.StartDaemon(t, "--flush-interval", "0.5", "--sink", deadSink, "--sink", "stdout://")
	p := counterpart.StartPrometheus(t, "scrape_configs: [{job_name: statsd, scrape_interval: 250ms, static_configs: [{targets: ['"+daemon.Monitor+"']}]}]")
	send(t, daemon)
	for _, query := range queries {
		wait.Until(t, query+" has no result", func() bool { return len(p.Query(query)) > 0 })
	}
	for _, v := range d.Templating.List[1:] {
		question, _ := v.Query.(map[string]any)
		text, _ := question["query"].(string)
		parts := labelValues.FindStringSubmatch(variables.Replace(text))
		if parts == nil {
			t.Fatalf("the query of $%s is %q", v.Name, text)
		}
		var values []string
		if p.Get("label/"+parts[2]+"/values", url.Values{"match[]": {parts[1]}}, &values); len(values) != 1 {
			t.Errorf("$%s has the values %q", v.Name, values)
		}
	}
}

func TestGraphiteDashboard(t *testing.T) {
	t.Parallel()
	d := load(t, "statsd-graphite.json", "graphite")
	queries := d.queries(t, strings.NewReplacer("$prefix", "own.statsd"))
	if prefix := d.Templating.List[1]; prefix.Name != "prefix" || prefix.Query != "statsd" {
		t.Errorf("the second variable is %+v, want the default of --metadata-prefix", prefix)
	}

	soak.Slow(t)
	from := time.Now().Unix()
	graphite := counterpart.StartGraphite(t)
	daemon := counterpart.StartDaemon(t, "--flush-interval", "1", "--prefix", "own", "--sink", "graphite://"+graphite.Addr+"?name=main", "--sink", deadSink)
	send(t, daemon)
	for _, query := range queries {
		wait.Until(t, query+" has no values", func() bool { return drawn(graphite.Render(query, from, time.Now().Unix())) })
	}
	for sink, want := range map[string]float64{"main": 1, "dead": 0} {
		wait.Until(t, sink+" has another state", func() bool {
			points := graphite.Render("own.statsd.sink."+sink+".up", from, time.Now().Unix())
			for _, value := range points["own.statsd.sink."+sink+".up"] {
				if value == want {
					return true
				}
			}
			return false
		})
	}
}

// drawn reports whether a graph would show anything: whether there is a series with values.
func drawn(all map[string]map[int64]float64) bool {
	for _, points := range all {
		if len(points) == 0 {
			return false
		}
	}
	return len(all) > 0
}
