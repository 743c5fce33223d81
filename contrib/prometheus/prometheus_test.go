// Package prometheus_test tests the alert rules, and scrapes a daemon with the real Prometheus.
package prometheus_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/meta"
)

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestPromtool checks the files with promtool, and runs the tests of the alert rules.
func TestPromtool(t *testing.T) {
	t.Parallel()
	soak.Slow(t)
	promtool := counterpart.Find(t, "promtool")
	for _, args := range [][]string{
		{"check", "config", "prometheus.yml"}, {"check", "rules", "statsd.rules.yml"}, {"test", "rules", "statsd.rules.test.yml"},
	} {
		out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput()
		if err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

var (
	inRules = regexp.MustCompile(`reason="([a-z_]+)"`)
	inTests = regexp.MustCompile(`alertname: (Statsd\w+)\n`)
	alert   = regexp.MustCompile(`alert: (Statsd\w+)\n`)
)

// found returns the text of the first group, for each match of a pattern.
func found(pattern *regexp.Regexp, text string) map[string]bool {
	all := map[string]bool{}
	for _, match := range pattern.FindAllStringSubmatch(text, -1) {
		all[match[1]] = true
	}
	return all
}

// TestReasons checks that there is an alert for each health reason, and a test for
// each alert.
func TestReasons(t *testing.T) {
	rules := read(t, "statsd.rules.yml")
	reasons := found(inRules, rules)
	for _, id := range meta.ReasonIDs() {
		if !reasons[id] {
			t.Errorf("no alert for %s", id)
		}
		delete(reasons, id)
	}
	if len(reasons) > 0 {
		t.Errorf("alerts for reasons that do not exist: %v", reasons)
	}
	tested := found(inTests, read(t, "statsd.rules.test.yml"))
	for name := range found(alert, rules) {
		if !tested[name] {
			t.Errorf("no test of %s", name)
		}
	}
}

// configOf returns the example configuration with the address of a daemon and shorter intervals.
func configOf(t *testing.T, daemon *counterpart.Daemon) string {
	t.Helper()
	rules, err := filepath.Abs("statsd.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	config := read(t, "prometheus.yml")
	for old, new := range map[string]string{"localhost:8135": daemon.Monitor, "statsd.rules.yml": rules, "interval: 10s": "interval: 1s"} {
		if !strings.Contains(config, old) {
			t.Fatalf("no %s in prometheus.yml", old)
		}
		config = strings.ReplaceAll(config, old, new)
	}
	return config
}

// TestScrape checks how Prometheus reads the metrics of a daemon. The daemon has a sink that cannot
// be reached.
func TestScrape(t *testing.T) {
	t.Parallel()
	soak.Slow(t)
	counterpart.Find(t, "prometheus")
	daemon := counterpart.StartDaemon(t, "--flush-interval", "0.5", "--pipe-dir", t.TempDir(),
		"--sink", "graphite://127.0.0.1:1?name=dead", "--sink", "load://127.0.0.1:0")
	p := counterpart.StartPrometheus(t, configOf(t, daemon))
	wait.Until(t, "the rule of a dead sink does not fire", func() bool {
		return len(p.Query(`ALERTS{alertname="StatsdSinkFailing", alertstate=~"pending|firing", sink="dead"}`)) > 0
	})
	checkTarget(t, p)
	checkRules(t, p)
	checkTypes(t, p, daemon)
	checkReadme(t, p)
	if kinds := p.Query(`statsd_sink_errors_total{kind="socket"}`); len(kinds) != 1 || kinds[0].Value == 0 || kinds[0].Labels["sink"] != "dead" {
		t.Errorf("failed attempts: %v", kinds)
	}
}

// checkTarget checks that no scrape has failed.
func checkTarget(t *testing.T, p *counterpart.Prometheus) {
	t.Helper()
	var targets struct {
		ActiveTargets []struct{ Health, LastError string }
	}
	p.Get("targets", nil, &targets)
	if len(targets.ActiveTargets) != 1 || targets.ActiveTargets[0].Health != "up" || targets.ActiveTargets[0].LastError != "" {
		t.Errorf("targets: %+v", targets)
	}
	if failed := p.Query("min_over_time(up[1h]) == 0"); len(failed) > 0 {
		t.Errorf("a scrape failed: %v", failed)
	}
}

// checkRules checks that Prometheus evaluates all rules without an error.
func checkRules(t *testing.T, p *counterpart.Prometheus) {
	t.Helper()
	var rules struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError string }
		}
	}
	wait.Until(t, "a rule is not evaluated", func() bool {
		p.Get("rules", nil, &rules)
		for _, rule := range rules.Groups[0].Rules {
			if rule.Health == "unknown" {
				return false
			}
			if rule.Health != "ok" || rule.LastError != "" {
				t.Errorf("%+v", rule)
			}
		}
		return true
	})
	if want := strings.Count(read(t, "statsd.rules.yml"), "alert: "); len(rules.Groups) != 1 || len(rules.Groups[0].Rules) != want {
		t.Errorf("%+v, want %d rules", rules, want)
	}
}

var question = regexp.MustCompile("(?m)^\\| .* \\| `(.*)` \\|$")

// checkReadme checks that each expression in the README has a result.
func checkReadme(t *testing.T, p *counterpart.Prometheus) {
	t.Helper()
	questions := question.FindAllStringSubmatch(read(t, "README.md"), -1)
	if len(questions) < 9 {
		t.Errorf("found %d expressions", len(questions))
	}
	for _, q := range questions {
		wait.Until(t, q[1]+" has no result", func() bool { return len(p.Query(q[1])) > 0 })
	}
}

var typeLine = regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)\n`)

// checkTypes checks that Prometheus knows the type and the help text of each metric, and has a
// value of each metric. It does so for each page format.
func checkTypes(t *testing.T, p *counterpart.Prometheus, daemon *counterpart.Daemon) {
	t.Helper()
	var metadata map[string][]struct{ Type, Help, Unit string }
	p.Get("metadata", nil, &metadata) // Prometheus scrapes in the format OpenMetrics
	lines := typeLine.FindAllStringSubmatch(scrape(t, daemon, "application/openmetrics-text"), -1)
	if len(lines) < 60 || len(metadata) != len(lines) {
		t.Errorf("%d metrics, prometheus has %d", len(lines), len(metadata))
	}
	for _, line := range lines {
		name, kind := line[1], line[2]
		if m := metadata[name]; len(m) != 1 || m[0].Type != kind || m[0].Help == "" {
			t.Errorf("%s is a %s, prometheus has %+v", name, kind, m)
		}
		series := name + map[string]string{"counter": "_total", "info": "_info"}[kind]
		// On a busy machine a scrape can time out. The values are then missing until the next scrape.
		wait.Until(t, "prometheus has no value of "+series, func() bool { return len(p.Query(series)) > 0 })
	}
	if unit := metadata["statsd_udp_received_bytes"]; len(unit) != 1 || unit[0].Unit != "bytes" {
		t.Errorf("unit: %+v", unit)
	}
}

func scrape(t *testing.T, daemon *counterpart.Daemon, accept string) string {
	t.Helper()
	r := http.Request{Method: http.MethodGet, URL: &url.URL{Scheme: "http", Host: daemon.Monitor, Path: "/metrics"}, Header: http.Header{"Accept": {accept}}}
	answer, err := http.DefaultClient.Do(&r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(fmt.Errorf("%s: %w", answer.Status, err))
	}
	return string(text)
}
