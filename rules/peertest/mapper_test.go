package peertest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/statsd_exporter/pkg/mapper"

	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/rules"
)

// types maps kinds to the words that statsd_exporter uses for them.
var types = map[metric.Kind]mapper.MetricType{
	metric.Counter: mapper.MetricTypeCounter, metric.Gauge: mapper.MetricTypeGauge, metric.Timer: mapper.MetricTypeObserver,
}

// TestMapperAgrees maps random names with random rules files. It compares the results of package
// rules and of statsd_exporter.
func TestMapperAgrees(t *testing.T) {
	files := 2000
	if testing.Short() {
		files = 200
	}
	loaded := 0
	for seed := range files {
		if compare(t, uint64(seed)) {
			loaded++
		}
		if t.Failed() {
			return
		}
	}
	if loaded < files/2 {
		t.Errorf("only %d of %d random files are good", loaded, files)
	}
}

func FuzzMapper(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { compare(t, seed) })
}

// compare compares package rules and statsd_exporter for one random file. It reports whether the
// file is valid.
func compare(t *testing.T, seed uint64) bool {
	t.Helper()
	r := generator{rand.New(rand.NewPCG(seed, 17))}
	text := r.file()
	var peer mapper.MetricMapper
	peerErr := peer.InitFromYAMLString(text)
	set, err := rules.Load([]byte(text), rules.Mapping)
	if (peerErr == nil) != (err == nil) {
		t.Errorf("seed %d: statsd_exporter says %v, we say %v about\n%s", seed, peerErr, err, text)
		return false
	}
	if err != nil {
		return false
	}
	for range 30 {
		name := r.name()
		for kind, peerType := range types {
			want := "none"
			if m, labels, ok := peer.GetMapping(name, peerType); ok {
				want = describe(m.Name, string(m.Action), labels) + options(&peer, m)
			}
			if got := ours(set, kind, name); got != want {
				t.Errorf("seed %d: %s %q gives %s, want %s, with\n%s", seed, kind, name, got, want, text)
				return true
			}
		}
	}
	return true
}

func describe(name, action string, labels map[string]string) string {
	if action == "drop" {
		return "drop"
	}
	text := fmt.Sprintf("%q", name)
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		text += fmt.Sprintf(" %s=%q", key, labels[key])
	}
	return text
}

func ours(set *rules.Set, kind metric.Kind, name string) string {
	var r rules.Result
	set.Map(kind, []byte(name), &r)
	if r.Rule == nil {
		return "none"
	}
	labels := map[string]string{}
	for _, l := range r.Labels {
		labels[l.Name] = string(l.Value)
	}
	o := r.Rule.Options
	text := describe(string(r.Name), r.Rule.Action.String(), labels)
	return text + fmt.Sprintf(" ttl=%v scale=%v honor=%v help=%q histogram=%v %v %v", o.TTL, o.Scale, o.HonorLabels, o.Help, o.Observer == rules.Histogram, o.Bounds, o.Quantiles)
}

// options returns the options of a rule, as the registry of statsd_exporter interprets them.
func options(peer *mapper.MetricMapper, m *mapper.MetricMapping) string {
	scale := 1.0
	if m.Scale.Set {
		scale = m.Scale.Val
	}
	observer := m.ObserverType
	if observer == mapper.ObserverTypeDefault {
		observer = peer.Defaults.ObserverType
	}
	bounds, quantiles := peer.Defaults.HistogramOptions.Buckets, peer.Defaults.SummaryOptions.Quantiles
	if m.HistogramOptions != nil && len(m.HistogramOptions.Buckets) > 0 {
		bounds = m.HistogramOptions.Buckets
	}
	if m.SummaryOptions != nil && len(m.SummaryOptions.Quantiles) > 0 {
		quantiles = m.SummaryOptions.Quantiles
	}
	var qs []float64
	for _, q := range quantiles {
		qs = append(qs, q.Quantile)
	}
	return fmt.Sprintf(" ttl=%v scale=%v honor=%v help=%q histogram=%v %v %v", m.Ttl, scale, m.HonorLabels, m.HelpText, observer == mapper.ObserverTypeHistogram, bounds, qs)
}

// generator makes random files and names. They consist of few different words, so that many names
// match.
type generator struct{ *rand.Rand }

func (r generator) pick(words ...string) string { return words[r.IntN(len(words))] }

// rarely returns one of the words with probability 1/10. Otherwise it returns a plain name.
func (r generator) rarely(words ...string) string {
	if r.IntN(10) > 0 {
		return "n"
	}
	return r.pick(words...)
}

