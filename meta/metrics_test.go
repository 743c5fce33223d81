package meta

import (
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func readDocs(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var publishedRow = regexp.MustCompile("(?m)^- `([a-zA-Z_.]+)` \\([A-Za-z0-9]")

// everyFigure returns the names of all figures in docs/published.md. Another test compares that
// list with the daemon's figures.
func everyFigure(t *testing.T, sink string) (names []string) {
	t.Helper()
	for _, row := range publishedRow.FindAllStringSubmatch(readDocs(t, "published.md"), -1) {
		names = append(names, strings.Replace(row[1], "NAME", sink, 1))
	}
	if len(names) < 100 {
		t.Fatalf("found %d figures only", len(names))
	}
	return names
}

var leftOutRow = regexp.MustCompile("(?m)^\\| (`[^|]*`) \\| [^|]+ \\|$")

// TestMetricsOfFigures checks that each figure becomes a series, or that docs/metrics.md says why
// it does not.
func TestMetricsOfFigures(t *testing.T) {
	var leftOut []string
	for _, row := range leftOutRow.FindAllStringSubmatch(readDocs(t, "metrics.md"), -1) {
		for name := range strings.SplitSeq(row[1], ", ") {
			leftOut = append(leftOut, strings.Trim(name, "`"))
		}
	}
	names := everyFigure(t, "NAME")
	for _, name := range names {
		series := 0
		for _, f := range metricTable {
			for _, source := range f.from {
				if _, ok := source.match(name); ok {
					series++
				}
			}
		}
		if listed := slices.Contains(leftOut, name); series > 1 || (series == 1) == listed {
			t.Errorf("%s makes %d series, listed as left out: %v", name, series, listed)
		}
	}
	for _, name := range leftOut {
		if !slices.Contains(names, name) {
			t.Errorf("%s is left out, and there is no such figure", name)
		}
	}
	for _, f := range metricTable {
		for _, source := range f.from {
			if !slices.ContainsFunc(names, func(name string) bool { _, ok := source.match(name); return ok }) {
				t.Errorf("%s is made of %s, and there is no such figure", f.name, source.figure)
			}
		}
	}
}

// TestMetricsDocs checks that docs/metrics.md lists all metrics correctly.
func TestMetricsDocs(t *testing.T) {
	var want strings.Builder
	for _, f := range append([]metricFamily{buildInfo}, metricTable...) {
		kind := f.kind
		if kind == info {
			kind = gauge
		}
		var labels, figures []string
		for _, source := range f.from {
			for label := range strings.SplitSeq(source.labels, ",") {
				if name, _, ok := strings.Cut(label, "="); ok && !slices.Contains(labels, "`"+name+"`") {
					labels = append(labels, "`"+name+"`")
				}
			}
			figures = append(figures, "`"+source.figure+"`")
		}
		if f.kind == info {
			labels = []string{"`version`", "`goversion`"}
		}
		want.WriteString(strings.ReplaceAll("| `"+f.name+suffixes[f.kind]+"` | "+kind+" | "+strings.Join(labels, ", ")+" | "+strings.Join(figures, ", ")+" | "+f.help+" |\n", "|  |", "| |"))
	}
	if !strings.Contains(readDocs(t, "metrics.md"), "|\n"+want.String()+"\n") {
		t.Errorf("docs/metrics.md lacks this table:\n%s", want.String())
	}
}

// hostile is a name that must be escaped in a label.
const hostile = "a\"b\\c\nd\xff"

// everythingSource is a Source with all figures. Each figure has a different value.
func everythingSource(t *testing.T) *fixedSource {
	s := &fixedSource{}
	names := everyFigure(t, "graphite")
	for _, name := range everyFigure(t, hostile) {
		if strings.Contains(name, hostile) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for i, name := range names {
		s.figures = append(s.figures, Figure{Name: name, Value: 1 + float64(i)/8})
	}
	return s
}

func startMetrics(t *testing.T, source Source) (addr string) {
	t.Helper()
	m, err := NewMonitor(MonitorConfig{Version: hostile}, source, kept{})
	if err != nil {
		t.Fatal(err)
	}
	return run(t, m)
}

// getMetrics requests /metrics. If the parameter accept is not empty, it is sent as the header
// Accept.
func getMetrics(t *testing.T, method, addr, accept string) answer {
	t.Helper()
	r, err := http.NewRequest(method, "http://"+addr+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	return do(t, r)
}

const askOpenMetrics = "application/openmetrics-text"

// TestMetricsGrammar parses both formats of /metrics strictly, and checks that their values are
// equal.
func TestMetricsGrammar(t *testing.T) {
	source := everythingSource(t)
	addr := startMetrics(t, source)
	text, err := parseMetrics(getMetrics(t, "GET", addr, "").body, false)
	if err != nil {
		t.Fatal(err)
	}
	open, err := parseMetrics(getMetrics(t, "GET", addr, askOpenMetrics).body, true)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) != len(metricTable)+1 || len(open) != len(text) {
		t.Errorf("%d metrics in text, %d in OpenMetrics, want %d", len(text), len(open), len(metricTable)+1)
	}
	samples := 0
	for name, o := range open {
		suffix := map[string]string{counter: "_total", info: "_info"}[o.kind]
		m := text[name+suffix]
		if m == nil || m.kind != o.kind && o.kind != info || m.help != o.help || !maps.Equal(m.samples, o.samples) {
			t.Errorf("%s is %v in OpenMetrics, %v in text", name, o, m)
		}
		if ends := strings.HasSuffix(name, "_seconds") || strings.HasSuffix(name, "_bytes"); ends != (o.unit != "") {
			t.Errorf("%s has unit %q", name, o.unit)
		}
		samples += len(o.samples)
	}
	checkSamples(t, text, source)
	t.Logf("%d metrics, %d samples", len(text), samples)
}

// checkSamples compares some samples with the figures.
func checkSamples(t *testing.T, text map[string]*parsedMetric, source *fixedSource) {
	t.Helper()
	sink := `sink="a\"b\\c\nd` + "\ufffd" + `"`
	for series, figure := range map[string]string{
		`statsd_udp_datagrams_total{}`:                               "udp.packets",
		`statsd_tcp_cut_total{reason="memory"}`:                      "tcp.cut.memory",
		`statsd_health{reason="kernel_drops"}`:                       "health.kernel_drops",
		`statsd_samples_refused_total{limit="names"}`:                "samples.refused.names",
		`statsd_render_kind_seconds{kind="timer"}`:                   "render.timers.duration",
		`statsd_sink_points_total{sink="graphite",what="delivered"}`: "sink.graphite.points.delivered",
		`statsd_sink_waiting_points{` + sink + `,where="spool"}`:     "sink." + hostile + ".points.spooled",
		`statsd_sink_behind_seconds{` + sink + `}`:                   "sink." + hostile + ".behind",
		`statsd_sink_history_seconds{sink="graphite"}`:               "sink.graphite.history.minutes",
		`process_cpu_seconds_total{}`:                                "cpu.used",
	} {
		name, _, _ := strings.Cut(series, "{")
		want := valueOf(source.figures, figure)
		if strings.HasSuffix(figure, "minutes") {
			want *= 60
		}
		if m := text[name]; m == nil || m.samples[series] != want {
			t.Errorf("%s is not %s, which is %v: %v", series, figure, want, m)
		}
	}
	if len(text["statsd_build_info"].samples) != 1 {
		t.Errorf("statsd_build_info: %v", text["statsd_build_info"])
	}
}

// TestGrammar checks that the parser refuses invalid texts.
func TestGrammar(t *testing.T) {
	good := "# HELP a_total b\n# TYPE a_total counter\na_total{x=\"1\"} 1\n"
	goodOpen := "# HELP a b\n# TYPE a counter\na_total{x=\"1\"} 1\n# EOF\n"
	for text, open := range map[string]bool{good: false, goodOpen: true} {
		if _, err := parseMetrics(text, open); err != nil {
			t.Error(err)
		}
		if _, err := parseMetrics(text, !open); err == nil {
			t.Errorf("open %v: %q passes", !open, text)
		}
	}
	for old, bads := range map[string][]string{
		"x=\"1\"":  {"x=1", "x=\"1\",", "x=\"a\"b\"", `x="\z"`, "x=\"1\",x=\"2\"", `1="1"`},
		"} 1":      {"} x", "} -1", "}1", "} 1 ", "} 1\na_total{x=\"1\"} 2"},
		"# HELP a": {"# HELP A", "#HELP a"},
		"counter":  {"gauge", "count", "counter\n# HELP z z\n# TYPE z gauge"},
	} {
		for _, bad := range bads {
			if _, err := parseMetrics(strings.Replace(goodOpen, old, bad, 1), true); err == nil {
				t.Errorf("%q passes for %q", bad, old)
			}
		}
	}
}

// BenchmarkMetrics measures how long it takes to make the text for Prometheus.
func BenchmarkMetrics(b *testing.B) {
	figures := exampleSource().figures
	b.ReportAllocs()
	for b.Loop() {
		e := exposition{open: true}
		e.write("1.2.3", figures)
	}
}
