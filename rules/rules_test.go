package rules

import (
	"fmt"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/metric"
)

// load returns the Set of a file that must be valid.
func load(t testing.TB, purpose Purpose, text string) *Set {
	t.Helper()
	s, err := Load([]byte(text), purpose)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return s
}

// show returns the result for a name as text: the ID of the rule, the name, and the labels.
func show(s *Set, kind metric.Kind, name string) string {
	var r Result
	s.Map(kind, []byte(name), &r)
	if r.Rule == nil {
		return "none"
	}
	text := r.Rule.ID + " " + r.Rule.Action.String() + " " + string(r.Name)
	for _, l := range r.Labels {
		text += fmt.Sprintf(" %s=%s", l.Name, l.Value)
	}
	return text
}

func TestMap(t *testing.T) {
	for _, tt := range []struct{ why, rules, names string }{
		{"a glob takes whole components", `
- {match: "web.*.*.requests", name: web, labels: {verb: "$2", site: "$1"}}`,
			"web.eu.GET.requests=1 map web site=eu verb=GET, web..x.requests=1 map web site= verb=x, web.eu.requests=none, web.eu.GET.requests.x=none"},
		{"the first glob counts, also if a later one is more specific", `
- {match: "a.*.c", name: one}
- {match: "a.b.*", name: two}
- {match: "a.b.d", name: three}`,
			"a.b.c=1 map one, a.b.d=2 map two, a.x.c=1 map one, a.x.d=none"},
		{"a shorter glob after a longer one", `
- {match: "a.b.c", name: long}
- {match: "a.b", name: short}
- {match: "a.*", name: any}`,
			"a.b=2 map short, a.b.c=1 map long, a.x=3 map any"},
		{"globs come before regular expressions", `
- {match: ".*", match_type: regex, name: regex}
- {match: "g.*", name: glob}`,
			"g.a=2 map glob, h.a=1 map regex"},
		{"the first regular expression counts, and is not anchored", `
- {match: "mid(d)le", match_type: regex, name: "a_${1}_b"}
- {match: "dle", match_type: regex, name: second}`,
			"a.middle.b=1 map a_d_b, dle=2 map second"},
		{"named groups, the whole name, and a dollar", `
- {match: "x\\.(?P<who>[a-z]+)", match_type: regex, name: "n_$1", labels: {who: "$who", all: "$0", cash: "$$", not: "$1x"}}`,
			"x.tom=1 map n_tom all=x.tom cash=$ not= who=tom"},
		{"references of globs as statsd_exporter reads them", `
- {match: "a.*.*", name: "n", labels: {l1: "$1$2", l2: "$12", l3: "${1}${2}", l4: "$0", l5: "${who}", l6: "100%$1", l7: "$1-$2-$1", l8: "$1x", l9: "$"}}`,
			"a.b.c=1 map n l1= l2= l3=bc l4= l5= l6=100%b l7=b-c-b l8= l9=$"},
		{"types", `
- {match: "r.*", match_metric_type: counter, name: c}
- {match: "r.*", match_metric_type: observer, name: o}`,
			"r.a=1 map c"},
		{"a name can be empty", `
- {match: "u\\.(.*)", match_type: regex, name: "$1"}`, "u.=1 map , u.x=1 map x"},
		{"drop keeps the name", `
- {match: "noise.*", name: n, action: drop}`, "noise.a=1 drop noise.a"},
		{"an id", `
- {match: "a", name: n, id: first.rule}
- {match: "b", name: n}`, "a=first.rule map n, b=2 map n"},
		{"glob+ has wildcards beside text, and the whole name", `
- {match: "web_*.*-x.up", match_type: glob+, name: "n", labels: {l0: "$0", l1: "$1", l2: "$2"}}
- {match: "*", match_type: glob+, name: "one"}`,
			"web_1.a-x.up=1 map n l0=web_1.a-x.up l1=1 l2=a, web_.-x.up=1 map n l0=web_.-x.up l1= l2=, web1.a-x.up=none, web_1.a-y.up=none, a=2 map one"},
		{"text before and after a wildcard does not overlap", `
- {match: "ab*ba", match_type: glob+, name: n, labels: {l1: "$1"}}`, "abba=1 map n l1=, aba=none, ab1ba=1 map n l1=1"},
	} {
		s := load(t, Mapping, "mappings:"+tt.rules)
		for one := range strings.SplitSeq(tt.names, ", ") {
			name, want, _ := strings.Cut(one, "=")
			if got := show(s, metric.Counter, name); got != want {
				t.Errorf("%s: %s gives %q, want %q", tt.why, name, got, want)
			}
		}
	}
}

