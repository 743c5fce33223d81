package aggregate

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

var aliasLayout = Layout{
	Counters: []string{"count"}, Prefix: [metric.Kinds]string{metric.Counter: "counters", metric.Gauge: "gauges"}, Interval: time.Second,
}

// ruleMap is a Resolver for tests. It maps names as received to results, and counts how often it is
// called.
type ruleMap struct {
	rules  map[string]Resolved
	counts map[string]int
}

func (m *ruleMap) Resolve(kind metric.Kind, raw []byte, to *Resolved) {
	m.counts[string(raw)]++
	name := metric.Reference.AppendClean(nil, raw)
	to.Length = len(raw)
	m.Judge(kind, name, to)
}

func (m *ruleMap) Judge(_ metric.Kind, clean []byte, to *Resolved) {
	to.Name = append(to.Name[:0], clean...)
	rule, matches := m.rules[string(clean)]
	if !matches {
		return
	}
	to.Effects, to.Reason = rule.Effects, rule.Reason
	if rule.Name != nil {
		to.Name = append(to.Name[:0], rule.Name...)
	}
}

// rule returns the result of a rule with this number. The rule gives samples the name in the
// parameter name. If name is empty, the rule drops the samples. If name is "=", the samples keep
// their names.
func rule(number int, name string, more Effects) Resolved {
	r := Resolved{Effects: more}
	r.Rules[0] = uint16(number + 1)
	switch name {
	case "":
		r.Reason = metric.DroppedByRule
	case "=":
	default:
		r.Name, r.Renamed = []byte(name), r.Rules[0]
	}
	return r
}

// setRules sets the rules of all shards. ttls are numbers of flushes.
func setRules(table *Table, rules map[string]Resolved, ttls []uint32, heirs ...Heir) []*ruleMap {
	all := &Rules{Count: 100, TTLs: ttls, Heirs: heirs}
	var maps []*ruleMap
	for range table.shards {
		m := &ruleMap{rules, map[string]int{}}
		maps = append(maps, m)
		all.Resolvers = append(all.Resolvers, m)
	}
	table.SetRules(all)
	return maps
}

func TestNamesAreResolvedOnce(t *testing.T) {
	table := testTable(1)
	m := setRules(table, map[string]Resolved{
		"old": rule(0, "new", Effects{}), "noise": rule(1, "", Effects{}), "own": rule(2, "=", Effects{}),
	}, nil)[0]
	s := table.Shard(0)
	for range 10 {
		for range 50 {
			add(t, s, "old c 1", "own c 1", "plain c 1", "un/clean c 1")
			if r := s.addText("noise c 1"); r != metric.DroppedByRule {
				t.Fatalf("a dropped sample is %v", r)
			}
		}
		iv := table.Drain(nil)
		if got := iv.Hits[:4]; !slices.Equal(got, []uint64{50, 50, 50, 0}) {
			t.Fatalf("%v hits", got)
		}
		sums := map[string]float64{}
		for p := range iv.Summarize(aliasLayout, 1).Points() {
			sums[string(p.Path)] = p.Value
		}
		expect(t, sums, map[string]float64{"counters_counts.new": 50, "counters_counts.own": 50, "counters_counts.plain": 50, "counters_counts.un-clean": 50})
	}
	for raw, n := range m.counts {
		if n != 1 {
			t.Errorf("%s is resolved %d times", raw, n)
		}
	}
	if n := table.Names(); n != 4 {
		t.Errorf("%d names are held", n)
	}
}

// A name that needs cleaning is cleaned only once. Names that become equal by cleaning share a
// record.
func TestUncleanNamesHaveAliases(t *testing.T) {
	table := testTable(1)
	s := table.Shard(0)
	for range 3 {
		add(t, s, "a/b c 1", "a-b c 1", "a%-b c 1", "a/b g 5", "a-b g 6")
		expect(t, flushAs(table, aliasLayout), map[string]float64{"counters_counts.a-b": 3, "gauges.a-b": 6})
	}
	if young := s.aliases[0]; young.count != 3 {
		t.Errorf("%d aliases", young.count)
	}
}

