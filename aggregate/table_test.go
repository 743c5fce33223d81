package aggregate

import (
	"fmt"
	"hash/maphash"
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/metric"
)

var testLayout = Reference.Layout()

func testTable(shards int) *Table {
	return NewTable(Config{
		Shards:        shards,
		MaxNames:      1 << 21,
		MaxNameLength: 1024,
		MaxSetMembers: 1 << 20,

		MaxTimerSamples: 1 << 20,
		Expire:          [metric.Kinds]uint32{2, 100, 2, 2},
	})
}

// add adds samples such as "a c 1", "a ms 320 x10", "g g +4" or "u s member": name, kind and value.
func add(t testing.TB, s *Shard, samples ...string) {
	t.Helper()
	for _, text := range samples {
		if r := s.addText(text); r != metric.None {
			t.Fatalf("%s: %v", text, r)
		}
	}
}

func (s *Shard) addText(text string) metric.Reason {
	fields := strings.Fields(text)
	sample := metric.Sample{Name: []byte(fields[0]), Weight: 1}
	switch fields[1] {
	case "c":
	case "g":
		sample.Kind = metric.Gauge
		sample.Delta = fields[2][0] == '+' || fields[2][0] == '-'
	case "ms":
		sample.Kind = metric.Timer
	case "s":
		sample.Kind, sample.Member = metric.Set, []byte(fields[2])
	}
	if sample.Kind != metric.Set {
		sample.Value = parse(fields[2])
	}
	if len(fields) > 3 {
		sample.Weight = parse(fields[3][1:])
	}
	s.Lock()
	defer s.Unlock()
	return s.Add(&sample)
}

func parse(number string) float64 {
	v, err := strconv.ParseFloat(number, 64)
	if err != nil {
		panic(err)
	}
	return v
}

// flush returns the points of a flush, by path.
func flush(table *Table) map[string]float64 { return flushAs(table, testLayout) }

func flushAs(table *Table, layout Layout) map[string]float64 {
	points := map[string]float64{}
	for p := range table.Drain(nil).Summarize(layout, 1).Points() {
		points[string(p.Path)] = p.Value
	}
	return points
}

// apart is a layout in which two kinds never have the same path.
var apart = func() Layout {
	l := Reference.Layout()
	l.Prefix = [metric.Kinds]string{"counters", "gauges", "timers", "sets"}
	return l
}()

