package prometheus

// values contains the values of all series, in chunks. Scrapes read the chunks while the flush changes them. Before the
// flush first changes a chunk in an interval, it copies the chunk. A running scrape still reads the old chunk.
type values struct {
	chunks []*chunk
	own    []bool // the chunk was already copied in this interval
	used   int    // number of allocated slots
	free   map[int][]uint32
	spare  []*chunk

	replaced []*chunk // chunks that were replaced in this interval
	retired  []retired
}

const (
	chunkShift = 12
	chunkSize  = 1 << chunkShift
)

type chunk [chunkSize]float64

// retired contains the chunks that were replaced after a view was published. They can be reused when no scrape
// reads this view or an older view.
type retired struct {
	view   *view
	chunks []*chunk
}

// allocate returns the first of n consecutive slots in one chunk. n is at most chunkSize.
func (v *values) allocate(n int) uint32 {
	if free := v.free[n]; len(free) > 0 {
		v.free[n] = free[:len(free)-1]
		slot := free[len(free)-1]
		clear(v.run(slot, n))
		return slot
	}
	if rest := chunkSize - v.used%chunkSize; rest < n {
		v.used += rest
	}
	slot := v.used
	v.used += n
	if len(v.chunks)*chunkSize < v.used {
		v.chunks, v.own = append(v.chunks, new(chunk)), append(v.own, true)
	}
	return uint32(slot)
}

// release frees n slots for reuse.
func (v *values) release(slot uint32, n int) {
	if v.free == nil {
		v.free = map[int][]uint32{}
	}
	v.free[n] = append(v.free[n], slot)
}

// run returns n slots for writing.
func (v *values) run(slot uint32, n int) []float64 {
	c := int(slot >> chunkShift)
	if !v.own[c] {
		copied := v.fresh()
		*copied = *v.chunks[c]
		v.replaced = append(v.replaced, v.chunks[c])
		v.chunks[c], v.own[c] = copied, true
	}
	at := int(slot & (chunkSize - 1))
	return v.chunks[c][at : at+n]
}

// look returns n slots for reading.
func (v *values) look(slot uint32, n int) []float64 {
	at := int(slot & (chunkSize - 1))
	return v.chunks[slot>>chunkShift][at : at+n]
}

// fresh returns a chunk with arbitrary content.
func (v *values) fresh() *chunk {
	if n := len(v.spare); n > 0 {
		c := v.spare[n-1]
		v.spare = v.spare[:n-1]
		return c
	}
	return new(chunk)
}

// retire ends an interval. The parameter before is the view that scrapes have read until now.
// Replaced chunks can be reused when no scrape can read them any more.
func (v *values) retire(before *view) {
	clear(v.own)
	v.retired = append(v.retired, retired{before, v.replaced})
	v.replaced = nil
	for len(v.retired) > 0 && !v.retired[0].view.read() {
		v.spare = append(v.spare, v.retired[0].chunks...)
		v.retired = v.retired[1:]
	}
	if most := len(v.chunks); len(v.spare) > most {
		clear(v.spare[most:])
		v.spare = v.spare[:most]
	}
}
