package census

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
)

// table is an aggregate.Table that counts the names that it makes and removes.
type table struct {
	*aggregate.Table
	config aggregate.Config
}

func testTable(shards int) *table {
	c := aggregate.Config{
		Shards: shards, MaxNames: 1 << 21, MaxNameLength: 1024, MaxSetMembers: 1000, MaxTimerSamples: 1000,
		Expire: [metric.Kinds]uint32{2, 100, 2, 2},
	}
	return newTable(c)
}

func newTable(c aggregate.Config) *table {
	t := aggregate.NewTable(c)
	t.Count(NewCounter)
	return &table{t, c}
}

// count counts the names below a prefix. Names are new if they were made in the last 15 minutes.
func (t *table) count(below string) *Prefixes {
	walk := Begin(t.Table, below, time.Now().Add(-15*time.Minute))
	for walk.Step() {
	}
	return walk.Result()
}

func (t *table) flushAll() { t.Drain(nil).Summarize(aggregate.Reference.Layout(), 1) }

// name adds a sample of a counter with a formatted name to a shard.
func (t *table) name(shard int, format string, args ...any) {
	t.add(shard, metric.Sample{Name: fmt.Appendf(nil, format, args...), Value: 1, Weight: 1})
}

func (t *table) add(shard int, sample metric.Sample) {
	s := t.Shard(shard)
	s.Lock()
	s.Add(&sample)
	s.Unlock()
}

func showPrefixes(p *Prefixes) (rows []string) {
	for _, r := range p.Rows {
		mark := ""
		if r.ManyNew {
			mark = "!"
		}
		rows = append(rows, fmt.Sprintf("%s %d +%d -%d%s", r.Prefix, r.Names, r.New, r.Gone, mark))
	}
	return rows
}

func TestPrefixes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := testTable(2)
		for i := range 10 {
			table.name(0, "web.hits.n%d", i)
		}
		table.name(0, "web")
		table.name(0, "web.hits")
		table.name(0, "plain")
		table.add(0, metric.Sample{Name: []byte("web"), Kind: metric.Gauge, Value: 1}) // a gauge with the same name is counted separately
		table.add(0, metric.Sample{Name: []byte("web.hits"), Kind: metric.Timer, Value: 1, Weight: 1})
		table.name(1, "web.hits.n0") // the same name is counted once more in another receiver's shard
		table.name(1, "api.a..b")
		table.name(1, ".odd")
		check := func(below string, held int, want ...string) {
			t.Helper()
			got := table.count(below)
			if rows := showPrefixes(got); !slices.Equal(rows, want) || got.Held != held || got.Forgotten != 0 {
				t.Errorf("below %q: %d names, %q, want %d, %q", below, got.Held, rows, held, want)
			}
		}
		check("", 18, "web. 13 +13 -0!", "web 2 +2 -0!", ". 1 +1 -0!", "api. 1 +1 -0!", "plain 1 +1 -0!")
		if n := table.Names(); n != 18 {
			t.Errorf("%d names, the walk found 18", n)
		}
		check("web", 13, "web.hits. 11 +11 -0!", "web.hits 2 +2 -0!")
		check("web.hits.", 11, "web.hits.n0 2 +2 -0!", "web.hits.n1 1 +1 -0!", "web.hits.n2 1 +1 -0!", "web.hits.n3 1 +1 -0!",
			"web.hits.n4 1 +1 -0!", "web.hits.n5 1 +1 -0!", "web.hits.n6 1 +1 -0!", "web.hits.n7 1 +1 -0!", "web.hits.n8 1 +1 -0!", "web.hits.n9 1 +1 -0!")
		check("we", 0)
		check("api.a", 1, "api.a.. 1 +1 -0!")

		for range 3 { // all names except the gauge expire, and web.new is made
			table.name(0, "web.new")
			time.Sleep(10 * time.Second)
			table.flushAll()
		}
		table.Forget(metric.Gauge, []byte("web"))
		check("", 1, "web. 1 +14 -13!", "web 0 +2 -2!", ". 0 +1 -1!", "api. 0 +1 -1!", "plain 0 +1 -1!")
		if n := table.Names(); n != 1 {
			t.Errorf("%d names, the walk found 1", n)
		}
		for range 17 {
			table.name(0, "web.new")
			time.Sleep(time.Minute)
			table.flushAll()
		}
		check("", 1, "web. 1 +0 -0")
	})
}