func (r generator) component() string { return r.pick("a", "b", "c", "a-b", "5xx", "x_1") }

func (r generator) name() string {
	if r.IntN(8) == 0 {
		return r.pick("", ".", "a.", ".a", "a..b", "café / x", "9.a", "a.é.c", "A.B", "a b.c", "a:b", "-", "a.b.c.a.b.c.a.b.c")
	}
	parts := []string{r.pick("a", "b", "c", "x_1")}
	for range r.IntN(4) {
		parts = append(parts, r.component())
	}
	return strings.Join(parts, ".")
}

func (r generator) file() string {
	var b strings.Builder
	b.WriteString(r.defaults())
	b.WriteString("mappings:\n")
	var globs []string
	for range 1 + r.IntN(10) {
		match, kind := r.glob(), ""
		if r.IntN(3) == 0 {
			match, kind = r.regex(), "regex"
		} else if confuses(match, globs) {
			continue
		} else {
			globs = append(globs, match)
		}
		b.WriteString(r.rule(match, kind))
	}
	if strings.HasSuffix(b.String(), "mappings:\n") {
		b.WriteString("- {match: a, name: a}\n")
	}
	return b.String()
}

// confuses reports whether a glob triggers one of two bugs of statsd_exporter. First, statsd_exporter never finds a
// glob that is the beginning of an earlier glob. Second, if a glob occurs twice, statsd_exporter uses the first rule
// with the priority of the second.
func confuses(glob string, before []string) bool {
	return slices.ContainsFunc(before, func(b string) bool { return b == glob || strings.HasPrefix(b, glob+".") })
}

func (r generator) defaults() string {
	if r.IntN(3) > 0 {
		return ""
	}
	return "defaults:\n" + r.pick("", "  ttl: 10s\n") + r.pick("", "  observer_type: histogram\n", "  observer_type: summary\n") +
		r.pick("", "  histogram_options: {buckets: [1, 2]}\n") + r.pick("", "  summary_options: {quantiles: [{quantile: 0.1, error: 0.01}]}\n") +
		"  match_type: glob\n"
}

func (r generator) glob() string {
	parts := []string{r.pick("a", "b", "c", "*", "*", "x_1")}
	for range r.IntN(4) {
		parts = append(parts, r.pick("*", "*", r.component()))
	}
	if r.IntN(40) == 0 {
		return r.pick("", "a.", "9a", "a*", "-a.b", "a b", "é")
	}
	return strings.Join(parts, ".")
}

func (r generator) regex() string {
	return r.pick(`^a\.(.*)$`, `(\w+)\.(\w+)`, `b`, `.*`, `^(?P<who>[a-c])(\.x)?`, `caf.+`, `\.`, `(a|b)+$`, `^$`, r.rarely("("))
}

func (r generator) rule(match, kind string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "- match: '%s'\n", match)
	if kind != "" {
		fmt.Fprintf(&b, "  match_type: %s\n", kind)
	}
	fmt.Fprintf(&b, "  name: '%s'\n", r.pick("n", "n_$1", "${1}_n", "n_${2}_x", "$1", "n_$3", "n$1$2", "n_total", r.rarely("9", "n-a")))
	if r.IntN(2) == 0 {
		fmt.Fprintf(&b, "  labels:\n    aa: '%s'\n    bb: '%s'\n", r.template(), r.template())
	}
	for _, key := range []string{"match_metric_type: " + r.pick("counter", "gauge", "observer"), "action: " + r.pick("map", "drop"),
		"honor_labels: true", "ttl: 3s", "scale: 0.5", "help: 'some: text'", "observer_type: " + r.pick("summary", "histogram"),
		"histogram_options: {buckets: [3, 4]}", "summary_options: {quantiles: [{quantile: 0.2, error: 0.01}]}", "unknown: 1"} {
		odds := 6
		if key == "unknown: 1" {
			odds = 100
		}
		if r.IntN(odds) == 0 {
			b.WriteString("  " + key + "\n")
		}
	}
	return b.String()
}

// template returns a random template. It avoids two bugs of statsd_exporter's formatter, which
// concern a % next to a reference, and a reference that begins like another reference.
func (r generator) template() string {
	return r.pick("", "x", "$1", "${1}", "$2 $1", "$1-$1", "q_${1}_x", "$who", "${who}", "$0x", "$1$2", "$", "100%", "$1x", "é $2", "${3}")
}