func TestAliasesChangeSamples(t *testing.T) {
	table := testTable(1)
	setRules(table, map[string]Resolved{
		"absolute": rule(0, "=", Effects{Sign: Absolute}), "delta": rule(1, "=", Effects{Sign: Delta}),
		"lost": rule(2, "=", Effects{TagsDropped: true}),
	}, nil)
	s := table.Shard(0)
	samples := []metric.Sample{
		{Kind: metric.Gauge, Name: []byte("absolute"), Value: 10},
		{Kind: metric.Gauge, Name: []byte("absolute"), Value: -3, Delta: true, Signed: true},
		{Kind: metric.Gauge, Name: []byte("delta"), Value: 10},
		{Kind: metric.Gauge, Name: []byte("delta"), Value: -3, Signed: true},
		{Kind: metric.Gauge, Name: []byte("neither"), Value: -3, Signed: true},
		{Kind: metric.Gauge, Name: []byte("lost"), Value: 1},
	}
	for range 2 {
		reasons := make([]metric.Reason, len(samples))
		s.AddAll(samples, reasons)
		if !samples[5].TagsDropped || samples[4].TagsDropped {
			t.Error("TagsDropped does not report the dropped tags")
		}
		samples[5].TagsDropped = false
		expect(t, flushAs(table, aliasLayout), map[string]float64{"gauges.absolute": -3, "gauges.delta": 7, "gauges.neither": -3, "gauges.lost": 1})
	}
}

// The sums and the hits of each interval must match the rules of that interval. During the test, names appear and
// expire. The samples come in batches of different sizes.
func TestRulesChangeWithFlushes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	table := testTable(2)
	raws := []string{}
	for i := range 30 {
		raws = append(raws, fmt.Sprintf("n%d", i), fmt.Sprintf("n/%d", i))
	}
	rules := map[string]Resolved{}
	for round := range 300 {
		want, hits := map[string]float64{}, make([]uint64, 100)
		active := raws[rng.IntN(20):][:20]
		for range 10 {
			batch := make([]metric.Sample, rng.IntN(2*BatchSize))
			for i := range batch {
				batch[i] = metric.Sample{Name: []byte(active[rng.IntN(len(active))]), Value: 1, Weight: 1}
			}
			reasons := make([]metric.Reason, len(batch))
			table.Shard(rng.IntN(2)).AddAll(batch, reasons)
			for i, reason := range reasons {
				name, dropped := ruled(rules, batch[i].Name, hits)
				if dropped != (reason == metric.DroppedByRule) || !dropped && reason != metric.None {
					t.Fatalf("round %d: %s gives %v", round, batch[i].Name, reason)
				}
				if !dropped {
					want["counters_counts."+name]++
				}
			}
		}
		changes := round%5 == 4
		if changes { // rules set during an interval take effect at the next flush
			rules = randomRules(rng)
			setRules(table, rules, nil)
		}
		table.shards[rng.IntN(2)].retire = true // rebuild the shard, as if many names had expired
		iv := table.Drain(nil)
		if round >= 5 && !slices.Equal(iv.Hits, hits) {
			t.Fatalf("round %d: hits %v, want %v", round, iv.Hits, hits)
		}
		got := map[string]float64{}
		for p := range iv.Summarize(aliasLayout, 1).Points() {
			got[string(p.Path)] = p.Value
		}
		if !maps.Equal(got, want) {
			t.Fatalf("round %d: %v, want %v", round, got, want)
		}
	}
}

// ruled applies the rules to a name as received. It returns the resulting name, and whether a rule drops the sample.
// It also adds the sample to the rule's count in hits.
func ruled(rules map[string]Resolved, raw []byte, hits []uint64) (name string, dropped bool) {
	name = strings.ReplaceAll(string(raw), "/", "-")
	r, matches := rules[name]
	if !matches {
		return name, false
	}
	hits[r.Rules[0]-1]++
	if r.Name != nil {
		name = string(r.Name)
	}
	return name, r.Reason == metric.DroppedByRule
}

