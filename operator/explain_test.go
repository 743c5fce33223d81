package operator

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/intake"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/meta/question"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/wire"
	"github.com/statsd-ops/statsd/wire/corpus"
)

// quiet is a source without figures.
type quiet struct{ discards meta.Discards }

func (quiet) Figures() []meta.Figure    { return nil }
func (quiet) Health() meta.Health       { return meta.Health{} }
func (q quiet) Discards() meta.Discards { return q.discards }

// running returns a Running with an empty table.
func running(dialect metric.Dialect, tags metric.Tags) *Running {
	r := &Running{
		Listen: intake.Listen{Dialect: dialect, Tags: tags},
		Scheme: aggregate.Reference.Layout().Scheme(),
		Limits: aggregate.Config{
			Shards: 2, MaxNames: 5, MaxNameLength: 40, MaxSetMembers: 10, MaxTimerSamples: 10,
			Tagged: tags == metric.GraphiteTags, Dialect: dialect, Expire: [metric.Kinds]uint32{2, 2, 2, 2},
		},
	}
	r.Table = aggregate.NewTable(r.Limits)
	return r
}

// desk returns a Desk for a table. It needs no flush loop.
func desk(r *Running, s Sources) *Desk {
	s.OnLoop = func(_ context.Context, f func(*Running)) error { f(r); return nil }
	s.Flushed = func() (uint64, time.Time) { return 3, time.Now().Add(-4 * time.Second) }
	s.Sinks = func() []delivery.State { return nil }
	if s.Daemon == nil {
		s.Daemon = quiet{}
	}
	return New(s)
}

func explain(t *testing.T, d *Desk, text string) question.Explanation {
	t.Helper()
	answer, err := d.explain(t.Context(), question.Arguments{"text": text})
	if err != nil {
		t.Fatal(err)
	}
	return answer.(question.Explanation)
}

// receive adds lines to a table as the daemon does. It returns what happened to each sample.
func receive(r *Running, lines string) (verdicts []string) {
	p, shard := r.Listen.Parser(), r.Table.Shard(0)
	p.Reset([]byte(lines))
	var s metric.Sample
	for {
		switch p.Next(&s) {
		case wire.End:
			return verdicts
		case wire.Event:
			verdicts = append(verdicts, "event")
		case wire.Discard:
			verdicts = append(verdicts, fmt.Sprint(p.Reason(), " at ", p.At()))
		case wire.Sample:
			shard.Lock()
			reason := shard.Add(&s)
			shard.Unlock()
			if reason == metric.None {
				verdicts = append(verdicts, "good")
				continue
			}
			verdicts = append(verdicts, fmt.Sprint(reason, " at 0"))
		}
	}
}

// explained returns what happens to each sample according to an explanation, in the same form as
// receive.
func explained(e question.Explanation) (verdicts []string) {
	for _, s := range e.Steps {
		switch {
		case s.Name != "parsed" || strings.HasPrefix(s.Text, "white space only"):
		case strings.HasPrefix(s.Text, "an event"):
			verdicts = append(verdicts, "event")
		case !s.OK:
			verdicts = append(verdicts, fmt.Sprint(s.Reason, " at ", s.At))
		default:
			verdicts = append(verdicts, "good")
		}
	}
	return verdicts
}

// For each line, the explanation agrees with the parser and the table. An explanation changes no
// counts.
func TestExplainCorpus(t *testing.T) {
	for dialect := range metric.Dialect(metric.Dialects) {
		for _, tags := range []metric.Tags{metric.DropTags, metric.GraphiteTags, metric.TagsInName} {
			asked := running(dialect, tags)
			d := desk(asked, Sources{})
			for _, line := range corpus.Lines(soak.Pick(soak.Times(1000), 20_000)) {
				if !strings.ContainsAny(line, ":|") || len(line) > 1024 {
					continue
				}
				want := receive(running(dialect, tags), line)
				got := explained(explain(t, d, line))
				if !slices.Equal(got, want[:min(len(want), maxParsed)]) {
					t.Fatalf("%s, tags %d: %q: explained %q, want %q", dialect, tags, line, got, want)
				}
			}
			if n := asked.Table.Names(); n != 0 {
				t.Errorf("%s: explaining made %d names", dialect, n)
			}
		}
	}
}

