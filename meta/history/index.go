package history

import "hash/maphash"

// index finds entries by their paths. It is a hash table with linear probing. A slot contains 32 bits of the hash of
// a path, and the number of the entry plus 1. So a search rarely reads another entry's path, and the index grows
// without reading any. An empty slot is 0. A map would also keep the paths, and would need more memory.
type index struct {
	seed  maphash.Seed
	slots []uint64
	count int
}

// The index grows when three quarters of its slots are used. It doubles its size while it is small,
// and then grows by a quarter.
const (
	firstSlots = 16
	largeSlots = 1024
)

func newIndex() index { return index{seed: maphash.MakeSeed()} }

// hash returns the bits of a path's hash that a slot contains.
func (x *index) hash(path []byte) uint32 { return uint32(maphash.Bytes(x.seed, path)) }

// start returns the index of the slot at which a search for a hash starts. There must be slots.
func (x *index) start(hash uint32) int { return int(uint64(hash) * uint64(len(x.slots)) >> 32) }

// after returns the index that follows the index in the parameter at: at+1, or 0 after the last slot.
func (x *index) after(at int) int {
	if at++; at == len(x.slots) {
		return 0
	}
	return at
}

// find returns the number of the entry with the path.
func (x *index) find(entries []entry, path []byte) (i int32, known bool) {
	if len(x.slots) == 0 {
		return 0, false
	}
	hash := x.hash(path)
	for at := x.start(hash); x.slots[at] != 0; at = x.after(at) {
		if uint32(x.slots[at]>>32) != hash {
			continue
		}
		if i := int32(uint32(x.slots[at])) - 1; entries[i].path == string(path) {
			return i, true
		}
	}
	return 0, false
}

// add adds entry i with this path, which must not be in the index yet.
func (x *index) add(path []byte, i int32) {
	if x.count*4 >= len(x.slots)*3 {
		x.grow()
	}
	x.put(slotOf(x.hash(path), i))
	x.count++
}

func slotOf(hash uint32, i int32) uint64 { return uint64(hash)<<32 | uint64(i+1) }

func (x *index) put(slot uint64) {
	at := x.start(uint32(slot >> 32))
	for x.slots[at] != 0 {
		at = x.after(at)
	}
	x.slots[at] = slot
}

func (x *index) grow() {
	old := x.slots
	n := max(firstSlots, 2*len(old))
	if len(old) >= largeSlots {
		n = len(old) + len(old)/4
	}
	x.slots = make([]uint64, n)
	for _, slot := range old {
		if slot != 0 {
			x.put(slot)
		}
	}
}

// slot returns the index of the slot of entry i with this path, which must be in the index.
func (x *index) slot(path string, i int32) int {
	slot := slotOf(x.hash([]byte(path)), i)
	at := x.start(uint32(slot >> 32))
	for x.slots[at] != slot {
		at = x.after(at)
	}
	return at
}

// renumber changes the number of the entry with this path from the parameter i to the parameter to.
func (x *index) renumber(path string, i, to int32) {
	at := x.slot(path, i)
	x.slots[at] = slotOf(uint32(x.slots[at]>>32), to)
}

// remove removes entry i with this path. It moves entries from later slots to earlier ones, because an empty slot
// ends a search.
func (x *index) remove(path string, i int32) {
	gap := x.slot(path, i)
	for at := x.after(gap); x.slots[at] != 0; at = x.after(at) {
		start := x.start(uint32(x.slots[at] >> 32))
		if between := (start-gap+len(x.slots)-1)%len(x.slots) < (at-gap+len(x.slots))%len(x.slots); between {
			continue // the search for this entry starts after the empty slot
		}
		x.slots[gap] = x.slots[at]
		gap = at
	}
	x.slots[gap] = 0
	x.count--
}
