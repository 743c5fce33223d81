package signed

import "math/bits"

// prints is a set of signatures. It contains only the first 8 bytes of each signature, as a number. It is a hash table
// with open addressing, which is faster than a map. The number 0 marks an empty slot, so a signature that begins with 8
// zero bytes is stored as 1. At least half of the slots are empty.
type prints struct {
	table []uint64
	seed  uint64
	n     int
}

// leastPrints is the initial number of slots.
const leastPrints = 1 << 10

// newPrints returns an empty set. size is the number of slots, a power of two.
func newPrints(size int, seed uint64) *prints {
	return &prints{table: make([]uint64, size), seed: seed | 1}
}

// place returns the slot of a signature. If the signature is not in the set, it returns the empty
// slot for it.
func (p *prints) place(sig uint64) *uint64 {
	mask := uint64(len(p.table) - 1)
	// The highest bits of a product depend on all bits of both factors.
	at := sig * p.seed >> (64 - bits.Len64(mask))
	for p.table[at] != 0 && p.table[at] != sig {
		at = (at + 1) & mask
	}
	return &p.table[at]
}

func (p *prints) has(sig uint64) bool { return *p.place(max(sig, 1)) != 0 }

// add adds a signature that is not yet in the set.
func (p *prints) add(sig uint64) {
	if 2*p.n >= len(p.table) {
		grown := newPrints(2*len(p.table), p.seed)
		for _, old := range p.table {
			if old != 0 {
				*grown.place(old) = old
			}
		}
		p.table = grown.table
	}
	sig = max(sig, 1)
	*p.place(sig) = sig
	p.n++
}
