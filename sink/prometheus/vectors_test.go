package prometheus

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/wire"
)

// vector contains lines, and the page that a real statsd_exporter showed for them. With policy "same", the page
// of this package must be equal. With "better", it must match the field Ours if this field is set.
type vector struct {
	ID      string
	Mapping *string
	step
	Then   []step
	Args   []string
	Policy string
	Tol    float64
	Expect result
	Ours   *result
}

type step struct {
	Lines []line
	Wait  float64 `json:"wait_s"`
}

// line is a line of a vector. The file of vectors contains a line as a string, or as a list of byte
// values if the line is not valid UTF-8.
type line string

func (l *line) UnmarshalJSON(text []byte) error {
	var s string
	if json.Unmarshal(text, &s) == nil {
		*l = line(s)
		return nil
	}
	var numbers []int
	err := json.Unmarshal(text, &numbers)
	for _, n := range numbers {
		*l += line([]byte{byte(n)})
	}
	return err
}

type result struct {
	LoadError bool `json:"load_error"`
	Samples   []struct {
		Name, Value, Type string
		Labels            map[string]string
	}
	Help map[string]string
}

func vectors(t *testing.T) (all []vector) {
	t.Helper()
	file, err := os.Open("testdata/vectors.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		v := vector{}
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	if len(all) < 100 {
		t.Fatalf("found only %d vectors", len(all))
	}
	return all
}

// TestVectors compares the page to the page of statsd_exporter.
func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.ID, func(t *testing.T) { synctest.Test(t, v.test) })
	}
}

func (v *vector) test(t *testing.T) {
	want := &v.Expect
	if v.Policy == "better" {
		want = v.Ours
	}
	cfg := limits
	if v.Mapping != nil {
		cfg = mapped(t, *v.Mapping)
	}
	cfg.Own = true
	d, err := newDaemon(t, cfg)
	if want != nil && want.LoadError {
		if _, ok := errors.AsType[*MappingError](err); !ok {
			t.Errorf("the mapping gives %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	d.parser.Tagger = wire.NewTagger(metric.LabelTags, v.styles(t), metric.Reference)
	for _, step := range append([]step{v.step}, v.Then...) {
		for _, l := range step.Lines {
			d.receive(string(l))
		}
		d.flush()
		for end := time.Now().Add(time.Duration(step.Wait * float64(time.Second))); time.Now().Before(end); d.flush() {
			time.Sleep(200 * time.Millisecond)
		}
	}
	page := d.page()
	samples := parse(t, page) // parse also checks that Prometheus can read the page
	if want != nil {
		v.compare(t, want, samples)
		for family, help := range want.Help {
			if !strings.Contains(page, "\n# HELP "+family+" "+help+"\n") {
				t.Errorf("the help of %s is not %q", family, help)
			}
		}
	}
}

// styles converts statsd_exporter's flags to tag styles.
func (v *vector) styles(t *testing.T) metric.TagStyles {
	styles := allStyles
	for _, arg := range v.Args {
		off := map[string]metric.TagStyles{
			"--no-statsd.parse-influxdb-tags": metric.InfluxDB, "--no-statsd.parse-signalfx-tags": metric.SignalFX,
			"--no-statsd.parse-librato-tags": metric.Librato, "--no-statsd.parse-dogstatsd-tags": metric.DogStatsD,
		}[arg]
		if off == 0 {
			t.Fatalf("what is %s?", arg)
		}
		styles &^= off
	}
	return styles
}

func (v *vector) compare(t *testing.T, want *result, samples []exposed) {
	t.Helper()
	shown := map[string]exposed{}
	for _, s := range samples {
		if !strings.HasPrefix(s.family, reservedPrefix) {
			shown[canonical(s.name, s.labels)] = s
		}
	}
	for _, w := range want.Samples {
		key := canonical(w.Name, w.Labels)
		value, _ := strconv.ParseFloat(w.Value, 64)
		s, found := shown[key]
		if !found || s.kind != w.Type || !near(value, s.value, v.Tol) {
			t.Errorf("want the %s %s %s, have the %s %v", w.Type, key, w.Value, s.kind, s.value)
		}
		delete(shown, key)
	}
	for key, s := range shown {
		t.Errorf("%s %v is too much", key, s.value)
	}
}

func canonical(name string, labels map[string]string) string {
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		name += fmt.Sprintf(" %s=%q", label, labels[label])
	}
	return name
}
