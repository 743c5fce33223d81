package naming

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/rules"
)

func load(t testing.TB, text string) *rules.Set {
	t.Helper()
	set, err := rules.Load([]byte(text), rules.Intake)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return set
}

// show returns a readable form of the result for a name.
func show(to *aggregate.Resolved) string {
	text := string(to.Name)
	if to.Reason != metric.None {
		text = to.Reason.String()
	}
	for i, rule := range to.Rules {
		if rule > 0 {
			text += fmt.Sprintf(" %s %d", []string{"rule", "counted"}[i], rule)
		}
	}
	if to.Class > 0 {
		text += fmt.Sprintf(" class %d", to.Class)
	}
	text += []string{"", " absolute", " delta"}[to.Sign]
	if to.TagsDropped {
		text += " lost"
	}
	return text
}

func TestResolve(t *testing.T) {
	const file = `
defaults: {ttl: 1h}
mappings:
- {match: drop.*, action: drop}
- {match: keep.*, action: keep, ttl: 61s}
- {match: a.*.*, name: "$2.$1", ttl: 0s}
- {match: tag.*, name: "$0", labels: {k: "$1", own: x}}
- {match: honor.*, name: honor, labels: {k: "$1"}, honor_labels: true}
- {match: '^empty(.*)', match_type: regex, name: "$1"}
- {match: try.*, action: drop, mode: count}
- {match: try.b, name: tried}
- {match: sign.*, action: keep, gauge_sign: absolute, match_metric_type: gauge}`
	graphite := Config{Tags: metric.GraphiteTags, Flush: 10 * time.Second}
	for _, tt := range []struct {
		config Config
		names  string // one test in each line: NAME => RESULT
	}{
		{graphite, `
x => x class 1
x y/z:k:v,b => x_y-z;b=true;k=v class 1
drop.a => dropped_by_rule rule 1 class 1
drop.a:k:v => dropped_by_rule rule 1 class 1
keep.a => keep.a rule 2 class 2
a.b.c:z:1 => c.b;z=1 rule 3 class 1
tag.t => tag.t;k=t;own=x rule 4 class 1
tag.t:k:theirs,a:1 => tag.t;a=1;k=t;own=x rule 4 class 1
honor.t:k:theirs => honor;k=theirs rule 5 class 1
honor.t => honor;k=t rule 5 class 1
empty => dropped_by_rule rule 6 class 1
empty.x => .x rule 6 class 1
try.a => try.a counted 7 class 1
try.b => tried rule 8 counted 7 class 1
sign.a => sign.a class 1
%% => empty_name`},
		{Config{Tags: metric.DropTags, Styles: metric.InfluxDB, Flush: time.Second}, `
x,k=v => x class 1 lost
drop.a,k=v => dropped_by_rule rule 1 class 1 lost`},
		{Config{AsSent: true, Tags: metric.LabelTags, Flush: time.Hour}, `
é x:k:ü => é x;k=ü class 1
drop.é => dropped_by_rule rule 1 class 1
` + "\xff => bad_name"},
	} {
		set := load(t, file)
		r := NewResolver(tt.config, tt.config.Tagger(), set)
		for line := range strings.Lines(tt.names) {
			name, want, found := strings.Cut(strings.TrimSuffix(line, "\n"), " => ")
			if !found {
				continue
			}
			for range 2 { // the second round reuses the memory of the first
				var to aggregate.Resolved
				if r.Resolve(metric.Counter, []byte(name), &to); show(&to) != want {
					t.Errorf("%s is %q, want %q", name, show(&to), want)
				}
			}
		}
	}
	r := NewResolver(graphite, graphite.Tagger(), load(t, file))
	var to aggregate.Resolved
	if r.Resolve(metric.Gauge, []byte("sign.a"), &to); show(&to) != "sign.a rule 9 class 1 absolute" {
		t.Errorf("a gauge's sign: %q", show(&to))
	}
}

// Without rules, names are only cleaned. Names that match no rule can be dropped.
func TestUnmatched(t *testing.T) {
	c := Config{}
	var to aggregate.Resolved
	if NewResolver(c, nil, nil).Resolve(metric.Set, []byte("a/b"), &to); show(&to) != "a-b" {
		t.Errorf("%q", show(&to))
	}
	set := load(t, "defaults: {unmatched: drop}\nmappings: [{match: a.*, action: keep}]")
	for name, want := range map[string]string{"a.b": "a.b rule 1", "b": "dropped_by_rule"} {
		to = aggregate.Resolved{}
		if NewResolver(c, nil, set).Resolve(metric.Set, []byte(name), &to); show(&to) != want {
			t.Errorf("%s: %q, want %q", name, show(&to), want)
		}
	}
}

