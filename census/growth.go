package census

import (
	"bytes"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/internal/heavy"
	"github.com/statsd-ops/statsd/metric"
)

const (
	// growthDepth is the number of prefix lengths for which names are counted: the first node, and the
	// first two nodes.
	growthDepth = 2
	// growthPrefixes is the number of prefixes of each length for which counts are kept in a minute. A
	// prefix with more than 1/growthPrefixes of the minute's names always has a count.
	growthPrefixes = 64
	// growthMinutes is the number of minutes for which counts are kept.
	growthMinutes = 60
	// maxGrowthPrefix limits the stored bytes of a prefix.
	maxGrowthPrefix = 128
)

// growth counts names by prefix, separately for each of the last minutes. It allocates its memory
// when it counts the first name.
type growth struct {
	began   time.Time
	minutes [growthMinutes]*growthMinute
	now     int // index of the current minute
}

type growthMinute struct {
	from, until time.Time // until is zero for the current minute
	total       uint64
	prefixes    [growthDepth]*heavy.Counters // indexed by the number of nodes minus 1
}

// NewCounter returns a counter of names for aggregate.Table.Count.
func NewCounter() aggregate.NameCounter { return &growth{began: time.Now()} }

func newGrowthMinute(from time.Time) *growthMinute {
	m := &growthMinute{from: from}
	for i := range m.prefixes {
		m.prefixes[i] = heavy.New(growthPrefixes)
	}
	return m
}

// Add implements aggregate.NameCounter.
func (g *growth) Add(name []byte) {
	m := g.minutes[g.now]
	if m == nil {
		m = newGrowthMinute(time.Now())
		g.minutes[g.now] = m
	}
	m.total++
	two := metric.Prefix(name)
	one := two
	if i := bytes.IndexByte(two, '.'); i >= 0 {
		one = two[:i+1]
	}
	m.prefixes[0].Add(0, one[:min(len(one), maxGrowthPrefix)])
	m.prefixes[1].Add(0, two[:min(len(two), maxGrowthPrefix)])
}

// Turn implements aggregate.NameCounter. It begins a new minute if the current minute is over.
func (g *growth) Turn(now time.Time) {
	m := g.minutes[g.now]
	if m == nil || now.Sub(m.from) < time.Minute {
		return
	}
	if m.total == 0 {
		m.from = now
		return
	}
	m.until = now
	g.now = (g.now + 1) % growthMinutes
	if m = g.minutes[g.now]; m == nil {
		g.minutes[g.now] = newGrowthMinute(now)
		return
	}
	m.from, m.until, m.total = now, time.Time{}, 0
	for _, p := range m.prefixes {
		p.Reset()
	}
}

// Growth contains the numbers of names that were made, and of names that expired or were deleted,
// by prefix.
type Growth struct {
	// Since is when the counting began. It is the start of the minute that contains the requested
	// time, or later if the counts of that minute are no longer kept.
	Since     time.Time
	New, Gone Grown
}

// Grown is the number of names that were made or removed, in total and by prefix.
type Grown struct {
	Total uint64   // the exact number
	Nodes [2]Depth // by the first node, and by the first two nodes
}

// Depth counts names by a prefix of one or two nodes. A prefix includes the dot after its last
// node. A name with fewer nodes is counted under the whole name.
type Depth struct {
	Prefixes map[string]Bounds // the prefixes with the most names
	Others   Bounds            // bounds for each prefix that is not in Prefixes
}

// Bounds are the lowest and the highest possible value of a count.
type Bounds struct{ Least, Most uint64 }

// GrowthFor is the longest period for GrowthOf.
const GrowthFor = growthMinutes * time.Minute

// GrowthOf counts the names that were made or removed since a time. Only the flushing goroutine may call
// it.
func GrowthOf(t *aggregate.Table, since time.Time) Growth {
	g := Growth{Since: since, New: newGrown(), Gone: newGrown()}
	if oldest := time.Now().Add(-GrowthFor); since.Before(oldest) {
		g.Since = oldest
	}
	t.Counters(g.New.addAll(&g.Since), g.Gone.addAll(&g.Since))
	return g
}

// addAll returns a function that adds the counts of a counter. It omits the minutes that ended
// before the time *since. The returned function sets *since to the start of the first minute that
// it adds.
func (g *Grown) addAll(since *time.Time) func(aggregate.NameCounter) {
	asked := *since
	return func(c aggregate.NameCounter) {
		counted, ok := c.(*growth)
		if !ok {
			return
		}
		if since.Before(counted.began) {
			*since = counted.began
		}
		for _, m := range counted.minutes {
			g.add(m, asked, since)
		}
	}
}

func newGrown() (g Grown) {
	for i := range g.Nodes {
		g.Nodes[i].Prefixes = map[string]Bounds{}
	}
	return g
}

// add adds the counts of the minute m if m ends after the requested time, which is the parameter asked. If m starts
// before the time *since, add sets *since to the start of m.
func (g *Grown) add(m *growthMinute, asked time.Time, since *time.Time) {
	if m == nil || m.total == 0 || !m.until.IsZero() && !m.until.After(asked) {
		return
	}
	if m.from.Before(*since) {
		*since = m.from
	}
	g.Total += m.total
	for i, counted := range m.prefixes {
		g.Nodes[i].add(counted)
	}
}

func (d *Depth) add(counted *heavy.Counters) {
	floor := counted.Floor()
	listed := make(map[string]bool, counted.Len())
	for i := range counted.Len() {
		_, key := counted.Key(i)
		listed[string(key)] = true
		b, known := d.Prefixes[string(key)]
		if !known { // the minutes that were added before have no count for this prefix
			b = d.Others
		}
		count, over := counted.Count(i)
		d.Prefixes[string(key)] = Bounds{b.Least + count - over, b.Most + count}
	}
	if floor == 0 {
		return
	}
	d.Others.Most += floor
	for prefix, b := range d.Prefixes {
		if !listed[prefix] {
			b.Most += floor
			d.Prefixes[prefix] = b
		}
	}
}
