package prometheus

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink"
)

// TestConflictsAreListed checks the list of conflicts that the operator sees. The most frequent conflict comes first.
func TestConflictsAreListed(t *testing.T) {
	d := startDaemon(t, limits)
	d.flush("a.b:1|c", "t:1|ms")
	for range 3 {
		d.flush("a-b:1|g", "t_sum:1|c", "x.y:1|c", "x_y:1|c")
	}
	d.flush("a-b:1|g")
	all := d.State().Conflicts
	if len(all) != 2 || all[0].Reason != "type" || all[0].Subject != "a_b" || all[0].Count != 4 || all[1].Reason != "suffix" ||
		!strings.Contains(all[0].Text, `the family is a counter because of "a.b" (no rule); "a-b" (no rule) would make the family a gauge`) {
		t.Errorf("%+v", all)
	}
}

func TestKinds(t *testing.T) {
	d := startDaemon(t, limits)
	d.flush("c:2|c", "c:3|c|@0.5", "g:7|g", "t:250:750|ms|#k:v", "h:2|h", "s:a|s", "s:b|s", "zero:0|c")
	d.flush("c:1|c", "g:-2|g", "s:b|s", "s:c|s")
	d.expect("all kinds",
		"c 9", "g 5", "zero 0", "s 3",
		`t{k="v",quantile="0.5"} 0.25`, `t{k="v",quantile="0.9"} 0.75`, `t{k="v",quantile="0.99"} 0.75`, `t_sum{k="v"} 1`, `t_count{k="v"} 2`,
		`h{quantile="0.5"} 2`, `h{quantile="0.9"} 2`, `h{quantile="0.99"} 2`, "h_sum 2", "h_count 1")
}

func TestHistogram(t *testing.T) {
	d := startDaemon(t, mapped(t, `
defaults: {observer_type: histogram}
mappings:
- {match: "lat.*", name: lat, histogram_options: {buckets: [0.005, 0.1, 2]}, labels: {of: "$1"}}
- {match: "scaled", name: scaled, scale: 2, histogram_options: {buckets: [10]}}`))
	d.flush("lat.a:5|ms", "lat.a:6:100|ms", "lat.a:2000|ms", "lat.a:2001|ms", "scaled:5:6|h|@0.5")
	d.flush("lat.a:1|ms")
	d.expect("bounds are inclusive, and buckets add up",
		`lat_bucket{of="a",le="0.005"} 2`, `lat_bucket{of="a",le="0.1"} 4`, `lat_bucket{of="a",le="2"} 5`, `lat_bucket{of="a",le="+Inf"} 6`,
		`lat_sum{of="a"} 4.113`, `lat_count{of="a"} 6`,
		`scaled_bucket{le="10"} 2`, `scaled_bucket{le="+Inf"} 4`, "scaled_sum 44", "scaled_count 4")
}

func TestCountersOnlyGrow(t *testing.T) {
	d := startDaemon(t, mapped(t, `
mappings:
- {match: "back", name: back, scale: -1}
- {match: "wrong", name: wrong, scale: -1}`))
	d.flush("c:5|c", "back:3|c", "none:-1|c")
	d.flush("c:-2|c", "back:-4|c", "wrong:4|c")
	d.expect("an interval below 0 is not added", "c 5", "back 4")
	d.flush("big:1.7e308|c", "big:1.7e308|c", "c:1|c")
	d.flush("big:1.7e308|c")
	d.expect("sums stay finite", "c 6", "back 4", fmt.Sprintf("big %v", math.MaxFloat64))
	if got := d.figure("negative"); got != 4 {
		t.Errorf("%v intervals are below 0, want 4", got)
	}
}

// figure returns a value from the sink's State.
func (d *daemon) figure(name string) float64 {
	for _, f := range d.State().Figures {
		if f.Name == name {
			return f.Value
		}
	}
	d.t.Errorf("there is no figure %s", name)
	return math.NaN()
}