func TestCheck(t *testing.T) {
	labels := load(t, "mappings: [{match: a, name: a, labels: {kk: v}}]")
	many := "mappings:"
	for i := range aggregate.MaxTTLs + 1 {
		many += fmt.Sprintf("\n- {match: a%d, action: keep, ttl: %ds}", i, i+1)
	}
	for _, tt := range []struct {
		config Config
		set    *rules.Set
		want   string
	}{
		{Config{}, nil, ""},
		{Config{}, labels, "line 1, rule 1: the labels become tags, which need --tags=graphite or --tags=labels"},
		{Config{Tags: metric.TagsInName}, labels, "the labels become tags"},
		{Config{Tags: metric.LabelTags}, labels, ""},
		{Config{Flush: time.Second}, load(t, many), "the rules have 64 different values of ttl, each rounded up to whole flush intervals; at most 63 are possible"},
		{Config{Flush: 10 * time.Second}, load(t, many), ""},
	} {
		if err := tt.config.Check(tt.set); err == nil && tt.want != "" || err != nil && (tt.want == "" || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%v, want %q", err, tt.want)
		}
	}
}

// A new rule is the heir of an old rule if it gives the same names. The heir can have another
// number and another ttl.
func TestHeirs(t *testing.T) {
	c := Config{Flush: time.Second, Tags: metric.GraphiteTags}
	before := load(t, `mappings:
- {match: a.*, name: "x.$1", ttl: 5s}
- {match: b.*, name: "y.$1"}
- {match: c.*, name: "z.$1"}
- {match: d.*, action: keep}`)
	after := load(t, `mappings:
- {match: d.*, action: keep, ttl: 9s}
- {match: b.*, name: "other.$1"}
- {match: a.*, name: "x.$1", ttl: 7s}
- {match: c.*, name: "z.$1", match_metric_type: gauge}`)
	all := c.Rules(nil, after, before)
	if want := []aggregate.Heir{{Rule: 3, Class: 2}, {}, {}, {}}; !slices.Equal(all.Heirs, want) {
		t.Errorf("heirs %v, want %v", all.Heirs, want)
	}
	if !slices.Equal(all.TTLs, []uint32{9, 7}) || all.Count != 4 {
		t.Errorf("%+v", all)
	}
	if all := c.Rules(nil, nil, before); !slices.Equal(all.Heirs, make([]aggregate.Heir, 4)) {
		t.Errorf("without rules: %v", all.Heirs)
	}
	for ttl, want := range map[time.Duration]uint32{0: 0, 1: 1, time.Second: 1, time.Second + 1: 2, 1 << 62: maxFlushes} {
		if got := c.flushes(ttl); got != want {
			t.Errorf("%v is %d flushes, want %d", ttl, got, want)
		}
	}
}

func TestTally(t *testing.T) {
	var tally Tally
	counts := func() (text string) {
		for _, c := range tally.Counts() {
			text += fmt.Sprintf("%s=%d/%d ", c.Rule.Match, c.Samples, c.Latest)
		}
		return text
	}
	check := func(want string) {
		t.Helper()
		if got := counts(); got != want {
			t.Errorf("counts %q, want %q", got, want)
		}
	}
	now := time.Unix(1000, 0)
	tally.Follow(load(t, "mappings: [{match: a, action: drop}, {match: b, action: drop, id: two}, {match: c, action: keep}]"))
	tally.Add(nil, now)
	check("a=0/0 b=0/0 c=0/0 ")
	tally.Add([]uint64{1, 2, 3}, now)
	tally.Add([]uint64{1, 0, 0}, now.Add(time.Second))
	check("a=2/1 b=2/0 c=3/0 ")
	if last := tally.Counts()[1].Last; !last.Equal(now) {
		t.Errorf("b matched last at %v", last)
	}
	// Follow changes the rules within an interval. All samples of this interval are still counted
	// for the old rules.
	tally.Follow(load(t, "mappings: [{match: new, action: drop}, {match: a, action: drop}, {match: bb, action: drop, id: two}, {match: c, action: drop}]"))
	tally.Add([]uint64{5, 0, 0}, now)
	check("new=0/0 a=7/5 bb=2/0 c=0/0 ")
	tally.Follow(nil)
	tally.Add([]uint64{1, 1, 1, 1}, now)
	check("")
}
