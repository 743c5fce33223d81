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

// maxChildren is the number of prefixes that a walk counts separately. If there are more prefixes,
// it keeps the prefixes with the most names.
const maxChildren = 1 << 14

// Prefixes is the result of a Walk: the number of held names for each prefix.
type Prefixes struct {
	Below string    // the prefix under which names were counted, with the dot at its end; "" for all names
	At    time.Time // start of the walk
	Took  time.Duration
	// Held is the number of all held names under the prefix Below. A name is counted once for each of
	// its kinds and for each receiver that has received it, in the same way as for Config.MaxNames.
	Held int
	// Since is the start of the period for which new and removed names are counted.
	Since     time.Time
	New, Gone int  // numbers of new and of removed names under the prefix Below
	AtLeast   bool // whether New counts only the names that are still held, and Gone is 0
	// Rows begins with the prefixes that grow fast, see Prefix.ManyNew. The other prefixes follow,
	// sorted by the number of names in descending order.
	Rows []Prefix
	// Forgotten is the number of prefixes whose counts were dropped because there were too many
	// prefixes.
	Forgotten uint64
}

// Prefix is one row of Prefixes.
type Prefix struct {
	Prefix string // prefix with a dot at its end; a whole name has no dot at its end
	Names  int    // number of held names; a lower bound if Prefixes.Forgotten is not 0
	Bytes  uint64 // memory of the held names' records in bytes
	// New is the number of names made since Prefixes.Since. Gone is the number of names that expired
	// or were deleted in this time. Both are lower bounds. The true numbers can be greater by at most
	// NewError and GoneError.
	New, Gone           int
	NewError, GoneError int
	Newest              time.Time // time when the newest held name was first seen; zero if unknown
	// ManyNew says that the new names are more than a tenth of the names with this prefix, and more
	// than a hundredth of all names below Prefixes.Below.
	ManyNew bool
}

// Walk counts the names of a table by prefix. It does so in steps, so that neither receivers nor a
// flush wait for it.
//
// Only the flushing goroutine may call its methods, and not between Drain and Summarize.
type Walk struct {
	names    *aggregate.Walk
	below    []byte
	depth    int // number of nodes in below
	sum      Prefixes
	growth   Growth
	children *heavy.Counters
	counts   []childCount // indexed like the entries of children
}

// childCount holds the counts of one prefix.
type childCount struct {
	names, fresh int
	moved        int // number of names that were moved to another table after Since, so it is unknown whether they are new
	bytes        uint64
	newest       time.Time
}

// Begin begins a walk over the names below a prefix. The prefix consists of whole nodes; its last dot is optional. An
// empty prefix selects all names. The walk also counts the names made since a time. If this time is at most GrowthFor
// ago and the prefix has at most one node, all names made since then are counted. Otherwise, only those that are still
// held are counted. Only the flushing goroutine may call Begin, and not between Drain and Summarize.
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

// Step counts a few hundred names. It returns false after the last name.
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
	if first.At.Unix() >= w.sum.Since.Unix() { // compare in seconds, because the table stores the times in seconds
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

// Result returns the counts. It must be called after the last Step.
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

// grow adds the numbers of new and removed names to the rows.
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
		// Each new name is still held or was removed.
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

// moved returns, for each child, the number of names that may be new. The time when they were made is unknown, because
// they were moved to another table. moved omits the children for which not all names were counted.
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

// of returns the bounds for the count of a prefix.
func (d *Depth) of(prefix string) Bounds {
	if b, listed := d.Prefixes[prefix]; listed {
		return b
	}
	return d.Others
}

// split returns the lower bound of a count, and the difference between the upper and the lower
// bound.
func (b Bounds) split() (least, more int) { return int(b.Least), int(b.Most - b.Least) }