func TestDefaults(t *testing.T) {
	s := load(t, Mapping, `
defaults: {glob_disable_ordering: true}
mappings:
- {match: "a.*.c", name: one}
- {match: "a.b.*", name: two}
- {match: "a.b.d", name: three}
- {match: "a.b.e.f", name: four}`)
	for name, want := range map[string]string{"a.b.c": "2 map two", "a.b.d": "3 map three", "a.x.c": "1 map one", "a.b.e": "2 map two"} {
		if got := show(s, metric.Counter, name); got != want {
			t.Errorf("the most specific: %s gives %q, want %q", name, got, want)
		}
	}
	s = load(t, Mapping, `
defaults: {order: file, unmatched: drop, match_type: regex, ttl: 5m, observer_type: histogram, histogram_options: {buckets: [1, 2, .inf]}}
mappings:
- {match: "^a", name: regex}
- {match: "a.*", match_type: glob, name: glob}
- {match: "b.*", match_type: glob, name: glob, ttl: 1s}
- {match: "b", name: regex}`)
	for name, want := range map[string]string{"a.b": "1 map regex", "b.a": "3 map glob", "cb": "4 map regex"} {
		if got := show(s, metric.Counter, name); got != want {
			t.Errorf("in the order of the file: %s gives %q, want %q", name, got, want)
		}
	}
	if !s.DropUnmatched || s.Defaults.Observer != Histogram || len(s.Rule(0).Bounds) != 2 || s.Rule(0).TTL.Minutes() != 5 || s.Rule(2).TTL.Seconds() != 1 {
		t.Errorf("the defaults are %+v, rule 1 has %+v", s.Defaults, s.Rule(0).Options)
	}
}

func TestSets(t *testing.T) {
	s := load(t, Mapping, `
mappings:
- {match: "a.*", match_metric_type: gauge, name: gauge}
- {match: "a.*", match_metric_type: set, name: set}`)
	if got := show(s, metric.Set, "a.b"); got != "2 map set" {
		t.Errorf("a set gives %q", got)
	}
}

func TestIntake(t *testing.T) {
	s := load(t, Intake, `
mappings:
- {match: "noise.*", action: drop}
- {match: "web.*.internal", action: keep, id: own}
- {match: "web.*.*", name: "site-$1.$2", labels: {host: "$1"}, ttl: 1m, mode: count, gauge_sign: absolute}`)
	for name, want := range map[string]string{
		"noise.a": "1 drop noise.a", "web.a.internal": "own keep web.a.internal", "web.a.b": "3 map site-a.b host=a", "a": "none",
	} {
		if got := show(s, metric.Gauge, name); got != want {
			t.Errorf("%s gives %q, want %q", name, got, want)
		}
	}
	if r := s.Rule(2); !r.Count || r.Sign != Absolute || r.TTL.Minutes() != 1 {
		t.Errorf("rule 3 is %+v", r)
	}
}