func randomRules(rng *rand.Rand) map[string]Resolved {
	rules := map[string]Resolved{}
	for number := range 15 {
		name := []string{"", "=", fmt.Sprintf("n%d", rng.IntN(30)), "other"}[rng.IntN(4)]
		rules[[]string{"n%d", "n-%d"}[rng.IntN(2)]] = rule(number, name, Effects{})
		rules[fmt.Sprintf("n%d", rng.IntN(30))] = rule(number, name, Effects{})
		rules[fmt.Sprintf("n-%d", rng.IntN(30))] = rule(number, name, Effects{})
	}
	return rules
}

// rememberedGauges returns the values of the gauges that the table remembers.
func rememberedGauges(table *Table) map[string]float64 {
	all := map[string]float64{}
	for g := range table.Remembered() {
		all[string(g.Name)] = g.Value
	}
	return all
}

func TestRulesKeepWhatStays(t *testing.T) {
	table := testTable(2)
	setRules(table, map[string]Resolved{"a": rule(0, "moved", Effects{}), "b": rule(1, "gone", Effects{})}, nil)
	add(t, table.Shard(0), "a g 1", "b g 2", "stays g 3", "renamed g 4", "dropped g 5", "kept g 6")
	flushAs(table, aliasLayout)
	expect(t, rememberedGauges(table), map[string]float64{"moved": 1, "gone": 2, "stays": 3, "renamed": 4, "dropped": 5, "kept": 6})
	// The rule of gauge a now has another number, and the rule of gauge b was removed.
	setRules(table, map[string]Resolved{
		"a": rule(3, "moved", Effects{}), "renamed": rule(4, "other", Effects{}), "dropped": rule(5, "", Effects{}), "kept": rule(6, "=", Effects{}),
	}, nil, Heir{Rule: 4}, Heir{})
	flushAs(table, aliasLayout)
	expect(t, rememberedGauges(table), map[string]float64{"moved": 1, "stays": 3, "kept": 6})
	if n := table.Names(); n != 3 {
		t.Errorf("%d names are held", n)
	}
	add(t, table.Shard(1), "a g +1", "b g +1", "stays g +1", "renamed g +1", "kept g +1")
	expect(t, flushAs(table, aliasLayout), map[string]float64{"gauges.moved": 2, "gauges.b": 1, "gauges.stays": 4, "gauges.other": 1, "gauges.kept": 7})
	setRules(table, nil, nil, make([]Heir, 10)...)
	flushAs(table, aliasLayout)
	expect(t, rememberedGauges(table), map[string]float64{"b": 1, "stays": 4, "kept": 7})
}

func TestTTLs(t *testing.T) {
	config := testTable(2).config
	config.Expire[metric.Gauge] = 2
	table := NewTable(config)
	rules := map[string]Resolved{"a": rule(0, "moved", Effects{Class: 1}), "own": rule(1, "=", Effects{Class: 1}), "none": rule(2, "=", Effects{})}
	setRules(table, rules, []uint32{4})
	add(t, table.Shard(0), "a g 1", "own g 1", "none g 1", "other g 1")
	add(t, table.Shard(1), "a g 1")
	flushAs(table, aliasLayout)
	held := func(want string) {
		t.Helper()
		if got := strings.Join(slices.Sorted(maps.Keys(rememberedGauges(table))), " "); got != want {
			t.Fatalf("held: %q, want %q", got, want)
		}
	}
	for range 2 {
		flushAs(table, aliasLayout)
	}
	held("moved own")
	config.Expire[metric.Gauge] = 100
	table.SetLimits(config)
	add(t, table.Shard(0), "a g 1", "own g 1", "none g 1", "other g 1")
	flushAs(table, aliasLayout)
	rules["a"], rules["own"] = rule(0, "moved", Effects{Class: 2}), rule(1, "=", Effects{})
	setRules(table, rules, []uint32{50, 2}, Heir{1, 2}, Heir{2, 0}, Heir{3, 0})
	flushAs(table, aliasLayout)
	held("moved none other own")
	flushAs(table, aliasLayout)
	held("none other own")
}

