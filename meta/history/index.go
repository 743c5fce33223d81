package history

import "hash/maphash"

// index finds entries by their paths. It is a hash table of the numbers of entries, with linear
// probing. A map would also keep the paths, and would need five times as much memory.
type index struct {
	seed  maphash.Seed
	slots []int32 // number of an entry plus 1; 0 for none
	count int
}

// The index grows when three quarters of its slots are used. It doubles its size while it is small,
// and then grows by a quarter.
const (
	firstSlots = 16
	largeSlots = 1024
)

func newIndex() index { return index{seed: maphash.MakeSeed()} }

// start returns the slot at which a search for a path starts. The index must not be empty.
func (x *index) start(path string) int {
	return int(maphash.String(x.seed, path) >> 32 * uint64(len(x.slots)) >> 32)
}

// after returns the slot that follows the slot with the index at. After the last slot comes the
// first slot.
func (x *index) after(at int) int {
	if at++; at == len(x.slots) {
		return 0
	}
	return at
}

// findBytes does the same as find, for a path in bytes.
func (x *index) findBytes(entries []entry, path []byte) (i int32, known bool) {
	if len(x.slots) == 0 {
		return 0, false
	}
	at := int(maphash.Bytes(x.seed, path) >> 32 * uint64(len(x.slots)) >> 32)
	for ; x.slots[at] != 0; at = x.after(at) {
		if i := x.slots[at] - 1; entries[i].path == string(path) {
			return i, true
		}
	}
	return 0, false
}

// find returns the number of the entry with the path.
func (x *index) find(entries []entry, path string) (i int32, known bool) {
	return x.findBytes(entries, []byte(path))
}

// add adds entry i, whose path must not be in the index yet.
func (x *index) add(entries []entry, i int32) {
	if x.count*4 >= len(x.slots)*3 {
		x.grow(entries)
	}
	x.put(entries, i)
	x.count++
}

func (x *index) put(entries []entry, i int32) {
	at := x.start(entries[i].path)
	for x.slots[at] != 0 {
		at = x.after(at)
	}
	x.slots[at] = i + 1
}

func (x *index) grow(entries []entry) {
	old := x.slots
	n := max(firstSlots, 2*len(old))
	if len(old) >= largeSlots {
		n = len(old) + len(old)/4
	}
	x.slots = make([]int32, n)
	for _, slot := range old {
		if slot != 0 {
			x.put(entries, slot-1)
		}
	}
}

// slot returns the slot of entry i, which must be in the index.
func (x *index) slot(entries []entry, i int32) int {
	at := x.start(entries[i].path)
	for x.slots[at] != i+1 {
		at = x.after(at)
	}
	return at
}

// renumber changes the number of an entry from the parameter i to the parameter to. The entry must
// still have the index i.
func (x *index) renumber(entries []entry, i, to int32) { x.slots[x.slot(entries, i)] = to + 1 }

// remove removes entry i. It moves entries from later slots to earlier ones, because an empty slot
// ends a search.
func (x *index) remove(entries []entry, i int32) {
	gap := x.slot(entries, i)
	for at := x.after(gap); x.slots[at] != 0; at = x.after(at) {
		start := x.start(entries[x.slots[at]-1].path)
		if between := (start-gap+len(x.slots)-1)%len(x.slots) < (at-gap+len(x.slots))%len(x.slots); between {
			continue // the search for this entry starts after the empty slot
		}
		x.slots[gap] = x.slots[at]
		gap = at
	}
	x.slots[gap] = 0
	x.count--
}