func TestFaults(t *testing.T) {
	many := "mappings:" + strings.Repeat("\n- {match: a, name: a}", MaxRules+1)
	regexes := "mappings:" + strings.Repeat("\n- {match: a, match_type: regex, name: a}", MaxRegexes+1)
	for _, tt := range []struct{ text, want string }{
		{"mappings:\n- match: \"e.*\"", "line 2, rule 1: name: is missing"},
		{"mappings:\n\n# two\n- {match: a, name: b}\n-\n  id: x\n  match: \"e.*\"\n  name: 9bad", `line 6, rule x: name: must consist of letters`},
		{"mappings:\n- {match: a, name: b-c}", `line 2, rule 1: name: must consist of letters, digits, _ and references such as $1, not "b-c"`},
		{"mappings:\n- {match: 9e, name: b}", `line 2, rule 1: match: must consist of components`},
		{"mappings:\n- {match: 'a*.b', name: b}", `match: must consist of components`},
		{"mappings:\n- {match: 'a.', name: b}", `match: must consist of components`},
		{"mappings:\n- {match: 'a**', match_type: glob+, name: b}", `match: must consist of components`},
		{"mappings:\n- {match: '', match_type: glob+, name: b}", `match: must consist of components`},
		{"mappings:\n- {match: '(', match_type: regex, name: b}", "match: error parsing regexp"},
		{"mappings:\n- {match: a, match_type: other, name: b}", `match_type: must be one of glob, regex, glob+, not "other"`},
		{"defaults: {match_type: other}", `defaults: match_type: must be one of glob`},
		{"mappings:\n- {match: a, name: b, labels: {x: y}}", `labels: a name must have at least two characters`},
		{"mappings:\n- {match: a, name: b, labels: {__x: y}}", `labels: __x: names that begin with __ are reserved`},
		{"mappings:\n- {match: a, name: b, labels: {le: y}}", `labels: le: is reserved`},
		{"mappings:\n- {match: a, name: b, labels: {quantile: y}}", `labels: quantile: is reserved`},
		{"mappings:\n- {match: a, name: b, labels: {bin: !!binary /w==}}", `labels: bin: must be at most`},
		{"mappings:\n- {match: a, name: b, help: !!binary /w==}", `help: is not valid`},
		{"mappings:\n- {match: a, name: b, action: keep}", `action: must be one of map, drop, not "keep"`},
		{"mappings:\n- {match: a, name: b, match_metric_type: ''}", `match_metric_type: must be counter`},
		{"mappings:\n- {match: a, name: b, match_metric_type: timer}", `match_metric_type: must be counter, gauge, observer or set, not "timer"`},
		{"mappings:\n- {match: a, name: b, observer_type: gauge}", `observer_type: must be one of summary, histogram`},
		{"mappings:\n- {match: a, name: b, observer_type: histogram, summary_options: {max_age: 1s}}", `summary_options: need observer_type summary, not histogram`},
		{"mappings:\n- {match: a, name: b, observer_type: summary, histogram_options: {buckets: [1]}}", `histogram_options: need observer_type histogram, not summary`},
		{"mappings:\n- {match: a, name: b, histogram_options: {buckets: [1, 1]}}", `buckets: must be numbers in ascending order`},
		{"mappings:\n- {match: a, name: b, histogram_options: {buckets: [.nan]}}", `buckets: must be numbers in ascending order`},
		{"mappings:\n- {match: a, name: b, summary_options: {quantiles: [{quantile: 1.1}]}}", `quantiles: must be between 0 and 1, not 1.1`},
		{"mappings:\n- {match: a, name: b, summary_options: {quantiles: [{quantile: .nan}]}}", `quantiles: must be between 0 and 1`},
		{"mappings:\n- {match: a, name: b, summary_options: {max_age: -1s}}", `max_age: must be more than 0`},
		{"mappings:\n- {match: a, name: b, summary_options: {age_buckets: 101}}", `age_buckets: must be at most 100`},
		{"defaults: {histogram_options: {buckets: [2, 1]}}", `defaults: buckets: must be numbers in ascending order`},
		{"mappings:\n- {match: a, name: b, scale: lots}", "line 2: cannot unmarshal !!str `lots` into float64"},
		{"mappings:\n- {match: a, name: b, scale: .nan}", "scale: must be a finite number"},
		{"mappings:\n- {match: a, name: b, ttl: -1s}", "ttl: must be 0"},
		{"defaults: {ttl: 1.5}", `line 1: must be a duration such as 5m or 30s, not "1.5"`},
		{"mappings:\n- {match: a, name: b, ttl: 9999999h}", `line 2: must be a duration such as`},
		{"mappings:\n- {match: a, name: b, ttl: [1s]}", "line 2: cannot unmarshal"},
		{"mappings:\n- {match: a, name: b, summary_options: {max_age: 60}}", "max_age: 60ns is too short"},
		{"mappings:\n- {match: a, name: b}\n---\nmappings:\n- {match: b, name: b}", "has a second document after ---"},
		{"mappings: []\n---\n[", "has a second document after ---"},
		{"mappings:\n- {match: a, name: b, unknown_key: 1}", "line 2: field unknown_key not found"},
		{"mappings:\n- {match: a, match: b, name: b}", "line 2: "},
		{"mappings: 7", "line 1: cannot unmarshal"},
		{"mappings:\n- match: a\n   name: x", "line 3: "},
		{"other: 1", "line 1: field other not found"},
		{"mappings:\n- {match: a, name: b, id: x}\n- {match: b, name: b, id: x}", "line 3, rule x: id: another rule has the id x"},
		{"mappings:\n- {match: a, name: b, id: a b}", "id: must be at most 64"},
		{"mappings:\n- {match: a, name: b, mode: count}", "mode, gauge_sign: are allowed only in a file for --rules"},
		{"\xff", "is not valid UTF-8"},
		{strings.Repeat("#", MaxFile+1), "has 1048577 bytes"},
		{many, "has 10001 rules, and may have at most 10000"},
		{regexes, "line 1002, rule 1001: match_type: a file may have at most 1000 regular expressions"},
		{"mappings:\n- {match: " + strings.Repeat("a", 5000) + ", name: b}", "match: may have at most 4096 bytes"},
		{"a: &a [x, x]\nb: &b [*a, *a]\nmappings: *b", "field"},
	} {
		_, err := Load([]byte(tt.text), Mapping)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.200s\n\tgives %v, want %s", tt.text, err, tt.want)
		}
	}
	for _, tt := range []struct{ text, want string }{
		{"mappings:\n- {match: a, name: b, ttl: 5}", "line 2, rule 1: ttl: 5ns is too short: give a duration with a unit"},
		{"defaults: {ttl: 5}", "ttl: 5ns is too short"},
		{"mappings:\n- {match: a, name: b, scale: 2}", "line 2, rule 1: scale: is for the mapping of a prometheus sink only"},
		{"mappings:\n- {match: a, name: b, help: x}", "help: is for"},
		{"defaults: {summary_options: {max_age: 1s}}", "defaults: summary_options: is for"},
		{"mappings:\n- {match: a, name: 'b c'}", "name: must consist of letters"},
		{"mappings:\n- {match: a, action: drop, name: b}", "name: only a rule with action map may have a name"},
		{"mappings:\n- {match: a, name: b, mode: dry}", "mode: must be one of apply, count"},
		{"mappings:\n- {match: a, name: b, gauge_sign: x}", "gauge_sign: must be one of absolute, delta"},
	} {
		if _, err := Load([]byte(tt.text), Intake); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("at intake, %s\n\tgives %v, want %s", tt.text, err, tt.want)
		}
	}
}