// step returns the first step with the given name.
func step(t *testing.T, e question.Explanation, name string) question.Step {
	t.Helper()
	i := slices.IndexFunc(e.Steps, func(s question.Step) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("%s: no step %s in %+v", e.Text, name, e.Steps)
	}
	return e.Steps[i]
}

func TestExplainLine(t *testing.T) {
	r := running(metric.Reference, metric.DropTags)
	receive(r, "Checkout_Pay-EU:1|c\nother:1|g")
	d := desk(r, Sources{})
	e := explain(t, d, "Checkout Pay/EU!:81.5|ms|@0.5|#a:b")
	for name, want := range map[string]string{
		"parsed":    "Checkout Pay/EU!  value 81.5  kind timer  rate 0.5  tags dropped",
		"name":      "Checkout_Pay-EU  space -> _, / -> -, ! deleted  (--dialect reference)",
		"rules":     "no mute matches; the name has 16 of at most 40 bytes; a new name; 2 of 5 names are known",
		"kind":      "timer; also known as a counter: the paths differ, so there is no clash",
		"published": "stats.timers.Checkout_Pay-EU.{lower,upper,mean,count,upper_90}",
		"sinks":     "no sink is configured",
	} {
		if s := step(t, e, name); s.Text != want {
			t.Errorf("%s: %s, want %s", name, s.Text, want)
		}
	}
	if paths := step(t, e, "published").Paths; !slices.Contains(paths, "stats.timers.Checkout_Pay-EU.mean") {
		t.Errorf("paths %v", paths)
	}
	bad := explain(t, d, "php.err:1,5|ms")
	if len(bad.Steps) != 1 || !bad.Known || bad.Steps[0].OK || bad.Steps[0].At != 8 || bad.Steps[0].Reason != "bad_value" ||
		bad.Steps[0].Text != "php.err:1,5|ms  bad_value at byte 9: 1,5 is not a finite decimal number" {
		t.Errorf("a bad line: %+v", bad)
	}
}

// The explanation of a name with tags, or in another layout, shows the name and paths that the
// daemon really publishes.
func TestExplainSchemes(t *testing.T) {
	for _, tt := range []struct {
		dialect          metric.Dialect
		tags             metric.Tags
		naming           aggregate.Naming
		line, name, path string
	}{
		{metric.Reference, metric.GraphiteTags, aggregate.Reference, "a b:1|c|#k:v", "a_b;k=v  tags are a part of the name (--tags)  space -> _  (--dialect reference)", "stats.a_b;k=v"},
		{metric.Reference, metric.TagsInName, aggregate.Reference, "a:1|c|#k:v", "a.k.v  tags are a part of the name (--tags)", "stats.a.k.v"},
		{metric.Etsy, metric.DropTags, aggregate.EtsyLegacy, "a=b:1|c", "a=b  as sent", "stats_counts.a=b"},
		{metric.Etsy, metric.DropTags, aggregate.Etsy, "a/b:1|ms", "a-b  / -> -  (--dialect etsy)", "stats.timers.a-b.mean_90"},
		{metric.Gstatsd, metric.DropTags, aggregate.Gstatsd, "a b:1|g", "ab  space deleted  (--dialect gstatsd)", "stats.ab"},
	} {
		r := running(tt.dialect, tt.tags)
		r.Scheme = tt.naming.Layout().Scheme()
		e := explain(t, desk(r, Sources{}), tt.line)
		if got := step(t, e, "name").Text; got != tt.name {
			t.Errorf("%s, %s: name %s, want %s", tt.naming, tt.line, got, tt.name)
		}
		if got := step(t, e, "published").Paths; !slices.Contains(got, tt.path) {
			t.Errorf("%s, %s: paths %v lack %s", tt.naming, tt.line, got, tt.path)
		}
	}
}

