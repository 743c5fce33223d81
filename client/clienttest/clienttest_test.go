package clienttest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/client"
	"github.com/statsd-ops/statsd/client/clienttest"
)

func TestParse(t *testing.T) {
	for line, want := range map[string][]clienttest.Sample{
		"a:1|c":               {{Name: "a", Value: "1", Type: "c", Rate: 1}},
		"a:+2.5|g|#x:y,z":     {{Name: "a", Value: "+2.5", Type: "g", Rate: 1, Tags: []string{"x:y", "z"}}},
		"a:1:2|ms|@0.5|#t":    {{Name: "a", Value: "1", Type: "ms", Rate: 0.5, Tags: []string{"t"}}, {Name: "a", Value: "2", Type: "ms", Rate: 0.5, Tags: []string{"t"}}},
		"u:2001:db8::1|s":     {{Name: "u", Value: "2001:db8::1", Type: "s", Rate: 1}},
		"own:anything|mytype": {{Name: "own", Value: "anything", Type: "mytype", Rate: 1}},
		"":                    nil,
		"a":                   nil,
		":1|c":                nil,
		"a:1":                 nil,
		"a:|c":                nil,
		"a:1|":                nil,
		"a:x|c":               nil,
		"a:1:x|ms":            nil,
		"a:1|c|@0":            nil,
		"a:1|c|@2":            nil,
		"a:1|c|@x":            nil,
		"a:1|c|b:2|c":         nil,
	} {
		got, err := clienttest.Parse(line)
		if (err == nil) != (want != nil) || !slices.EqualFunc(got, want, same) {
			t.Errorf("%q: %+v, %v; want %+v", line, got, err, want)
		}
	}
}

func same(a, b clienttest.Sample) bool {
	return a.Name == b.Name && a.Value == b.Value && a.Type == b.Type && a.Rate == b.Rate && slices.Equal(a.Tags, b.Tags)
}

func TestRecorder(t *testing.T) {
	rec := clienttest.New(t, client.Config{Network: "udp"})
	c := rec.Client
	c.Count("c", 3)
	c.Inject("c", "2|c|@0.5", "#t")
	c.Gauge("g", 10)
	c.GaugeDelta("g", -4)
	c.Gauge("below", -2)
	c.Histogram("h", 1)
	c.Distribution("h", 2)
	c.Set("s", "b")
	c.Set("s", "a")
	c.Set("s", "b")
	if n := rec.Count("c"); n != 7 {
		t.Errorf("Count is %v, want 3 and 2/0.5", n)
	}
	for name, want := range map[string]float64{"g": 6, "below": -2} {
		if v, ok := rec.Gauge(name); v != want || !ok {
			t.Errorf("Gauge %s is %v, %v; want %v", name, v, ok, want)
		}
	}
	if v, ok := rec.Gauge("none"); v != 0 || ok {
		t.Errorf("a gauge never sent is %v, %v", v, ok)
	}
	if v := rec.Values("h"); !slices.Equal(v, []float64{1, 2}) {
		t.Errorf("Values are %v", v)
	}
	if m := rec.Members("s"); !slices.Equal(m, []string{"a", "b"}) {
		t.Errorf("Members are %q", m)
	}
	if p := rec.Packets(); strings.Count(strings.Join(p, "\n"), "\n") != len(rec.Lines())-1 {
		t.Errorf("packets %q, lines %q", p, rec.Lines())
	}
	rec.Reset()
	if lines := rec.Lines(); len(lines) != 0 {
		t.Errorf("after Reset: %q", lines)
	}
}
