package meta

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/internal/counterpart"
)

// TestMetricsFormat checks which format clients with different Accept headers get.
func TestMetricsFormat(t *testing.T) {
	const (
		text = "text/plain; version=0.0.4; charset=utf-8"
		open = "application/openmetrics-text; version=1.0.0; charset=utf-8"
	)
	addr := start(t, exampleSource(), kept{})
	for accept, want := range map[string]string{
		"":                 text,
		"*/*":              text,
		"application/json": text,
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": text,
		"application/*":                text,
		"text/plain":                   text,
		"garbage;;;,,=":                text,
		"application/openmetrics-text": open,
		"Application/OpenMetrics-Text; Version=\"1.0.0\"":                                                    open,
		"application/openmetrics-text;version=0.0.1":                                                         text,
		"application/openmetrics-text;version=2.0.0":                                                         text,
		"application/openmetrics-text;q=0":                                                                   text,
		"application/openmetrics-text;q=x":                                                                   text,
		"application/openmetrics-text;q=NaN":                                                                 text,
		"application/openmetrics-text;q=0.4,text/plain;q=0.5":                                                text,
		"application/openmetrics-text;q=0.5,text/plain;q=0.5":                                                open,
		"application/openmetrics-text;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.9":                        open,
		"text/plain;q=0.9,application/openmetrics-text;version=1.0.0;q=0.1,application/openmetrics-text;q=1": text,
		"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1":                                                                               open, // header of Prometheus 2.42
		"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2": open, // header of Prometheus 3
	} {
		for _, method := range []string{"GET", "HEAD"} {
			a := getMetrics(t, method, addr, accept)
			if got := a.header.Get("Content-Type"); a.code != 200 || got != want {
				t.Errorf("%s with %q gets %d, %q", method, accept, a.code, got)
			}
			if a.header.Get("Vary") != "Accept, Accept-Encoding" || (a.body == "") != (method == "HEAD") {
				t.Errorf("%s with %q: %v, %d bytes", method, accept, a.header, len(a.body))
			}
		}
	}
}

// TestMetricsGzip checks that answers are compressed only for clients that accept gzip.
func TestMetricsGzip(t *testing.T) {
	addr := start(t, exampleSource(), kept{})
	whole := getMetrics(t, "GET", addr, "").body
	for accept, want := range map[string]bool{
		"identity": false, "gzip": true, "deflate, GZIP;q=0.5": true, "gzip;q=0": false, "br;q=1, *": false,
	} {
		r, err := http.NewRequest("GET", "http://"+addr+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Encoding", accept) // without this header, the client would decompress the answer
		a := do(t, r)
		body := a.body
		if got := a.header.Get("Content-Encoding") == "gzip"; got != want {
			t.Errorf("%q: compressed %v", accept, got)
		} else if got {
			z, err := gzip.NewReader(strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			plain, err := io.ReadAll(z)
			if err != nil {
				t.Fatal(err)
			}
			body = string(plain)
		}
		if body != whole || a.header.Get("Content-Length") != strconv.Itoa(len(a.body)) {
			t.Errorf("%q: other content, or a length of %s for %d bytes", accept, a.header.Get("Content-Length"), len(a.body))
		}
	}
}

// TestPromtool checks all metrics with Prometheus' linter.
func TestPromtool(t *testing.T) {
	promtool := counterpart.Find(t, "promtool")
	check := exec.CommandContext(t.Context(), promtool, "check", "metrics")
	check.Stdin = strings.NewReader(getMetrics(t, "GET", startMetrics(t, everythingSource(t)), "").body)
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

// TestPythonClient parses all metrics with the strict parsers of Prometheus' Python client.
func TestPythonClient(t *testing.T) {
	python := counterpart.Find(t, "/usr/bin/python3")
	if err := exec.CommandContext(t.Context(), python, "-c", "import prometheus_client").Run(); err != nil {
		counterpart.Missing(t, python+" lacks prometheus_client")
	}
	source := everythingSource(t)
	addr := startMetrics(t, source)
	for format, accept := range map[string]string{"open": askOpenMetrics, "text": ""} {
		parser := exec.CommandContext(t.Context(), python, "testdata/metrics.py", format)
		parser.Stdin = strings.NewReader(getMetrics(t, "GET", addr, accept).body)
		out, err := parser.Output()
		if err != nil {
			t.Fatal(stderr(err))
		}
		var families []struct {
			Name, Type, Unit string
			Samples          []struct {
				Name   string
				Labels map[string]string
				Value  float64
			}
		}
		if err := json.Unmarshal(out, &families); err != nil || len(families) != len(metricTable)+1 {
			t.Fatalf("%s: %d metrics: %v", format, len(families), err)
		}
		found := false
		for _, f := range families {
			for _, s := range f.Samples {
				want := valueOf(source.figures, "sink."+hostile+".behind")
				found = found || s.Name == "statsd_sink_behind_seconds" && s.Labels["sink"] == strings.ToValidUTF8(hostile, "\ufffd") && s.Value == want
			}
		}
		if !found {
			t.Errorf("%s: the value of a sink with a strange name is missing", format)
		}
	}
}
