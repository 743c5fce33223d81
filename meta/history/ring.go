package history

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/statsd-ops/statsd/meta"
)

const (
	// blockCuts is the number of cuts of a block. The oldest block is forgotten as a whole.
	blockCuts = 360
	// blockData is the number of bytes after which a block is full. The last cut may exceed it.
	blockData = 64 << 10
	// blockBytes is the memory of a block without its data. columnBytes is the memory of a column without its name, in
	// the list and in the map of the newest block.
	blockBytes  = 128
	columnBytes = 64
	// growBytes is the least number of bytes by which a block grows. Doubling would waste more.
	growBytes = 1024
	// maxColumns limits the figures of a cut.
	maxColumns = 4000
)

// ring holds blocks in bounded memory. A copy of its blocks can be read while cuts are added: data is
// only appended to.
type ring struct {
	step   int64 // nanoseconds between two cuts
	oldest int64 // how long a cut is held, in nanoseconds

	blocks []block // oldest first; cuts go into the last one
	size   int

	schema *schema        // of the newest cut
	index  map[string]int // the columns of schema
	before []float64      // the newest cut, as readers will get it
	cut    []float64      // the cut that is being added; NaN: no value
	rows   []int          // for each figure of the newest cut: its column
}

// keep adds a cut.
func (r *ring) keep(at int64, figures []meta.Figure) {
	figures = figures[:min(len(figures), maxColumns)]
	if r.isBack(at) {
		r.setBack(at)
	}
	if !r.sort(figures) {
		r.newSchema(figures)
		r.sort(figures)
	}
	b := r.open()
	if b == nil {
		b = r.begin(at, figures)
	}
	r.encode(b, at)
	for r.measure(); r.blocks[0].last < at-r.oldest && r.drop(); {
	}
}

// isBack reports whether the clock was set back to a time.
func (r *ring) isBack(at int64) bool {
	n := len(r.blocks)
	return n > 0 && at <= r.blocks[n-1].last
}

// setBack forgets all cuts at a time or after it.
func (r *ring) setBack(at int64) {
	r.blocks = slices.DeleteFunc(r.blocks, func(b block) bool { return b.first >= at })
	for i := range r.blocks {
		b := &r.blocks[i]
		b.until, b.last = min(b.until, at), min(b.last, at-1)
	}
}

// sort puts figures into the columns of the schema. It returns false if one has no column.
func (r *ring) sort(figures []meta.Figure) bool {
	if r.schema == nil {
		return false
	}
	for i := range r.cut {
		r.cut[i] = gap
	}
	for len(r.rows) < len(figures) {
		r.rows = append(r.rows, 0)
	}
	columns := r.schema.columns
	for i := range figures {
		f := &figures[i]
		// Figures mostly come in the order of the cut before.
		at := r.rows[i]
		if at >= len(columns) || columns[at].name != f.Name {
			var known bool
			if at, known = r.index[f.Name]; !known {
				return false
			}
			r.rows[i] = at
		}
		if columns[at].count != f.Count {
			return false
		}
		r.cut[at] = f.Value
	}
	return true
}

// newSchema has a column for each figure.
func (r *ring) newSchema(figures []meta.Figure) {
	r.schema = &schema{}
	r.index = make(map[string]int, len(figures))
	for _, f := range figures {
		if _, twice := r.index[f.Name]; !twice {
			r.index[f.Name] = len(r.schema.columns)
			r.schema.columns = append(r.schema.columns, column{f.Name, f.Count})
			r.schema.bytes += columnBytes + len(f.Name)
		}
	}
	r.cut = make([]float64, len(r.schema.columns))
}

// open returns the block for the next cut, or nil if a new block is needed.
func (r *ring) open() *block {
	if len(r.blocks) == 0 {
		return nil
	}
	b := &r.blocks[len(r.blocks)-1]
	if b.schema != r.schema || b.cuts == blockCuts || len(b.data) > blockData || b.until != math.MaxInt64 {
		return nil
	}
	return b
}

// begin begins a block. Figures that have vanished have no column in it.
func (r *ring) begin(at int64, figures []meta.Figure) *block {
	if slices.ContainsFunc(r.cut, func(v float64) bool { return v != v }) {
		r.newSchema(figures)
		r.sort(figures)
	}
	if n := len(r.blocks); n > 0 {
		b := &r.blocks[n-1]
		b.data = slices.Clip(slices.Clone(b.data))
	}
	r.before = append(r.before[:0], make([]float64, len(r.cut))...)
	r.blocks = append(r.blocks, block{schema: r.schema, first: at, last: at, until: math.MaxInt64, step: r.step})
	return &r.blocks[len(r.blocks)-1]
}

// encode appends the cut.
func (r *ring) encode(b *block, at int64) {
	before := b.last
	if b.cuts == 0 {
		before = at - b.step
	}
	if cap(b.data)-len(b.data) < len(r.cut)+growBytes {
		b.data = append(make([]byte, 0, len(b.data)+2*(len(r.cut)+growBytes)), b.data...)
	}
	b.data = binary.AppendVarint(b.data, at-before-b.step)
	b.data = appendCut(b.data, r.before, r.cut)
	b.last = at
	b.cuts++
}

// drop drops the oldest block, unless it is the only one.
func (r *ring) drop() (dropped bool) {
	if len(r.blocks) < 2 {
		return false
	}
	r.blocks = slices.Delete(r.blocks, 0, 1)
	r.measure()
	return true
}

// reach returns how far back the ring reaches, as a fraction of the wanted time.
func (r *ring) reach() float64 {
	n := len(r.blocks)
	if n == 0 {
		return 0
	}
	return float64(r.blocks[n-1].last-r.blocks[0].first) / float64(r.oldest)
}

// measure counts the bytes in use.
func (r *ring) measure() {
	r.size = 8*(cap(r.cut)+cap(r.before)+cap(r.rows)) + blockBytes*cap(r.blocks)
	var s *schema
	for i := range r.blocks {
		b := &r.blocks[i]
		r.size += cap(b.data)
		if b.schema != s {
			s = b.schema
			r.size += s.bytes
		}
	}
}