func TestConflicts(t *testing.T) {
	for _, tt := range []struct {
		why, mapping  string
		first, second []string
		want          []string
		reason        string // the reason under which the conflict is counted, exactly once
		told          string
	}{
		{
			"another type", "", []string{"c.n:2|g"}, []string{"c.n:1|c"},
			[]string{"c_n 2"}, "type", `family c_n: the family is a gauge because of "c.n" (no rule); "c.n" (no rule) would make the family a counter`,
		},
		{
			"the sum of a summary", "", []string{"n:5|h"}, []string{"n.sum:1|c"},
			[]string{`n{quantile="0.5"} 5`, `n{quantile="0.9"} 5`, `n{quantile="0.99"} 5`, "n_sum 5", "n_count 1"}, "suffix",
			`family n_sum: "n.sum" (no rule) cannot be shown: the summary n of "n" (no rule) needs this name`,
		},
		{
			"the sum of a summary as a summary", "", []string{"n:5|h"}, []string{"n.sum:1|h"},
			[]string{`n{quantile="0.5"} 5`, `n{quantile="0.9"} 5`, `n{quantile="0.99"} 5`, "n_sum 5", "n_count 1"}, "suffix",
			`family n_sum: "n.sum" (no rule) cannot be shown: the summary n of "n" (no rule) needs this name`,
		},
		{
			"a summary whose count is taken", "", []string{"n.count:5|g"}, []string{"n:1|h"},
			[]string{"n_count 5"}, "suffix", `family n: "n" (no rule) cannot be shown: the summary needs the name n_count too, which is a gauge because of "n.count" (no rule)`,
		},
		{
			"a bucket of a histogram", "defaults: {observer_type: histogram, histogram_options: {buckets: [1]}}",
			[]string{"n:5|h"}, []string{"n.bucket:1|g"},
			[]string{`n_bucket{le="1"} 0`, `n_bucket{le="+Inf"} 1`, "n_sum 5", "n_count 1"}, "suffix", `family n_bucket: "n.bucket" (no rule)`,
		},
		{
			"other buckets", "mappings:\n- {match: a, name: n, observer_type: histogram, histogram_options: {buckets: [1]}}\n" +
				"- {match: b, name: n, id: second, observer_type: histogram, histogram_options: {buckets: [2]}}",
			[]string{"a:5|h"}, []string{"b:1|h"},
			[]string{`n_bucket{le="1"} 1`, `n_bucket{le="+Inf"} 2`, "n_sum 6", "n_count 2"}, "bounds",
			`family n: the buckets of "a" (rule 1, line 2) are used, not the buckets of "b" (rule second, line 3)`,
		},
		{"two names in one series", "", []string{"a.b:1|c", "x:1|h"}, []string{"a_b:2|c"}, []string{
			"a_b 3", `x{quantile="0.5"} 1`, `x{quantile="0.9"} 1`, `x{quantile="0.99"} 1`, "x_sum 1", "x_count 1",
		}, "merged", ""},
		{"a label of Prometheus", "", nil, []string{"a:1|c|#__name__:evil,k:v"}, []string{`a{k="v"} 1`}, "label", ""},
		{"the daemon's own family", "", nil, []string{"statsd.x:1|c"}, nil, "reserved", `family statsd_x: "statsd.x" (no rule) cannot be shown: families that start with statsd_ are reserved for the daemon's own metrics`},
	} {
		cfg := limits
		if tt.mapping != "" {
			cfg = mapped(t, tt.mapping)
		}
		cfg.Own = true
		d := startDaemon(t, cfg)
		d.flush(tt.first...)
		d.flush(tt.second...)
		d.expect(tt.why, tt.want...)
		if got := d.figure("conflicts." + tt.reason); got != 1 {
			t.Errorf("%s: %v conflicts of reason %s, want 1", tt.why, got, tt.reason)
		}
		if told := strings.Join(d.told, "\n"); !strings.HasPrefix(told, tt.told) || (told == "") != (tt.told == "") {
			t.Errorf("%s: told %q, want %q", tt.why, told, tt.told)
		}
	}
}

func TestConflictIsToldOnceAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDaemon(t, limits)
		d.flush("c.n:2|g")
		for range 3 {
			d.flush("c.n:1|c", "c-n:1|c")
		}
		if len(d.told) != 1 {
			t.Errorf("told %q", d.told)
		}
		time.Sleep(time.Hour)
		d.flush("c.n:1|c")
		if len(d.told) != 2 || d.figure("conflicts.type") != 7 {
			t.Errorf("told %q, counted %v", d.told, d.figure("conflicts.type"))
		}
		d.flush(lines(200, "x%d:1|g")...)
		d.flush(lines(200, "x%d:1|c")...)
		if n := len(d.tallies.list()); n > maxConflicts+1 {
			t.Errorf("%d families have separate counts", n)
		}
		if got := d.figure("conflicts.type"); got != 207 {
			t.Errorf("%v conflicts in all, want 207", got)
		}
	})
}

func TestTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDaemon(t, mapped(t, `
mappings:
- {match: "t.*", name: t, ttl: 10s, labels: {of: "$1"}}
- {match: "u", name: t, ttl: 1m}`))
		d.flush("t.a:5|c", "t.b:1|c", "kept:1|g", "t.c:1|g")
		time.Sleep(9 * time.Second)
		d.flush("t.b:1|c")
		d.expect("before", `t{of="a"} 5`, `t{of="b"} 2`, "kept 1")
		time.Sleep(2 * time.Second)
		d.flush()
		d.expect("after the ttl of one", `t{of="b"} 2`, "kept 1")
		time.Sleep(9 * time.Second)
		d.flush("t.a:7|c")
		d.expect("a removed series begins at 0", `t{of="a"} 7`, "kept 1")
		time.Sleep(11 * time.Second)
		d.flush()
		d.flush("u:3|g")
		d.expect("a family without series can have another type", "t 3", "kept 1")
	})
}

func TestTTLOfAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := limits
		cfg.TTL = 5 * time.Second
		d := startDaemon(t, cfg)
		d.flush(lines(500, "a%d:1|c")...)
		if got := d.figure("series"); got != 500 {
			t.Errorf("%v series", got)
		}
		time.Sleep(6 * time.Second)
		d.flush("a1:2|c")
		d.expect("all others are gone", "a1 3")
		time.Sleep(6 * time.Second)
		d.flush()
		d.expect("and then the last one")
		if d.figure("series") != 0 || d.figure("families") != 0 || len(d.store.names) != len(d.store.freeNames) {
			t.Errorf("%v series and %v families are left", d.figure("series"), d.figure("families"))
		}
		d.flush(lines(500, "b%d:1|c")...)
		if got := len(d.store.names); got > 501 {
			t.Errorf("the memory of names is not used again: %d", got)
		}
	})
}

// TestIdleNames checks that idle names are removed if they share their series with other names. The last name of
// a series is kept.
func TestIdleNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDaemon(t, mapped(t, `
mappings:
- {match: "job.*", name: jobs}
- {match: "noise.*", name: noise, action: drop}`))
		for range 30 {
			d.flush(append(lines(100, fmt.Sprintf("job.%d-%%d:1|c", time.Now().Unix())), "noise.a:1|c")...)
			time.Sleep(time.Minute)
		}
		d.expect("all jobs", "jobs 3000")
		if n := len(d.store.names) - len(d.store.freeNames); n > 1300 {
			t.Errorf("%d names are known", n)
		}
		time.Sleep(time.Hour)
		for range 2 {
			d.flush()
			time.Sleep(time.Minute)
		}
		d.expect("the series stays", "jobs 3000")
		if n := len(d.store.names) - len(d.store.freeNames); n != 1 {
			t.Errorf("%d names are known", n)
		}
	})
}

func TestFull(t *testing.T) {
	cfg := limits
	cfg.MaxSeries, cfg.MaxFamilies = 10, 5
	d := startDaemon(t, cfg)
	d.flush(lines(20, "a:1|c|#k:%d")...)
	if st := d.State(); st.Names != 10 || st.Dropped != 10 || st.Made != 20 || st.Delivered != 10 {
		t.Errorf("the state is %+v", st)
	}
	d.flush("a:1|c|#k:0", "b:1|c")
	if !strings.Contains(d.page(), `a{k="0"} 2`) || len(d.told) != 1 || !strings.Contains(d.told[0], "max-series") {
		t.Errorf("told %q, and shows\n%s", d.told, d.page())
	}
	d = startDaemon(t, cfg)
	d.flush(lines(8, "f%d:1|c")...)
	if st := d.State(); st.Names != 5 || st.Dropped != 3 {
		t.Errorf("with too many families, the state is %+v", st)
	}
}

func TestSummaryWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDaemon(t, mapped(t, `
mappings:
- {match: "s", name: s, summary_options: {max_age: 50s, age_buckets: 5, quantiles: [{quantile: 0.5}, {quantile: 1}]}}`))
		want := func(why, half, most, sum, count string) {
			t.Helper()
			d.expect(why, `s{quantile="0.5"} `+half, `s{quantile="1"} `+most, "s_sum "+sum, "s_count "+count)
		}
		d.flush("s:100|h")
		time.Sleep(30 * time.Second)
		d.flush("s:1:2|h")
		want("all", "2", "100", "103", "3")
		time.Sleep(15 * time.Second)
		d.flush()
		want("still", "2", "100", "103", "3")
		time.Sleep(10 * time.Second)
		d.flush()
		want("without the first", "1", "2", "103", "3")
		d.flush(lines(1000, "s:%d|h")...)
		time.Sleep(40 * time.Second)
		d.flush()
		var half float64
		for _, s := range parse(t, d.page()) {
			if s.labels["quantile"] == "0.5" {
				half = s.value
			}
		}
		if math.Abs(half-500) > 6 {
			t.Errorf("the median of 0 to 999 is %v", half)
		}
		time.Sleep(time.Minute)
		d.flush()
		want("nothing is left", "NaN", "NaN", "499603", "1003")
		if len(d.store.windows) != 0 {
			t.Error("an empty window keeps memory")
		}
	})
}

func TestSets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDaemon(t, limits)
		d.flush("s:a|s", "s:b|s")
		time.Sleep(30 * time.Second)
		d.flush("s:b|s", "s:c|s")
		d.expect("a minute", "s 3")
		time.Sleep(45 * time.Second)
		d.flush()
		d.expect("the first are gone", "s 2")
		time.Sleep(45 * time.Second)
		d.flush()
		d.expect("no member is left", "s 0")
		d.flush(lines(50_000, "big:%d|s")...)
		d.flush(lines(60_000, "big:%d|s")...)
		for _, s := range parse(t, d.page()) {
			if s.name == "big" && math.Abs(s.value-60_000) > 3000 {
				t.Errorf("60,000 members are counted as %v", s.value)
			}
		}
	})
}

func TestLabelsAndOwn(t *testing.T) {
	cfg := mapped(t, `
mappings:
- {match: "a.*", name: a, labels: {env: "mapped", of: "$1"}, id: first, help: "Some\nhelp"}
- {match: "b", name: b, honor_labels: true, labels: {env: "mapped"}}`)
	for range 3 {
		m := NewMapper(startDaemon(t, limits).mapping.set, true, nil)
		for range 3 { // the first call allocates the buffers, and later calls reuse them
			if got := string(m.Map(metric.Timer, []byte("a;le=1;quantile=2;quantile2=3")).Labels); got != `exported_quantile="2",le="1",quantile2="3"` {
				t.Errorf("the labels of a summary are %s", got)
			}
		}
	}
	cfg.Labels, cfg.Own, cfg.DropUnmatched = map[string]string{"dc": "eu\"1"}, true, true
	d := startDaemon(t, cfg)
	own := func() []byte {
		return []byte("# HELP statsd_names x\n# TYPE statsd_names gauge\nstatsd_names 1\n# HELP other x\n# TYPE other gauge\nother 1\n")
	}
	d.receive("a.x:1|c|#env:sent,dc:us", "b:1|c|#env:sent,le:1", "none:1|c", "a.x:1|c|#one-two:a,one.two:b,3:c")
	iv := d.table.Drain(nil)
	iv.Record = d.Record
	iv.Summarize(d.layout(), 1700000000)
	d.EndInterval(sink.Interval{End: time.Unix(1700000000, 0), Own: own})
	d.expect("labels", `a{dc="eu\"1",env="mapped",of="x"} 1`, `b{dc="eu\"1",env="sent",le="1"} 1`,
		`a{_3="c",dc="eu\"1",env="mapped",of="x",one_two="b"} 1`)
	for _, line := range []string{
		"statsd_names 1", "statsd_flush_timestamp_seconds 1700000000", `statsd_mapping_rule_names{rule="first"} 2`,
		`statsd_mapping_rule_shown_total{rule="first"} 2`, `statsd_mapping_rule_names{rule="2"} 1`, "statsd_mapping_unmatched_names 1",
		"statsd_mapping_dropped_total 1", "statsd_page_series 3", `# HELP a Some\nhelp`,
	} {
		if !strings.Contains(d.page(), line+"\n") {
			t.Errorf("the page has no line %q:\n%s", line, d.page())
		}
	}
}

