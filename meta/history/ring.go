package history

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/statsd-ops/statsd/meta"
)

const (
	// blockCuts is the maximum number of cuts in a block. With larger blocks, more cuts would be lost at once, because
	// only whole blocks are removed.
	blockCuts = 360
	// blockData is the size in bytes from which a block is full. The last cut in a block can exceed
	// it.
	blockData = 64 << 10
	// blockBytes is the memory of a block without its data. columnBytes is the memory of a column
	// without its name: an element in the list of columns, and one in the map of the last block.
	blockBytes  = 128
	columnBytes = 64
	// growBytes is the minimum number of bytes by which a block grows. Doubling would waste more
	// memory.
	growBytes = 1024
	// maxColumns is the maximum number of figures in a cut.
	maxColumns = 4000
)

// ring keeps blocks in bounded memory. A copy of the list of blocks can be read while cuts are
// added, because data is only appended.
type ring struct {
	step   int64 // normal time between two cuts in nanoseconds
	oldest int64 // how long a cut is kept, in nanoseconds

	blocks []block // oldest first; new cuts are added to the last block
	size   int

	// The following fields are used to add a cut. A cut has the values of one flush or minute.
	schema *schema        // schema of the last cut
	index  map[string]int // column in schema, by the name of the figure
	before []float64      // the last cut, as readers decode it
	cut    []float64      // the cut that is being added; NaN for no value
	rows   []int          // column of each figure in the last cut
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

// isBack reports whether the time at is not after the last cut, which means that the clock was set
// back.
func (r *ring) isBack(at int64) bool {
	n := len(r.blocks)
	return n > 0 && at <= r.blocks[n-1].last
}

// setBack removes all cuts at or after the given time.
func (r *ring) setBack(at int64) {
	r.blocks = slices.DeleteFunc(r.blocks, func(b block) bool { return b.first >= at })
	for i := range r.blocks {
		b := &r.blocks[i]
		b.until, b.last = min(b.until, at), min(b.last, at-1)
	}
}

// sort puts the figures into the columns of the schema. It returns false if a figure has no column.
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
		// Figures usually have the same order as in the previous cut.
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

// newSchema makes a schema with a column for each figure.
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

// open returns the block for the next cut. It returns nil if a new block is needed.
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

// begin adds a new block. Figures that no longer exist get no column in it.
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

// encode appends the cut to the block.
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

// drop removes the oldest block, unless it is the only one.
func (r *ring) drop() (dropped bool) {
	if len(r.blocks) < 2 {
		return false
	}
	r.blocks = slices.Delete(r.blocks, 0, 1)
	r.measure()
	return true
}

// reach returns how far back the ring reaches, as a fraction of the wanted period.
func (r *ring) reach() float64 {
	n := len(r.blocks)
	if n == 0 {
		return 0
	}
	return float64(r.blocks[n-1].last-r.blocks[0].first) / float64(r.oldest)
}

// measure computes the number of bytes in use.
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