func TestPrefixesOfTags(t *testing.T) {
	config := testTable(1).config
	config.Tagged = true
	table := newTable(config)
	for i := range 5 {
		table.name(0, "web.hits;host=a.b.c%d", i)
	}
	if got := showPrefixes(table.count("")); !slices.Equal(got, []string{"web. 5 +5 -0!"}) {
		t.Errorf("got %q", got)
	}
	if got := showPrefixes(table.count("web")); !slices.Equal(got, []string{"web.hits 5 +5 -0!"}) {
		t.Errorf("below web: %q", got)
	}
}

// A prefix with a large number of new names is the first row, and the counts of the row are within
// the reported bounds. In the first test the new names stay. In the second test the new names
// expire at once, and the table is rebuilt. The table has other prefixes with more names, and more
// prefixes than are counted in a minute.
func TestExplodingPrefix(t *testing.T) {
	for _, once := range []bool{false, true} {
		t.Run(fmt.Sprintf("once=%v", once), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { explode(t, once) })
		})
	}
}

// explosion is a table in which one prefix gets a large number of new names.
type explosion struct {
	*table
	once    bool            // whether the new names expire at once
	fresh   map[string]bool // names made since the last rebuild
	rebuilt int             // number of flushes with a rebuild
}

const exploding, stable, small, explodingFlushes = 2000, 4000, 100, 20

func explode(t *testing.T, once bool) {
	e := explosion{table: testTable(2), once: once}
	for range 16 {
		e.keep()
		time.Sleep(time.Minute)
		e.flush()
	}
	if e.rebuilt = 0; once {
		e.config.MaxNames = stable + exploding/4 // the table is nearly full, so it is rebuilt often
		e.SetLimits(e.config)
	}
	for i := range explodingFlushes {
		e.keep()
		e.make(i)
		if i%7 == 0 { // another prefix also gets new names
			e.name(0, "rare%d.a.b", i)
		}
		e.flush()
	}
	e.check(t)
}

func (e *explosion) flush() {
	time.Sleep(10 * time.Second)
	e.flushAll()
	fresh, rebuilt := map[string]bool{}, false
	walk := e.Walk()
	for walk.Step(func(h aggregate.Held) {
		if !h.First.Before {
			fresh[string(h.Name)] = true
		} else if e.fresh[string(h.Name)] { // a rebuild has moved the name since the last flush
			rebuilt = true
		}
	}) {
	}
	if e.fresh = fresh; rebuilt {
		e.rebuilt++
	}
}

// keep adds samples of the old names, so that these names do not expire.
func (e *explosion) keep() {
	for i := range stable {
		e.name(i%2, "stable%d.part%d.n%d", i%4, i%10, i)
	}
	for i := range small {
		e.name(i%2, "small%d.a.b", i)
	}
}

// make adds samples of the new names of a flush. It also adds samples of earlier new names, unless
// they should expire.
func (e *explosion) make(flush int) {
	for n := range exploding {
		switch made := n * explodingFlushes / exploding; {
		case made == flush, made < flush && !e.once:
			e.name(n%2, "checkout.session.%x.ms", n)
		}
	}
}

func (e *explosion) check(t *testing.T) {
	within := func(what string, n, more, want int) {
		t.Helper()
		if n > want || n+more < want || more > want/4 {
			t.Errorf("%s: %d and %d more, in truth %d", what, n, more, want)
		}
	}
	got := e.count("")
	first := got.Rows[0]
	if first.Prefix != "checkout." || !first.ManyNew || len(got.Rows) < 5 {
		t.Fatalf("first come %q", showPrefixes(got)[:3])
	}
	within("new", first.New, first.NewError, exploding)
	held, gone := exploding, 0
	if e.once {
		held = 2 * exploding / explodingFlushes
		gone = exploding - held
		if e.rebuilt < 2 {
			t.Errorf("the table was rebuilt %d times", e.rebuilt)
		}
	}
	within("gone", first.Gone, first.GoneError, gone)
	if first.Names != held {
		t.Errorf("%d names are held, want %d", first.Names, held)
	}
	for _, r := range got.Rows {
		if r.Prefix[0] == 's' && (r.New > 0 || r.ManyNew) {
			t.Errorf("no name of %s is new: %+v", r.Prefix, r)
		}
	}
	if n := e.Names(); got.Held != n {
		t.Errorf("%d are held, of %d", got.Held, n)
	}
	below := e.count("checkout").Rows[0]
	if below.Prefix != "checkout.session." || below.Names != held {
		t.Errorf("below checkout comes %+v", below)
	}
	within("new below", below.New, below.NewError, exploding)
}