func TestLongTexts(t *testing.T) {
	d := startDaemon(t, mapped(t, `
mappings:
- {match: "a\\.(.*)", match_type: regex, name: "$1$1$1$1$1$1$1$1", labels: {all: "$1$1"}}
- {match: "b\\.(.*)", match_type: regex, name: "b", labels: {all: "$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1"}}`))
	d.flush("a."+strings.Repeat("x", 900)+":1|c", "b."+strings.Repeat("x", 900)+":1|c", "ok:1|c")
	d.expect("names of families and labels have limits", "ok 1")
}

// TestViewsDoNotChange checks that a scrape that started before a flush shows the values from before the flush.
func TestViewsDoNotChange(t *testing.T) {
	d := startDaemon(t, limits)
	d.flush(append(lines(900, "a%d:1|c"), "h:1|h")...)
	held := d.acquire()
	text := func() string {
		var b buffer
		if err := held.write(&b); err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	before := text()
	for range 5 {
		d.flush(append(lines(900, "a%d:1|c"), "h:1|h", "new:1|c")...)
	}
	if text() != before {
		t.Error("a page changed while it was read")
	}
	d.release(held)
	d.flush()
	d.flush()
	if n := len(d.store.values.retired); n > 2 {
		t.Errorf("%d old sets of values are kept", n)
	}
}

func TestEscaping(t *testing.T) {
	for in, want := range map[string]string{
		"a.b": "a_b", "a-b": "a_b", "a--b": "a_b", "a-.-b": "a___b", "9a": "_9a", "café": "caf_", "": "", "a:b": "a_b", "é": "_", "-": "_",
	} {
		if got := string(appendName(nil, []byte(in))); got != want {
			t.Errorf("the name %q becomes %q, want %q", in, got, want)
		}
	}
	if got := string(appendValue(nil, []byte("é \\ \" \n \x00\t"))); got != "é \\\\ \\\" \\n _\t" {
		t.Errorf("a value becomes %q", got)
	}
}

func TestEmptyLabelsAreNoLabels(t *testing.T) {
	d := startDaemon(t, mapped(t, `
mappings:
- {match: "a.*", name: a, labels: {of: "$1"}}
- {match: "a", name: a}`))
	d.flush("a.:1|c")
	d.flush("a:2|c")
	d.expect("one series to Prometheus", `a{of=""} 3`)
	for labels, want := range map[string]string{
		`a="",b="x"`: `b="x"`, `a="x",b=""`: `a="x"`, `a=""`: ``, `a="=\"\"",b="",c=",b=\"\""`: `a="=\"\"",c=",b=\"\""`, `a="="`: `a="="`,
	} {
		if got := string(identity([]byte(labels))); got != want {
			t.Errorf("%s without empty labels is %s, want %s", labels, got, want)
		}
	}
}

func TestIndex(t *testing.T) {
	var x index
	hash := func(n uint32) uint64 { return uint64(n%7)<<56 | uint64(n%13) } // a bad hash function with many collisions
	for n := range uint32(500) {
		x.add(hash(n), n)
	}
	for n := uint32(0); n < 500; n += 3 {
		x.remove(hash(n), n)
	}
	for n := range uint32(500) {
		found, ok := x.find(hash(n), func(m uint32) bool { return m == n })
		if ok != (n%3 != 0) || ok && found != n {
			t.Errorf("%d: found %d, %v", n, found, ok)
		}
	}
}

func TestConfig(t *testing.T) {
	for key, change := range map[string]func(*Config){
		"host":         func(c *Config) { c.Addr = "x" },
		"port":         func(c *Config) { c.Addr = "x:y" },
		"max-series":   func(c *Config) { c.MaxSeries = 0 },
		"max-families": func(c *Config) { c.MaxFamilies = 0 },
		"labels":       func(c *Config) { c.Labels = map[string]string{"__x": "y"} },
		"mapping":      func(c *Config) { c.Mapping = "/does/not/exist" },
	} {
		cfg := limits
		change(&cfg)
		if _, err := New(cfg, nil); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("a bad %s gives %v", key, err)
		}
	}
}

func TestRecordAllocatesNothing(t *testing.T) {
	s, err := New(limits, nil)
	if err != nil {
		t.Fatal(err)
	}
	all := []metric.Collected{
		{Kind: metric.Counter, Name: []byte("c;k=v"), Value: 1}, {Kind: metric.Gauge, Name: []byte("g"), Value: 1},
	}
	record := func() {
		for i := range all {
			s.Record(&all[i])
		}
	}
	record()
	if n := testing.AllocsPerRun(100, record); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