// Aliases of names that are no longer received are removed. The number of aliases has a limit.
func TestAliasesAreBounded(t *testing.T) {
	config := testTable(1).config
	config.Shards, config.MaxNames = 2, 100
	table := NewTable(config)
	for i := range 10_000 {
		add(t, table.Shard(i%2), fmt.Sprintf("one/name%s c 1", strings.Repeat("/", i%50)))
		table.Shard(i%2).find(&metric.Sample{Name: fmt.Appendf(nil, "%%%d%%", i%7)}, &probe{hash: uint64(i)<<32 | uint64(i)})
		if n := table.aliases.Load(); n > 200 {
			t.Fatalf("%d aliases", n)
		}
	}
	before := table.Memory().Names
	for range 2*aliasFlushes + 2 {
		flushAs(table, aliasLayout)
	}
	if n := table.aliases.Load(); n != 0 {
		t.Errorf("%d aliases of names that do not come", n)
	}
	if after := table.Memory().Names; before-after < pageBytes {
		t.Errorf("memory was %d, and is %d", before, after)
	}
}

func TestAliasesThatAreUsedStay(t *testing.T) {
	table := testTable(1)
	m := setRules(table, map[string]Resolved{"a": rule(0, "b", Effects{})}, nil)[0]
	for range 10 * aliasFlushes {
		add(t, table.Shard(0), "a c 1")
		flushAs(table, aliasLayout)
	}
	if m.counts["a"] != 1 {
		t.Errorf("resolved %d times", m.counts["a"])
	}
}

// A name that is too long for an alias is resolved for each sample.
func TestLongNamesHaveNoAliases(t *testing.T) {
	config := testTable(1).config
	config.MaxNameLength = maxAlias + 100
	table := NewTable(config)
	long := bytes.Repeat([]byte("/"), maxAlias+1)
	for range 3 {
		if r := table.Shard(0).Add(&metric.Sample{Name: long, Value: 1, Weight: 1}); r != metric.None {
			t.Fatal(r)
		}
	}
	if table.aliases.Load() != 0 || table.Names() != 1 {
		t.Errorf("%d aliases, %d names", table.aliases.Load(), table.Names())
	}
}

func TestAliasesDoNotAllocate(t *testing.T) {
	table := testTable(1)
	setRules(table, map[string]Resolved{"a": rule(0, "b", Effects{}), "c": rule(1, "", Effects{})}, nil)
	s := table.Shard(0)
	samples := []metric.Sample{{Name: []byte("a"), Value: 1, Weight: 1}, {Name: []byte("c"), Value: 1, Weight: 1}, {Name: []byte("u/n"), Value: 1, Weight: 1}}
	reasons := make([]metric.Reason, len(samples))
	s.AddAll(samples, reasons)
	if n := testing.AllocsPerRun(100, func() { s.AddAll(samples, reasons) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// While receivers add samples, the table is flushed and its rules change. No sample is lost.
func TestRulesBesideReceivers(t *testing.T) {
	table := testTable(2)
	var receiving sync.WaitGroup
	const samples = 20_000
	for i := range 2 {
		receiving.Go(func() {
			s := table.Shard(i)
			for n := range samples {
				sample := metric.Sample{Name: fmt.Appendf(nil, "a/%d", n%50), Value: 1, Weight: 1}
				s.Lock()
				if r := s.Add(&sample); r != metric.None {
					t.Errorf("%v", r)
				}
				s.Unlock()
			}
		})
	}
	sum, done := 0.0, make(chan struct{})
	go func() { receiving.Wait(); close(done) }()
	for round, over := 0, false; !over; round++ {
		select {
		case <-done:
			over = true
		default:
		}
		for _, v := range flushAs(table, aliasLayout) {
			sum += v
		}
		setRules(table, map[string]Resolved{"a-7": rule(round%50, fmt.Sprintf("b%d", round%3), Effects{})}, nil)
	}
	if sum != 2*samples {
		t.Errorf("%v samples, want %d", sum, 2*samples)
	}
}
