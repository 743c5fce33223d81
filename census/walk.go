package census

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/internal/heavy"
)

// maxChildren is the number of prefixes that a walk counts separately. If there are more, it keeps the
// prefixes with the most names.
const maxChildren = 1 << 14

// Prefixes are the prefixes of the held names, with the number of names of each prefix.
type Prefixes struct {
	Below string    // the prefix whose parts these are, with its dot; "" for all names
	At    time.Time // when the walk began
	Took  time.Duration
	// Held is the number of all held names below it. A name counts once for each kind and for each receiver
	// that took it, as for Config.MaxNames.
	Held int
	// Since is when the counting of new and removed names began.
	Since     time.Time
	New, Gone int  // of all below
	AtLeast   bool // New and Gone count only the names that are still held
	// Rows has the fast-growing prefixes first, see Prefix.ManyNew. The prefixes with the most names follow.
	Rows []Prefix
	// Forgotten is the number of prefixes that were replaced by others, because there were too many.
	Forgotten uint64
}

// Prefix is one of Prefixes.
type Prefix struct {
	Prefix string // with a dot at the end, unless it is a whole name
	Names  int    // held names; a lower bound if prefixes were Forgotten
	Bytes  uint64 // bytes of their records
	// New is the least number of names made since Prefixes.Since. Gone is the least number of names that
	// expired or were deleted since then. The true numbers may be greater, by up to NewError and GoneError.
	New, Gone           int
	NewError, GoneError int
	Newest              time.Time // when the newest name that is held was first seen; zero if that is not known
	ManyNew             bool      // more than a tenth of its names, and a hundredth of all names, are new
}

// Walk counts the names by prefix in steps, so that neither receivers nor the flush wait for it.
//
// Only the flushing goroutine may call its methods, and not between Drain and Summarize.
type Walk struct {
	names    *aggregate.Walk
	below    []byte
	depth    int // nodes of below
	sum      Prefixes
	growth   Growth
	children *heavy.Counters
	counts   []childCount // by place in children
}

// childCount has the totals of the held names of a prefix.
type childCount struct {
	names, fresh int
	moved        int // moved by a rebuild since then, so they may be new
	bytes        uint64
	newest       time.Time
}

// Begin begins a walk over the names below a prefix of whole nodes, with or without its last dot. An empty
// prefix selects all names. The walk counts the new names since a time. It counts all of them if the time
// is within GrowthFor and the prefixes are first nodes. Otherwise it counts only the new names that are
// still held. Only the flushing goroutine may call Begin, and not between Drain and Summarize.
func Begin(t *aggregate.Table, below string, since time.Time) *Walk {
	if below = strings.TrimRight(below, "."); below != "" {
		below += "."
	}
	w := &Walk{names: t.Walk(), below: []byte(below), depth: strings.Count(below, "."), children: heavy.New(maxChildren)}
	now := time.Now()
	w.sum = Prefixes{Below: below, At: now, Since: since}
	w.sum.AtLeast = w.depth >= growthDepth || now.Sub(since) > GrowthFor
	if !w.sum.AtLeast {
		w.growth = GrowthOf(t, since)
		w.sum.Since = w.growth.Since
	}
	return w
}

// Step counts some hundred names. It returns false when the walk is over.
func (w *Walk) Step() bool { return w.names.Step(w.count) }

func (w *Walk) count(held aggregate.Held) {
	name, first := held.Name, held.First
	if !bytes.HasPrefix(name, w.below) {
		return
	}
	child := name
	if i := bytes.IndexByte(name[len(w.below):], '.'); i >= 0 {
		child = name[:len(w.below)+i+1]
	}
	place, fresh := w.children.Add(0, child)
	if place == len(w.counts) {
		w.counts = append(w.counts, childCount{})
	}
	c := &w.counts[place]
	if fresh {
		*c = childCount{}
	}
	c.names++
	c.bytes += held.Bytes
	w.sum.Held++
	if first.At.Unix() >= w.sum.Since.Unix() { // marks are in seconds
		if first.Before {
			c.moved++
		} else {
			c.fresh++
		}
	}
	if !first.Before && first.At.After(c.newest) {
		c.newest = first.At
	}
}

// Result returns the counts. Call it after the last Step.
func (w *Walk) Result() *Prefixes {
	p := w.sum
	p.Took, p.Forgotten = time.Since(p.At), w.children.Evicted()
	rows := map[string]*Prefix{}
	for i := range w.counts {
		_, key := w.children.Key(i)
		c := &w.counts[i]
		rows[string(key)] = &Prefix{Prefix: string(key), Names: c.names, Bytes: c.bytes, New: c.fresh, Newest: c.newest}
	}
	if p.AtLeast {
		for i := range w.counts {
			p.New += w.counts[i].fresh
		}
	} else {
		w.grow(&p, rows)
	}
	for _, r := range rows {
		r.ManyNew = r.New*10 > r.Names+r.Gone && r.New*100 > p.Held+p.Gone
		p.Rows = append(p.Rows, *r)
	}
	slices.SortFunc(p.Rows, comparePrefixes)
	return &p
}

func comparePrefixes(a, b Prefix) int {
	fast := func(p Prefix) int {
		if !p.ManyNew {
			return 0
		}
		return p.New
	}
	return cmp.Or(fast(b)-fast(a), b.Names-a.Names, b.New-a.New, strings.Compare(a.Prefix, b.Prefix))
}

// grow adds the new and removed names to the rows.
func (w *Walk) grow(p *Prefixes, rows map[string]*Prefix) {
	made, gone := &w.growth.New.Nodes[w.depth], &w.growth.Gone.Nodes[w.depth]
	for _, d := range []*Depth{made, gone} {
		for prefix := range d.Prefixes {
			if rows[prefix] == nil && strings.HasPrefix(prefix, p.Below) {
				rows[prefix] = &Prefix{Prefix: prefix}
			}
		}
	}
	moved := w.moved()
	for child, r := range rows {
		b, g := made.of(child), gone.of(child)
		// New names are the held ones and the removed ones.
		held := uint64(r.New)
		b.Least = min(max(b.Least, held), b.Most)
		if may, exact := moved[child]; exact || p.Forgotten == 0 {
			b.Most = max(min(b.Most, held+may+g.Most), b.Least)
			if b.Least > held+may {
				g.Least = min(max(g.Least, b.Least-held-may), g.Most)
			}
		}
		r.New, r.NewError = b.split()
		r.Gone, r.GoneError = g.split()
	}
	if w.depth == 0 {
		p.New, p.Gone = int(w.growth.New.Total), int(w.growth.Gone.Total)
		return
	}
	for _, r := range rows {
		p.New, p.Gone = p.New+r.New, p.Gone+r.Gone
	}
}

// moved returns, for each child, the number of names that may be new because they were moved. It omits children whose
// names are not all counted.
func (w *Walk) moved() map[string]uint64 {
	moved := make(map[string]uint64, len(w.counts))
	for i := range w.counts {
		if _, over := w.children.Count(i); over == 0 {
			_, key := w.children.Key(i)
			moved[string(key)] = uint64(w.counts[i].moved)
		}
	}
	return moved
}

// of returns the bounds of a prefix's count.
func (d *Depth) of(prefix string) Bounds {
	if b, listed := d.Prefixes[prefix]; listed {
		return b
	}
	return d.Others
}

// split returns the lower bound of a count, and the difference to the upper bound.
func (b Bounds) split() (least, more int) { return int(b.Least), int(b.Most - b.Least) }
