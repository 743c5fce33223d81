package aggregate

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"

	"github.com/statsd-ops/statsd/metric"
)

// names finds the record of a name: a hash table of records. It holds no
// pointers but those to its pages and segments, so that the garbage collector
// has nothing to look at, however many names there are.
//
// The table is split into segments that grow one at a time: the longest
// anybody waits for growth is the time to move some thousand slots. The hash
// is seeded, so nobody outside can choose names that collide.
type names struct {
	seed     maphash.Seed
	segments [segments]segment
	pages    pages
	used     int // words of the last page
	count    int // records
}

const segments = 256

// segment is an open-addressing table with linear probing. A slot holds a tag,
// which is the hash's lower half, and a ref; an empty one is 0. The tag's low
// bits are the slot where probing starts.
type segment struct {
	slots []uint64
	count int
}

const (
	firstSlots = 16
	// A segment grows when more than 7/8 of its slots are taken.
	loadNum, loadDen = 7, 8
)

func newNames(seed maphash.Seed) *names {
	return &names{seed: seed}
}

// find returns the place of the record of a name, 0 when there is none.
func (n *names) find(kind metric.Kind, name []byte) ref {
	return n.findHash(maphash.Bytes(n.seed, name), kind, name)
}

func (n *names) findHash(hash uint64, kind metric.Kind, name []byte) ref {
	meta, off := metaOf(kind, name), nameOffset[kind]
	s := &n.segments[hash>>56]
	mask := len(s.slots) - 1
	if mask < 0 {
		return 0
	}
	for i := int(uint32(hash)) & mask; ; i = (i + 1) & mask {
		slot := s.slots[i&(len(s.slots)-1)]
		if slot == 0 {
			return 0
		}
		if uint32(slot>>32) != uint32(hash) {
			continue
		}
		rec := n.pages.at(ref(slot))
		if rec.meta()&^metaFlags == meta && bytes.Equal(rec[off:off+len(name)], name) {
			return ref(slot)
		}
	}
}

// probe is a search for a name: its hash, and the first record whose tag is
// the same, if any.
type probe struct {
	hash  uint64
	ref   ref
	meta  uint32 // of the record
	touch byte   // keeps a load from being optimised away
}

// look begins the search for names with these hashes. Each of its loops
// touches what the next one reads, and no load in it depends on an answer to
// another: so memory answers many at once.
func (n *names) look(probes []probe) {
	for i := range probes {
		p := &probes[i]
		if slots := n.segments[p.hash>>56].slots; len(slots) > 0 {
			p.touch = byte(slots[int(uint32(p.hash))&(len(slots)-1)])
		}
	}
	for i := range probes {
		p := &probes[i]
		p.ref = n.segments[p.hash>>56].first(uint32(p.hash))
	}
	for i := range probes {
		if p := &probes[i]; p.ref != 0 {
			rec := n.pages.at(p.ref)
			p.meta = rec.meta()
			p.touch = rec[min(64, len(rec)-1)] // most names end on the next cache line
		}
	}
}

// first returns the first record on a tag's way through the segment that has
// the tag, 0 when there is none.
func (s *segment) first(tag uint32) ref {
	mask := len(s.slots) - 1
	if mask < 0 {
		return 0
	}
	for i := int(tag) & mask; ; i = (i + 1) & mask {
		slot := s.slots[i&(len(s.slots)-1)]
		if slot == 0 || uint32(slot>>32) == tag {
			return ref(slot)
		}
	}
}

// findAt is find, given what look found.
func (n *names) findAt(p *probe, kind metric.Kind, name []byte) ref {
	if p.ref != 0 && p.meta&^metaFlags == metaOf(kind, name) {
		rec := n.pages.at(p.ref)
		off := nameOffset[kind]
		if bytes.Equal(rec[off:off+len(name)], name) {
			return p.ref
		}
	}
	return n.findHash(p.hash, kind, name)
}

// findKinds stores in found the places of all records of a name, by kind.
func (n *names) findKinds(name []byte, found *[metric.Kinds]ref) {
	hash := maphash.Bytes(n.seed, name)
	*found = [metric.Kinds]ref{}
	s := &n.segments[hash>>56]
	mask := len(s.slots) - 1
	if mask < 0 {
		return
	}
	for i := int(uint32(hash)) & mask; s.slots[i] != 0; i = (i + 1) & mask {
		if slot := s.slots[i]; uint32(slot>>32) == uint32(hash) {
			if rec := n.pages.at(ref(slot)); bytes.Equal(rec.name(), name) {
				found[kindOf(rec.meta())] = ref(slot)
			}
		}
	}
}

// insert makes a record of a name that is not there, and returns its place.
func (n *names) insert(kind metric.Kind, name []byte, flush uint32) ref {
	var others [metric.Kinds]ref
	n.findKinds(name, &others)
	meta := metaOf(kind, name)
	if others != [metric.Kinds]ref{} {
		meta |= metaTwin
	}
	if unevenDots(name) {
		meta |= metaUneven
	}
	hash := maphash.Bytes(n.seed, name)
	s := &n.segments[hash>>56]
	if s.count*loadDen >= len(s.slots)*loadNum {
		s.grow()
	}
	r := n.allocate(size(meta))
	rec := n.pages.at(r)
	binary.LittleEndian.PutUint32(rec, meta)
	rec.setLastSeen(flush)
	copy(rec[nameOffset[kind]:], name)
	s.put(hash<<32 | uint64(r))
	s.count++
	n.count++
	return r
}

// allocate returns the place of free words, which are zero.
func (n *names) allocate(words int) ref {
	if len(n.pages) == 0 || n.used+words > pageUnits {
		n.pages = append(n.pages, new(page))
		n.used = 0
		if len(n.pages) == 1 {
			n.used = 1 // no record is at 0
		}
	}
	r := ref((len(n.pages)-1)<<pageShift | n.used)
	n.used += words
	return r
}

// put stores a slot in a segment that has room.
func (s *segment) put(slot uint64) {
	mask := len(s.slots) - 1
	i := int(slot>>32) & mask
	for s.slots[i] != 0 {
		i = (i + 1) & mask
	}
	s.slots[i] = slot
}

func (s *segment) grow() {
	old := s.slots
	s.slots = make([]uint64, max(firstSlots, 2*len(old)))
	for _, slot := range old {
		if slot != 0 {
			s.put(slot)
		}
	}
}
