package prometheus

// index is a hash table that finds numbers by hash. It consists of segments that grow one at a time, so that no
// flush must wait for the whole table to grow.
type index struct {
	segments [256][]uint64 // a slot contains 32 bits of the hash, and the number plus 1; an empty slot is 0
	counts   [256]int
}

const firstSlots = 8

// find returns the number that was added with this hash. Several numbers can have the same hash, so
// find calls the function is, which reports whether a number is the right one.
func (x *index) find(hash uint64, is func(number uint32) bool) (number uint32, ok bool) {
	slots := x.segments[hash>>56]
	mask := len(slots) - 1
	if mask < 0 {
		return 0, false
	}
	for i := int(uint32(hash)) & mask; slots[i] != 0; i = (i + 1) & mask {
		if uint32(slots[i]>>32) == uint32(hash) && is(uint32(slots[i])-1) {
			return uint32(slots[i]) - 1, true
		}
	}
	return 0, false
}

// add adds a number. The number must not be in the index.
func (x *index) add(hash uint64, number uint32) {
	s := hash >> 56
	if x.counts[s]*4 >= len(x.segments[s])*3 {
		old := x.segments[s]
		x.segments[s] = make([]uint64, max(firstSlots, 2*len(old)))
		for _, slot := range old {
			if slot != 0 {
				put(x.segments[s], slot)
			}
		}
	}
	x.counts[s]++
	put(x.segments[s], uint64(uint32(hash))<<32|uint64(number+1))
}

func put(slots []uint64, slot uint64) {
	mask := len(slots) - 1
	i := int(slot>>32) & mask
	for slots[i] != 0 {
		i = (i + 1) & mask
	}
	slots[i] = slot
}

func (x *index) remove(hash uint64, number uint32) {
	s := hash >> 56
	slots := x.segments[s]
	mask := len(slots) - 1
	i := int(uint32(hash)) & mask
	for uint32(slots[i]) != number+1 {
		if slots[i] == 0 {
			return
		}
		i = (i + 1) & mask
	}
	x.counts[s]--
	// Fill the free slot with an entry from the slots after it, up to the next empty slot. An entry does not move if
	// the free slot is before the slot that its hash selects. After a move, the old slot of the entry is the free slot.
	for j := (i + 1) & mask; slots[j] != 0; j = (j + 1) & mask {
		if home := int(slots[j]>>32) & mask; (j-home)&mask >= (j-i)&mask {
			slots[i], i = slots[j], j
		}
	}
	slots[i] = 0
}