func expect(t *testing.T, got map[string]float64, want map[string]float64) {
	t.Helper()
	for _, path := range slices.Sorted(maps.Keys(got)) {
		if w, ok := want[path]; !ok {
			t.Errorf("unexpected point %s %v", path, got[path])
		} else if w != got[path] {
			t.Errorf("%s = %v, want %v", path, got[path], w)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(want)) {
		if _, ok := got[path]; !ok {
			t.Errorf("no point %s, want %v", path, want[path])
		}
	}
}

type points = map[string]float64

func TestKinds(t *testing.T) {
	table := testTable(1)
	s := table.Shard(0)
	add(t, s, "hits c 1", "hits c 4 x10", "zero c 0", "down c -5")
	add(t, s, "g g 5", "g g +4", "g g -2", "unset g -3")
	add(t, s, "u s a", "u s b", "u s a")
	for i := 1; i <= 10; i++ {
		add(t, s, fmt.Sprintf("lat ms %d x2", i))
	}
	want := points{
		"stats.hits": 4.1, "stats.zero": 0, "stats.down": -0.5,
		"stats.g": 7, "stats.unset": -3, "stats.u": 2,
		"stats.timers.lat.lower": 1, "stats.timers.lat.upper": 10, "stats.timers.lat.mean": 5.5,
		"stats.timers.lat.count": 20, "stats.timers.lat.upper_90": 9,
	}
	expect(t, flush(table), want)
	expect(t, flush(table), points{})
}

func TestNamesAreCleaned(t *testing.T) {
	table := testTable(1)
	s := table.Shard(0)
	for _, name := range []string{"a/b", "a-b", "a!-b"} {
		add(t, s, name+" c 10")
	}
	if r := s.addText("!! c 1"); r != metric.EmptyName {
		t.Errorf("a name of nothing but deleted bytes: %v, want empty_name", r)
	}
	if r := s.addText(strings.Repeat("a", 1025) + " c 1"); r != metric.TooLong {
		t.Errorf("a name over the limit: %v, want too_long", r)
	}
	expect(t, flush(table), points{"stats.a-b": 3})

	config := table.config
	config.Dialect = metric.Gstatsd
	table = NewTable(config)
	s = table.Shard(0)
	for _, name := range []string{"a/b", "a_b", "a\x00_b!"} {
		add(t, s, name+" c 10")
	}
	expect(t, flush(table), points{"stats.a_b": 3})
}

func TestTagged(t *testing.T) {
	config := testTable(2).config
	config.Tagged = true
	table := NewTable(config)
	for i := range 2 {
		s := table.Shard(i)
		add(t, s, "hits;k=v c 10", "h!its;k=v c 10", "hits;k=w c 10", "hits c 10")
		add(t, s, "lat;k=v ms 3", "lat ms 4", "g;k=v g 5", "u;k=v;l=: s a")
	}
	if r := table.Shard(0).addText("!;k=v c 1"); r != metric.EmptyName {
		t.Errorf("tags without a name: %v, want empty_name", r)
	}
	if r := table.Shard(0).addText("a;k=" + strings.Repeat("v", 1021) + " c 1"); r != metric.TooLong {
		t.Errorf("a series over the limit: %v, want too_long", r)
	}
	expect(t, flush(table), points{
		"stats.hits;k=v": 4, "stats.hits;k=w": 2, "stats.hits": 2, "stats.g;k=v": 5, "stats.u;k=v;l=:": 1,
		"stats.timers.lat.lower;k=v": 3, "stats.timers.lat.upper;k=v": 3, "stats.timers.lat.mean;k=v": 3,
		"stats.timers.lat.count;k=v": 2, "stats.timers.lat.upper_90;k=v": 3,
		"stats.timers.lat.lower": 4, "stats.timers.lat.upper": 4, "stats.timers.lat.mean": 4,
		"stats.timers.lat.count": 2, "stats.timers.lat.upper_90": 4,
	})
	add(t, table.Shard(0), "a;k=v ms 1", "a ms 1", "timers.a.mean;k=v c 1", "timers.a.mean;k=w c 1", "hits;k=v c 1")
	add(t, table.Shard(1), "hits;k=v g 1", "hits;k=w g 1")
	layout := testLayout
	layout.GlobalSuffix = "web1"
	sn := table.Drain(nil).Summarize(layout, 1)
	slices.Sort(sn.Collided)
	if got := strings.Join(sn.Collided, " "); got != "stats.hits.web1;k=v stats.timers.a.mean.web1;k=v" {
		t.Errorf("collisions %q", got)
	}
	for p := range sn.Points() {
		if name, _ := metric.CutTags(p.Path); !strings.HasSuffix(string(name), ".web1") {
			t.Errorf("%s: the suffix is not before the tags", p.Path)
		}
	}
	var gauges []string
	for g := range table.Remembered() {
		gauges = append(gauges, string(g.Name))
	}
	slices.Sort(gauges)
	if got := strings.Join(gauges, " "); got != "g;k=v hits;k=v hits;k=w" {
		t.Errorf("remembers %q", got)
	}
}

func TestGaugesAreRemembered(t *testing.T) {
	table := testTable(1)
	s := table.Shard(0)
	add(t, s, "g g 10")
	expect(t, flush(table), points{"stats.g": 10})
	expect(t, flush(table), points{})
	add(t, s, "g g +1")
	expect(t, flush(table), points{"stats.g": 11})
}

// Two receivers alternately receive samples of one gauge. The result is the same as with one
// receiver.
func TestGaugesInOrder(t *testing.T) {
	for _, tt := range []struct {
		why  string
		ops  []string // alternately added to shard 0 and shard 1
		want float64
	}{
		{"set, adjusted elsewhere", []string{"10", "+5"}, 15},
		{"adjusted, then set elsewhere", []string{"+5", "10"}, 10},
		{"adjusted on both sides of a setting", []string{"+5", "10", "+3"}, 13},
		{"set twice", []string{"1", "2"}, 2},
		{"set twice, the older adjusted in between", []string{"1", "7", "+1", "+1", "5", "-2"}, 3},
	} {
		table := testTable(2)
		for i, op := range tt.ops {
			add(t, table.Shard(i%2), "g g "+op)
		}
		if got := flush(table)["stats.g"]; got != tt.want {
			t.Errorf("%s: %v, want %v", tt.why, got, tt.want)
		}
	}
	table := testTable(2)
	add(t, table.Shard(1), "g g 10")
	flush(table)
	add(t, table.Shard(0), "g g +1")
	if got := flush(table)["stats.g"]; got != 11 {
		t.Errorf("remembered from another shard: %v, want 11", got)
	}
	add(t, table.Shard(1), "g g +1")
	if got := flush(table)["stats.g"]; got != 12 {
		t.Errorf("remembered from the shard that saw it last: %v, want 12", got)
	}
}

// An expired gauge starts again at 0, whether or not its record was freed.
func TestExpiredGaugesStartAtZero(t *testing.T) {
	table := testTable(1)
	table.config.Expire[metric.Gauge] = 2
	s := table.Shard(0)
	add(t, s, "g g 100")
	flush(table)
	flush(table)
	add(t, s, "g g +1")
	if got := flush(table)["stats.g"]; got != 101 {
		t.Errorf("adjusted in time: %v, want 101", got)
	}
	for range 5 {
		flush(table)
	}
	add(t, s, "g g +1")
	if got := flush(table)["stats.g"]; got != 1 {
		t.Errorf("adjusted after it has expired: %v, want 1", got)
	}
}

func TestExpire(t *testing.T) {
	table := testTable(1)
	s := table.Shard(0)
	const many = 5000
	add(t, s, "keep c 1", "gauge g 7")
	for i := range many {
		add(t, s, fmt.Sprintf("once.%d c 1", i))
	}
	flush(table)
	if n := table.Names(); n != many+2 {
		t.Errorf("%d names after the first flush, want %d", n, many+2)
	}
	for range 4 {
		add(t, s, "keep c 1")
		expect(t, flush(table), points{"stats.keep": 0.1})
	}
	if n := table.Names(); n != 2 {
		t.Errorf("%d names in the end, want 2", n)
	}
	if n := s.names.count; n > 2 {
		t.Errorf("%d records in the end, want 2: the memory stays", n)
	}
	add(t, s, "gauge g +1")
	expect(t, flush(table), points{"stats.gauge": 8})
}

func TestMaxNames(t *testing.T) {
	table := testTable(1)
	table.config.MaxNames = 100
	s := table.Shard(0)
	for i := range 100 {
		add(t, s, fmt.Sprintf("n%d c 10", i))
	}
	if r := s.addText("new c 1"); r != metric.RefusedName {
		t.Errorf("the 101st name: %v, want refused", r)
	}
	add(t, s, "n7 c 10")
	if got := flush(table); len(got) != 100 || got["stats.n7"] != 2 {
		t.Errorf("%d points, n7 = %v; want 100, 2", len(got), got["stats.n7"])
	}
	// While unused names expire, samples of known names are never refused.
	for round := range 4 {
		for i := range 50 {
			add(t, s, fmt.Sprintf("n%d c 10", i))
		}
		for i := range 200 {
			s.addText(fmt.Sprintf("flood%d.%d c 1", round, i))
		}
		got := flush(table)
		for i := range 50 {
			if v := got[fmt.Sprintf("stats.n%d", i)]; v != 1 {
				t.Fatalf("round %d: known name n%d = %v, want 1", round, i, v)
			}
		}
	}
	for range 3 {
		flush(table)
	}
	add(t, s, "new c 1")
}

func TestMaxSetMembers(t *testing.T) {
	table := testTable(1)
	table.config.MaxSetMembers = 10
	s := table.Shard(0)
	for i := range 10 {
		add(t, s, fmt.Sprintf("u s m%d", i))
	}
	if r := s.addText("u s m10"); r != metric.RefusedMember {
		t.Errorf("the 11th member: %v, want refused", r)
	}
	add(t, s, "u s m3")
	expect(t, flush(table), points{"stats.u": 10})
}

func TestLargeSetsAndTimers(t *testing.T) {
	table := testTable(2)
	const n = 20_000
	for i := range n {
		add(t, table.Shard(i%2), fmt.Sprintf("u s m%d", i), fmt.Sprintf("u s m%d", i/2), fmt.Sprintf("l ms %d", i+1))
	}
	got := flush(table)
	expect(t, got, points{"stats.u": n, "stats.timers.l.lower": 1, "stats.timers.l.upper": n,
		"stats.timers.l.mean": (n + 1) / 2.0, "stats.timers.l.count": n, "stats.timers.l.upper_90": n * 9 / 10})
}

func TestSumsStayFinite(t *testing.T) {
	table := testTable(1)
	s := table.Shard(0)
	for range 3 {
		add(t, s, "c c 1.7e308", "d c -1.7e308", "t ms 1.7e308 x1e308", "g g +1.7e308")
	}
	layout := testLayout
	layout.Interval = 100 * time.Millisecond
	for path, v := range flushAs(table, layout) {
		if math.IsInf(v, 0) || math.IsNaN(v) {
			t.Errorf("%s = %v", path, v)
		}
	}
}

func TestShardsAgree(t *testing.T) {
	shardsAgree(t, []*Table{testTable(1), testTable(2), testTable(8)}, apart, soak.Times(10_000))
}

// shardsAgree adds the same samples to tables with different numbers of shards, over several
// flushes, while names come and go. All tables must make the same points.
func shardsAgree(t *testing.T, tables []*Table, layout Layout, samples int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 8 {
		for i := range samples {
			name := fmt.Sprintf("n%d", samples/50*round+rng.IntN(samples/8))
			var text string
			switch rng.IntN(5) {
			case 0:
				text = fmt.Sprintf("%s c %d x%d", name, rng.IntN(100), 1+rng.IntN(3))
			case 1:
				text = fmt.Sprintf("%s ms %v x%d", name, float64(rng.IntN(100_000))/1000, 1+rng.IntN(2))
			case 2:
				text = fmt.Sprintf("%s g %d", name, rng.IntN(100))
			case 3:
				text = fmt.Sprintf("%s g %+d", name, rng.IntN(100)-50)
			case 4:
				text = fmt.Sprintf("%s s m%d", name, rng.IntN(50))
			}
			for _, table := range tables {
				add(t, table.Shard(i%len(table.shards)), text)
			}
		}
		want := flushAs(tables[0], layout)
		if len(want) < samples/2 {
			t.Fatalf("only %d points", len(want))
		}
		for _, table := range tables[1:] {
			expect(t, flushAs(table, layout), want)
		}
		if t.Failed() {
			return
		}
	}
}

// addOfEach adds a counter, a timer and a gauge. The values of n from 0 to 4999 use the same 100 names, the values from
// 5000 to 9999 use 100 other names, and so on.
func addOfEach(s *Shard, n int) {
	name := fmt.Appendf(nil, "n%d.%d", n%100, n/5000)
	s.Lock()
	defer s.Unlock()
	s.Add(&metric.Sample{Kind: metric.Counter, Name: name, Value: 10, Weight: 1})
	s.Add(&metric.Sample{Kind: metric.Timer, Name: name, Value: float64(n), Weight: 1})
	s.Add(&metric.Sample{Kind: metric.Gauge, Name: name, Value: 1, Weight: 1, Delta: true})
}

// TestConcurrentFlushes adds samples in several goroutines while another goroutine flushes. No sample may be lost or
// counted twice, even if one shard gets no samples for many flushes. Gauges must not expire during the test, because
// they would start again at 0.
func TestConcurrentFlushes(t *testing.T) {
	const shards, each, pause = 4, 20_000, 150
	config := testTable(shards).config
	config.Expire[metric.Gauge] = math.MaxUint32
	table := NewTable(config)
	var adding, others sync.WaitGroup
	var flushes atomic.Int64
	wait := func() { // waits for the other shards, and then for many flushes
		others.Wait()
		for until := flushes.Load() + pause; flushes.Load() < until; {
			runtime.Gosched()
		}
	}
	others.Add(shards - 1)
	for i := range shards {
		adding.Go(func() {
			if i > 0 {
				defer others.Done()
			}
			for n := range each {
				if i == 0 && n == each/2+2500 { // wait in the middle of a group of names
					wait()
				}
				addOfEach(table.Shard(i), n)
			}
		})
	}
	done := make(chan struct{})
	go func() { adding.Wait(); close(done) }()
	counters, timers, gauges := 0.0, 0.0, points{}
	for last := false; !last; {
		select {
		case <-done:
			last = true
		default:
		}
		flushes.Add(1)
		for path, v := range flushAs(table, apart) {
			switch {
			case strings.HasPrefix(path, "gauges."):
				gauges[path] = v
			case strings.HasPrefix(path, "counters."):
				counters += v
			case strings.HasSuffix(path, ".count"):
				timers += v
			}
		}
	}
	if math.Round(counters) != shards*each || timers != shards*each {
		t.Errorf("counters add up to %v, timers to %v, want %d", counters, timers, shards*each)
	}
	sum := 0.0
	for _, v := range gauges {
		sum += v
	}
	if sum != shards*each {
		t.Errorf("gauges add up to %v, want %d", sum, shards*each)
	}
}

// The race detector reports an error if looking up names reads memory that a flush writes. Some
// names have several kinds, and records of different lengths are next to each other.
func TestLookupsBesideFlushes(t *testing.T) {
	t.Parallel()
	table := testTable(1)
	samples := benchSamples(10*BatchSize, metric.Gauge, metric.Counter, metric.Set, metric.Timer)
	for i := range samples {
		samples[i].Name = samples[i].Name[:1+i%len(samples[i].Name)]
	}
	var reasons [10 * BatchSize]metric.Reason
	var stop atomic.Bool
	var adding sync.WaitGroup
	adding.Go(func() {
		for !stop.Load() {
			table.Shard(0).Lock()
			table.Shard(0).AddAll(samples, reasons[:])
			table.Shard(0).Unlock()
		}
	})
	for range soak.Times(100) {
		table.Drain(nil).Summarize(testLayout, 1)
	}
	stop.Store(true)
	adding.Wait()
}

func TestAddDoesNotAllocate(t *testing.T) {
	table := testTable(1)
	s := table.Shard(0)
	samples := []metric.Sample{
		{Kind: metric.Counter, Name: []byte("a"), Value: 1, Weight: 1},
		{Kind: metric.Gauge, Name: []byte("a"), Value: 1, Weight: 1, Delta: true},
		{Kind: metric.Timer, Name: []byte("a"), Value: 1, Weight: 1},
		{Kind: metric.Set, Name: []byte("a"), Member: []byte("m")},
	}
	round := func() {
		s.Lock()
		for i := range samples {
			s.Add(&samples[i])
		}
		s.Unlock()
	}
	for range 10_000 {
		round()
	}
	flush(table)
	round()
	flush(table)
	if n := testing.AllocsPerRun(1000, round); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func TestSegmentsGrowOneAtATime(t *testing.T) {
	table := testTable(1)
	s := table.Shard(0)
	for i := range soak.Times(100_000) {
		add(t, s, fmt.Sprintf("some.name.%d c 1", i))
	}
	largest := 0
	for i := range s.names.segments {
		largest = max(largest, len(s.names.segments[i].slots))
	}
	if largest > 2048 {
		t.Errorf("a segment of %d slots for %d names", largest, s.names.count)
	}
}

// The cost of adding a sample must not grow with the number of names. A test cannot check times
// reliably, so this test counts the slots that a search reads.
func TestSearchesStayShort(t *testing.T) {
	for _, n := range []int{1_000, soak.Times(100_000), soak.Times(1_000_000)} {
		names := newNames(maphash.MakeSeed(), time.Now(), nil)
		var name []byte
		for i := range n {
			name = fmt.Appendf(name[:0], "app.web-%d.api.v2.users.get.status_%d", i%100, i)
			p := names.search(name)
			names.insert(&p, &newName{metric.Counter, name, 1, 0})
		}
		steps, longest := 0, 0
		for i := range names.segments {
			slots := names.segments[i].slots
			for at, slot := range slots {
				if slot != 0 {
					way := 1 + at - names.segments[i].start(uint32(slot>>32))
					steps += way
					longest = max(longest, way)
				}
			}
		}
		if mean := float64(steps) / float64(n); mean > 6 || longest > 2000 {
			t.Errorf("%d names: a search takes %.1f steps, the longest %d", n, mean, longest)
		}
		steps = 0
		const missing = 10_000
		for i := range missing {
			hash := maphash.Bytes(names.seed, fmt.Appendf(name[:0], "missing.%d", i))
			if s := &names.segments[hash>>56]; s.count > 0 {
				steps += 1 + s.seek(uint32(hash), s.start(uint32(hash))) - s.start(uint32(hash))
			}
		}
		if mean := float64(steps) / missing; mean > 6 {
			t.Errorf("%d names: a search for a missing name takes %.1f steps", n, mean)
		}
	}
}

// SetLimits changes the limits of a table that contains names, members and samples.
func TestSetLimits(t *testing.T) {
	t.Parallel()
	config := Config{Shards: 2, MaxNames: 10, MaxNameLength: 10, MaxSetMembers: 10, MaxTimerSamples: 3, Expire: [metric.Kinds]uint32{9, 9, 9, 9}}
	table := NewTable(config)
	add := func(kind metric.Kind, name string, n int) (added int) {
		for i := range n {
			s := metric.Sample{Kind: kind, Name: []byte(name), Value: float64(i), Weight: 1, Member: []byte{byte(i)}}
			shard := table.Shard(1)
			shard.Lock()
			if shard.Add(&s) == metric.None {
				added++
			}
			shard.Unlock()
		}
		return added
	}
	values := func() map[string]float64 {
		got := map[string]float64{}
		layout := Reference.Layout()
		layout.Prefix, layout.Percentiles, layout.Interval = [metric.Kinds]string{}, []float64{50}, time.Second
		for p := range table.Drain(nil).Summarize(layout, 0).Points() {
			got[string(p.Path)] = p.Value
		}
		return got
	}
	add(metric.Timer, "timer", 10)
	config.MaxTimerSamples, config.MaxSetMembers, config.MaxNames = 1000, 2, 2
	table.SetLimits(config)
	add(metric.Timer, "timer", 90)
	if got := add(metric.Set, "set", 5); got != 2 {
		t.Errorf("%d members were added, want 2", got)
	}
	if got := add(metric.Counter, "third", 1); got != 0 {
		t.Error("a name was added to a full table")
	}
	if got := values(); got["timer.count"] != 100 || got["timer.upper"] != 89 {
		t.Errorf("a timer that is no longer over its limit: %v", got)
	}
	add(metric.Timer, "timer", 100)
	if got := values(); got["timer.count"] != 100 || got["timer.upper_50"] != 49 {
		t.Errorf("of the timer that is below its new limit: %v", got)
	}
}

// A name that is added while Drain goes from shard to shard is counted once.
func TestNamesDuringDrain(t *testing.T) {
	table := testTable(2)
	add(t, table.Shard(0), "before c 1")
	table.Drain(func(shard int) {
		if shard == 0 {
			add(t, table.Shard(1), "meanwhile c 1", "before c 1")
		}
	}).Summarize(testLayout, 1)
	if n := table.Names(); n != 3 { // one of the names is in both shards
		t.Errorf("%d names, want 3", n)
	}
}
