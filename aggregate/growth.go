package aggregate

import (
	"bytes"
	"time"

	"github.com/statsd-ops/statsd/internal/heavy"
	"github.com/statsd-ops/statsd/metric"
)

const (
	// growthPrefixes is the number of prefixes counted in a minute. A prefix with more than
	// 1/growthPrefixes of a minute's names is always among them.
	growthPrefixes = 64
	// growthMinutes is how many minutes are kept.
	growthMinutes = 60
	// maxGrowthPrefix limits the bytes kept of a prefix.
	maxGrowthPrefix = 128
)

// growth counts names by prefix in each of the last minutes. It takes memory when the first name is
// counted.
type growth struct {
	minutes [growthMinutes]*growthMinute
	now     int // index of the running minute
}

type growthMinute struct {
	from, until time.Time // until is zero for the running minute
	total       uint64
	prefixes    *heavy.Counters
}

// add counts a name.
func (g *growth) add(name []byte, tagged bool) {
	m := g.minutes[g.now]
	if m == nil {
		m = &growthMinute{from: time.Now(), prefixes: heavy.New(growthPrefixes)}
		g.minutes[g.now] = m
	}
	m.total++
	prefix := growthPrefix(name, tagged)
	m.prefixes.Add(0, prefix[:min(len(prefix), maxGrowthPrefix)])
}

// turn begins a new minute if the running one is over.
func (g *growth) turn(now time.Time) {
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
		m = &growthMinute{prefixes: heavy.New(growthPrefixes)}
		g.minutes[g.now] = m
	}
	m.from, m.until, m.total = now, time.Time{}, 0
	m.prefixes.Reset()
}

// growthPrefix returns the part of a name up to and including its second dot, without tags.
func growthPrefix(name []byte, tagged bool) []byte {
	if tagged {
		name, _ = metric.CutTags(name)
	}
	if i := bytes.IndexByte(name, '.'); i >= 0 {
		if j := bytes.IndexByte(name[i+1:], '.'); j >= 0 {
			return name[:i+1+j+1]
		}
	}
	return name
}

// Growth says how many names were made, and how many expired or were deleted, by prefix.
type Growth struct {
	// Since is when the counting began: the start of the minute of the asked time, or later if fewer
	// minutes are kept.
	Since time.Time
	New   Grown
	Gone  Grown
}

// Grown counts names by prefix: names up to and including their second dot, or whole ones that have
// fewer.
type Grown struct {
	Total uint64 // exact
	// Prefixes are the ones with most names. Others has the bounds for any other prefix.
	Prefixes map[string]Bounds
	Others   Bounds
}

// Bounds are the smallest and the greatest possible count.
type Bounds struct{ Least, Most uint64 }

// GrowthFor is how far back Growth can look.
const GrowthFor = growthMinutes * time.Minute

// Growth counts the names made and gone since a time. Only the flushing goroutine may call it.
func (t *Table) Growth(since time.Time) Growth {
	sum := Growth{Since: since, New: newGrown(), Gone: newGrown()}
	if oldest := time.Now().Add(-GrowthFor); since.Before(oldest) {
		sum.Since = oldest
	}
	if sum.Since.Before(t.began) {
		sum.Since = t.began
	}
	asked := sum.Since
	for _, s := range t.shards {
		for i := range s.grown.minutes {
			s.mutex.Lock()
			sum.New.add(s.grown.minutes[i], asked, &sum.Since)
			s.mutex.Unlock()
		}
	}
	for _, m := range t.gone.minutes {
		sum.Gone.add(m, asked, &sum.Since)
	}
	return sum
}

func newGrown() Grown { return Grown{Prefixes: map[string]Bounds{}} }

// add adds a minute if a part of it is later than asked. It sets since to the minute's begin if that is earlier.
func (g *Grown) add(m *growthMinute, asked time.Time, since *time.Time) {
	if m == nil || m.total == 0 || !m.until.IsZero() && !m.until.After(asked) {
		return
	}
	if m.from.Before(*since) {
		*since = m.from
	}
	g.Total += m.total
	floor := m.prefixes.Floor()
	g.Others.Most += floor
	for i := range m.prefixes.Len() {
		_, key := m.prefixes.Key(i)
		b, known := g.Prefixes[string(key)]
		if !known { // not in the minutes so far
			b = Bounds{0, g.Others.Most - floor}
		}
		count, over := m.prefixes.Count(i)
		// floor is added for all prefixes; this one's is known better
		g.Prefixes[string(key)] = Bounds{b.Least + count - over, b.Most + count}
	}
	if floor > 0 {
		g.raise(m, floor)
	}
}

// raise adds floor to the upper bound of the prefixes that the minute does not have.
func (g *Grown) raise(m *growthMinute, floor uint64) {
	has := make(map[string]bool, m.prefixes.Len())
	for i := range m.prefixes.Len() {
		_, key := m.prefixes.Key(i)
		has[string(key)] = true
	}
	for prefix, b := range g.Prefixes {
		if !has[prefix] {
			b.Most += floor
			g.Prefixes[prefix] = b
		}
	}
}