// An explanation reports if two kinds of one name, or two names, have the same path.
func TestExplainClash(t *testing.T) {
	r := running(metric.Reference, metric.DropTags)
	receive(r, "a:1|c\nlat:1|ms")
	d := desk(r, Sources{Daemon: quiet{meta.Discards{Collisions: []string{"stats.b..c (in Graphite: stats.b.c)"}}}})
	for text, want := range map[string]string{
		"a:1|g":               "gauge; also known as a counter; clash: stats.a is also a path of the counter a; Graphite keeps the value that comes last",
		"timers.lat.mean:1|c": "counter; clash: stats.timers.lat.mean is also a path of the timer lat; Graphite keeps the value that comes last",
		"b..c:1|c":            "counter; clash: another name was published with the path stats.b..c (in Graphite: stats.b.c); Graphite keeps the value that comes last",
		"new:1|c":             "counter",
	} {
		if s := step(t, explain(t, d, text), "kind"); s.Text != want || s.OK != !strings.Contains(want, "clash") {
			t.Errorf("%s: %v %s, want %s", text, s.OK, s.Text, want)
		}
	}
}

// An explanation says why a name is refused: because of a mute, of the limit on names, or of its
// length.
func TestExplainRefused(t *testing.T) {
	r := running(metric.Reference, metric.DropTags)
	receive(r, "a:1|c\nb:1|c\nc:1|c\nd:1|c\ne.f.g:1|c")
	mute := question.Mute{Match: "a*", Until: time.Now().Add(10 * time.Minute)}
	d := desk(r, Sources{
		Mutes: func() []question.Mute { return []question.Mute{mute} },
		Daemon: quiet{meta.Discards{
			Refused: []meta.Refusal{{Limit: "max-names", Prefix: "web.hits.", Min: 1000, Max: 1200}},
			Lines:   []meta.BadLine{{Time: time.Now(), Reason: "bad_type", Line: []byte("web.hits:1|x")}},
		}},
	})
	for text, want := range map[string]struct{ reason, part string }{
		"a:1|c":            {"muted", "muted by a* for another 10m"},
		"web.hits.new:1|c": {"refused_name", "not known, and 5 of 5 names are known: its samples are refused (--max-names); 1,000 to 1,200 samples of web.hits. were refused (--max-names); 1 of the last 1 bad lines begin with web., the last"},
		"b:1|c":            {"", "known already"},
	} {
		if s := step(t, explain(t, d, text), "rules"); s.Reason != want.reason || s.OK != (want.reason == "") || !strings.Contains(s.Text, want.part) {
			t.Errorf("%s: %s %s, want %v", text, s.Reason, s.Text, want)
		}
	}
	if s := step(t, explain(t, d, strings.Repeat("x", 41)+":1|c"), "parsed"); s.Reason != "too_long" {
		t.Errorf("a long name: %+v", s)
	}
	if e := explain(t, d, "!!!"); e.Known || step(t, e, "name").Reason != "empty_name" {
		t.Errorf("a name of which nothing is left: %+v", e)
	}
}

// For an unknown name, the explanation lists known names with a similar spelling.
func TestExplainUnknown(t *testing.T) {
	r := running(metric.Reference, metric.DropTags)
	r.Limits.MaxNames = 100
	r.Table = aggregate.NewTable(r.Limits)
	receive(r, "api.request.count:1|c\napi.request.ms:1|ms\nother.request.count:1|c\nLogin:1|s\nx:1|c")
	d := desk(r, Sources{})
	for text, want := range map[string][]string{
		"api.request.cuont":  {"api.request.count"},
		"api.request.coun":   {"api.request.count"},
		"api.request.counts": {"api.request.count"},
		"api.request":        {"api.request.count", "api.request.ms"},
		"login":              {"Login"},
		"nothing.like.it":    {},
	} {
		if e := explain(t, d, text); e.Known || !slices.Equal(e.Near, want) {
			t.Errorf("%s: near %v, want %v", text, e.Near, want)
		}
	}
	if e := explain(t, d, "api.request.ms"); !e.Known || len(e.Near) > 0 || step(t, e, "kind").Text != "timer" {
		t.Errorf("a known name: %+v", e)
	}
}

func TestOneEdit(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"abc", "abc", true}, {"abc", "abd", true}, {"abc", "ab", true}, {"abc", "acb", true}, {"abc", "xabc", true},
		{"abc", "axc", true}, {"abc", "cba", false}, {"abc", "a", false}, {"aab", "aba", true}, {"abcd", "badc", false}, {"", "a", true},
	} {
		if got := oneEdit(tt.a, tt.b); got != tt.want || oneEdit(tt.b, tt.a) != got {
			t.Errorf("%q, %q: %v", tt.a, tt.b, got)
		}
	}
}
