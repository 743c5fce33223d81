package meta

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/statsd-ops/statsd/internal/accept"
)

// These are the content types of the two formats of /metrics.
const (
	openMetricsType = "application/openmetrics-text"
	openMetricsV    = "1.0.0"
	textType        = "text/plain"
	textV           = "0.0.4"
)

// serveMetrics serves /metrics in the format that the client prefers.
func (m *Monitor) serveMetrics(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	e := exposition{open: wantsOpenMetrics(r.Header.Values("Accept"))}
	kind, version := textType, textV
	if e.open {
		kind, version = openMetricsType, openMetricsV
	}
	h.Set("Content-Type", kind+"; version="+version+"; charset=utf-8")
	h.Set("Vary", "Accept, Accept-Encoding")
	e.write(m.version, m.source.Figures())
	body := e.text
	if accept.Gzip(r.Header.Values("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		body = compressed(body)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // fails only if the client has disconnected
}

// Metrics returns figures as metrics in Prometheus' text format 0.0.4. It sorts the figures.
func Metrics(version string, figures []Figure) []byte {
	var e exposition
	e.write(version, figures)
	return e.text
}

// wantsOpenMetrics reports whether an Accept header contains OpenMetrics and does not prefer
// another format.
func wantsOpenMetrics(header []string) bool {
	all := accept.Parse(header)
	open, named := accept.Weigh(all, openMetricsType, openMetricsV)
	text, _ := accept.Weigh(all, textType, textV)
	return named && open > 0 && open >= text
}

func compressed(body []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(body) // writing to a Buffer never fails
	_ = z.Close()
	return b.Bytes()
}

// exposition is a text with metrics that is being written. If the field open is true, the format of
// the text is OpenMetrics 1.0.0. If it is false, the format is Prometheus' text format 0.0.4.
type exposition struct {
	text []byte
	open bool
}

// write writes the metrics for the figures. It omits metrics without figures.
func (e *exposition) write(version string, figures []Figure) {
	slices.SortFunc(figures, func(a, b Figure) int { return cmp.Compare(a.Name, b.Name) })
	e.head(&buildInfo)
	e.sample(&buildInfo, `version="`+escapeLabel(version)+`",goversion="`+escapeLabel(runtime.Version())+`"`, 1)
	for i := range metricTable {
		e.family(&metricTable[i], figures)
	}
	if e.open {
		e.line("# EOF")
	}
}

// family writes the series of a metric. figures must be sorted by name.
func (e *exposition) family(f *metricFamily, figures []Figure) {
	headed := false
	for _, source := range f.from {
		for _, figure := range source.candidates(figures) {
			parts, ok := source.match(figure.Name)
			if !ok {
				continue
			}
			if !headed {
				e.head(f)
				headed = true
			}
			labels := source.labels
			for _, part := range parts {
				labels = strings.Replace(labels, "*", escapeLabel(part), 1)
			}
			e.sample(f, labels, figure.Value*cmp.Or(source.scale, 1))
		}
	}
}

// candidates returns the figures whose names begin with the text before the first * in the pattern of the source. The
// figures must be sorted by name.
func (s *metricSource) candidates(figures []Figure) []Figure {
	before, _, _ := strings.Cut(s.figure, "*")
	from, _ := slices.BinarySearchFunc(figures, before, func(f Figure, name string) int { return cmp.Compare(f.Name, name) })
	figures = figures[from:]
	if n := slices.IndexFunc(figures, func(f Figure) bool { return !strings.HasPrefix(f.Name, before) }); n >= 0 {
		figures = figures[:n]
	}
	return figures
}

// match reports whether the name of a figure matches the pattern of the source. It returns the text
// for each * in the pattern. If the pattern contains two *, the text for the first * must not
// contain a dot.
func (s *metricSource) match(figure string) (parts []string, ok bool) {
	before, after, starred := strings.Cut(s.figure, "*")
	if !starred {
		return nil, figure == s.figure
	}
	part, begins := strings.CutPrefix(figure, before)
	if !begins {
		return nil, false
	}
	if strings.Contains(after, "*") {
		first, rest, _ := strings.Cut(part, ".")
		inner := metricSource{figure: after}
		parts, ok = inner.match("." + rest)
		return append([]string{first}, parts...), ok && first != ""
	}
	part, ends := strings.CutSuffix(part, after)
	return []string{part}, ends && part != ""
}

// suffixes are appended to the names of metrics, by type. In OpenMetrics they are appended only to
// the names of samples.
var suffixes = map[string]string{counter: "_total", info: "_info"}

// head writes the HELP and TYPE lines of a metric.
func (e *exposition) head(f *metricFamily) {
	if !e.open {
		name, kind := f.name+suffixes[f.kind], f.kind
		if kind == info {
			kind = gauge
		}
		e.line("# HELP " + name + " " + helpEscaper.Replace(f.help))
		e.line("# TYPE " + name + " " + kind)
		return
	}
	e.line("# HELP " + f.name + " " + labelEscaper.Replace(f.help))
	e.line("# TYPE " + f.name + " " + f.kind)
	for _, unit := range []string{"seconds", "bytes"} {
		if strings.HasSuffix(f.name, "_"+unit) {
			e.line("# UNIT " + f.name + " " + unit)
		}
	}
}

func (e *exposition) sample(f *metricFamily, labels string, value float64) {
	name := f.name + suffixes[f.kind]
	if labels != "" {
		name += "{" + labels + "}"
	}
	e.line(name + " " + decimal(value))
}

func (e *exposition) line(text string) { e.text = append(append(e.text, text...), '\n') }

var (
	helpEscaper  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	labelEscaper = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

// escapeLabel escapes the value of a label.
func escapeLabel(text string) string {
	return labelEscaper.Replace(strings.ToValidUTF8(text, "\ufffd"))
}