func TestWarnings(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{`
mappings:
- {match: "a.*", name: n}
- {match: "a.b", name: n}`, "line 4, rule 2: the rule never applies, because rule 1 (line 3) matches all of its names first"},
		{`
mappings:
- {match: "a.*", name: n, match_metric_type: counter}
- {match: "a.b", name: n}`, ""},
		{`
mappings:
- {match: "a.*", name: n, match_metric_type: counter}
- {match: "a.*.*", name: n}
- {match: "*.b", name: n}
- {match: "a.b", name: n, match_metric_type: counter}`, "line 6, rule 4: the rule never applies, because rule 1 (line 3) matches all of its names first"},
		{`
defaults: {glob_disable_ordering: true}
mappings:
- {match: "a.*", name: n}
- {match: "a.b", name: n}
- {match: "a.b", name: m}`, "line 6, rule 3: the rule never applies, because rule 2 (line 5) matches all of its names first"},
		{`
mappings:
- {match: "x", match_type: regex, name: n}
- {match: "x", match_type: regex, name: n}
- {match: ".*", match_type: regex, name: n}
- {match: "y", match_type: regex, name: n}
- {match: "z", name: n}`, "line 4, rule 2: the rule never applies, because rule 1 (line 3) matches all of its names first\n" +
			"line 6, rule 4: the rule never applies, because rule 3 (line 5) matches all of its names first"},
		{`
mappings:
- {match: "web_*", match_type: glob+, name: n}
- {match: "web_1", name: n}
- {match: "web*", match_type: glob+, name: n}`, "line 4, rule 2: the rule never applies, because rule 1 (line 3) matches all of its names first"},
		{`
mappings:
- {match: "a.*.*", name: "n_$1$2", labels: {l1: "$3", l2: "$1x", l3: "$0", l4: "$12"}}`,
			"line 3, rule 1: name: $1$2 is read as one reference, and is empty; write ${1}${2}\n" +
				"line 3, rule 1: label l1: $3 refers to no part of the match, and is empty\n" +
				"line 3, rule 1: label l2: $1x is read as one reference, and is empty; write ${1}x\n" +
				"line 3, rule 1: label l3: $0 is empty in a glob; with match_type glob+, $0 is the whole name\n" +
				"line 3, rule 1: label l4: $12 refers to no part of the match, and is empty"},
		{`
mappings:
- {match: "(?P<who>a)", match_type: regex, name: "n_$1", labels: {l1: "$who $0 $$ ${1}x", l2: "$1x ${2} $what"}}`,
			"line 3, rule 1: label l2: $1x is read as one reference, and is empty; write ${1}x\n" +
				"line 3, rule 1: label l2: ${2} refers to no part of the match, and is empty\n" +
				"line 3, rule 1: label l2: $what refers to no part of the match, and is empty"},
	} {
		s, err := Load([]byte(tt.text), Mapping)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, w := range s.Warnings() {
			lines = append(lines, w.String())
		}
		if got := strings.Join(lines, "\n"); err != nil || got != tt.want {
			t.Errorf("%s\ngives %v\n%s\nwant\n%s", tt.text, err, got, tt.want)
		}
	}
}