// Growth does not count all prefixes if there are many. The walk then derives the number of new
// names from the held names.
func TestNewNamesOfManyPrefixes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := testTable(1)
		const apps, parts = 20, 100
		for i := range apps * parts * 5 {
			table.name(0, "app%d.part%d.n%d", i%apps, i/apps%parts, i)
		}
		got := table.count("")
		for _, r := range got.Rows {
			if r.Names != parts*5 || r.New != parts*5 || r.NewError != 0 || r.Gone != 0 || r.GoneError != 0 {
				t.Errorf("got %+v", r)
			}
		}
		for range 4 { // all names expire
			table.name(0, "app0.part0.n0")
			time.Sleep(10 * time.Second)
			table.flushAll()
		}
		for _, r := range table.count("").Rows {
			if r.New > parts*5+1 || r.New+r.NewError < parts*5 || r.Gone > parts*5 || r.Gone+r.GoneError < parts*5-1 {
				t.Errorf("all are gone: %+v", r)
			}
		}
	})
}

// If there are more prefixes than a walk can count, the result still contains the prefixes with the
// most names. Their counts may be lower than the true numbers of names, but not higher.
func TestTooManyPrefixes(t *testing.T) {
	table := testTable(1)
	const n = 3 * maxChildren
	for i := range n {
		if table.name(0, "user%d", i); i%10 == 0 {
			table.name(0, "big.n%d", i)
		}
	}
	got := table.count("")
	if r := got.Rows[0]; r.Prefix != "big." || r.Names > n/10+1 || r.Names < n/20 || got.Held != n+n/10+1 || got.Forgotten == 0 {
		t.Errorf("%d held, %d forgotten, first %+v", got.Held, got.Forgotten, r)
	}
}

// While a walk runs, receivers add samples and the table is flushed.
func TestPrefixesWhileReceiving(t *testing.T) {
	table := testTable(2)
	for i := range 5000 {
		table.name(i%2, "old.n%d", i)
	}
	var receiving sync.WaitGroup
	for k := range 2 {
		receiving.Go(func() {
			for i := range 3000 {
				table.name(k, "new%d.n%d", k, i)
				table.name(k, "old.n%d", i/2*2+k)
			}
		})
	}
	walk := Begin(table.Table, "", time.Now().Add(-time.Minute))
	for i := 0; walk.Step(); i++ {
		if i%3 == 0 {
			table.flushAll()
		}
	}
	receiving.Wait()
	got := walk.Result()
	for _, r := range got.Rows {
		if r.Prefix == "old." && (r.Names < 5000 || r.Names > 5000+3) {
			t.Errorf("got %+v", r)
		}
	}
}

// BenchmarkWalk counts held names. One operation counts one name.
func BenchmarkWalk(b *testing.B) {
	const n = 200_000
	table := testTable(1)
	for i := range n {
		table.name(0, "app%d.web-%02d.api.v2.users.get.status_%d", i%20, i%50, i)
	}
	for _, below := range []string{"", "app1", "app1.web-01"} {
		b.Run("below="+below, func(b *testing.B) {
			for done := 0; done < b.N; done += n {
				walk := Begin(table.Table, below, time.Now().Add(-time.Minute))
				for walk.Step() {
				}
				if walk.Result().Held == 0 {
					b.Fatal("nothing is held")
				}
			}
		})
	}
}

// A remembered gauge was first seen before the table was made, so it is not new.
func TestRemembered(t *testing.T) {
	table := testTable(1)
	table.Remember(aggregate.Remembered{Name: []byte("level"), Value: 1, Unseen: 3})
	if p := table.count(""); p.New != 0 || p.Held != 1 || !p.Rows[0].Newest.IsZero() {
		t.Errorf("a remembered name is new: %+v", p)
	}
}