func TestExplain(t *testing.T) {
	s := load(t, Mapping, `
mappings:
- {match: "^a", match_type: regex, name: r1}
- {match: "a.*", name: "g_$1"}
- {match: "a.b", name: g2}
- {match: "b", match_type: regex, name: r2}
- {match: "c", match_type: regex, name: r3}`)
	e := s.Explain(metric.Counter, []byte("a.b"))
	var others []string
	for _, r := range e.Others {
		others = append(others, r.ID)
	}
	if got := strings.Join(others, " "); e.Rule.ID != "2" || string(e.Name) != "g_b" || got != "3 1 4" {
		t.Errorf("a.b: rule %s, name %s, others %s", e.Rule.ID, e.Name, got)
	}
	if e := s.Explain(metric.Counter, []byte("x")); e.Rule != nil || e.Others != nil {
		t.Errorf("x: %+v", e)
	}
}

// If a Result is reused, mapping with globs allocates nothing.
func TestMapAllocatesNothing(t *testing.T) {
	s := load(t, Mapping, `
mappings:
- {match: "a.*.*", name: "n_$1", labels: {l1: "$2", l2: "$1"}}
- {match: "web_*", match_type: glob+, name: "n", labels: {l1: "$0"}}`)
	var r Result
	names := [][]byte{[]byte("a.b.c"), []byte("web_1"), []byte("other")}
	if n := testing.AllocsPerRun(100, func() {
		for _, name := range names {
			s.Map(metric.Timer, name, &r)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkMap(b *testing.B) {
	for _, match := range []string{"glob", "regex"} {
		var text strings.Builder
		text.WriteString("mappings:\n")
		for i := range 50 {
			if match == "glob" {
				fmt.Fprintf(&text, "- {match: 'service%d.*.*.time', name: 'service_$1', labels: {verb: '$2'}}\n", i)
			} else {
				fmt.Fprintf(&text, "- {match: '^service%d\\.([^.]*)\\.([^.]*)\\.time$', match_type: regex, name: 'service_$1', labels: {verb: '$2'}}\n", i)
			}
		}
		s, name := load(b, Mapping, text.String()), []byte("service42.users.GET.time")
		b.Run(match, func(b *testing.B) {
			b.ReportAllocs()
			var r Result
			for b.Loop() {
				s.Map(metric.Timer, name, &r)
			}
			if r.Rule == nil || r.Rule.Number != 42 {
				b.Fatalf("found %+v", r.Rule)
			}
		})
	}
}
