package aggregate

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// names finds the record of a name. It is a hash table of records. It holds no pointers
// except to its pages and segments, so the garbage collector has little to scan, with
// any number of names.
//
// The table is split into segments, which grow one at a time. So a receiver never waits
// for more than the move of some thousand slots. The hash has a random seed, so clients
// cannot choose names that collide.
type names struct {
	arena
	seed  maphash.Seed
	marks marks
	ttls  []uint32       // flushes after which names of a class expire, see metaClass
	ruled map[ref]uint16 // rules that gave names to records, by number plus 1; see Rules.Heirs
}

// arena is the memory of records, and a hash table of their places.
type arena struct {
	segments [segments]segment
	pages    pages
	used     int // words used of the last page
	count    int // records
}

const segments = 256

// segment is an open-addressing table with linear probing. A slot holds a tag, the
// lower half of the hash, and a ref. An empty slot is 0. Probing starts at the slot in
// the tag's low bits.
type segment struct {
	slots []uint64
	count int
}

const (
	firstSlots = 16
	// A segment grows when more than 7/8 of its slots are in use.
	loadNum, loadDen = 7, 8
)

func newNames(seed maphash.Seed, now time.Time, ttls []uint32) *names {
	return &names{seed: seed, marks: marks{began: now.Unix()}, ttls: ttls}
}

// end returns the place where the next record may go.
func (n *names) end() ref { return ref(max(len(n.pages)-1, 0)<<pageShift | n.used) }

// find returns the place of the record of a clean name, or 0.
func (n *names) find(kind metric.Kind, name []byte) ref {
	hash := maphash.Bytes(n.seed, name)
	s := &n.segments[hash>>56]
	mask := len(s.slots) - 1
	if mask < 0 {
		return 0
	}
	for i := int(uint32(hash)) & mask; s.slots[i] != 0; i = (i + 1) & mask {
		if slot := s.slots[i]; uint32(slot>>32) == uint32(hash) && n.pages.at(ref(slot)).named(kind, name) {
			return ref(slot)
		}
	}
	return 0
}

// findHash returns the place of the record of a name as received, or 0: see record.is.
func (n *names) findHash(hash uint64, kind metric.Kind, name []byte) ref {
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
		if n.pages.at(ref(slot)).is(kind, name) {
			return ref(slot)
		}
	}
}

// probe is the search for a name: its hash, and its record if look found that.
type probe struct {
	hash  uint64
	ref   ref
	touch byte // keeps the compiler from dropping a load
	drop  bool // lookAliases found a rule that drops the sample
}

// look searches for the names of samples, whose hashes are in probes. It finds all but
// names that share a tag with another record. Each loop touches what the next loop reads.
// Within a loop, reads of memory do not depend on each other, so the processor does many at once.
func (n *names) look(samples []metric.Sample, probes []probe) {
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
		if p, s := &probes[i], &samples[i]; p.ref != 0 && !n.pages.at(p.ref).is(s.Kind&3, s.Name) {
			p.ref = 0
		}
	}
}

// first returns the first record with the tag in the segment, or 0.
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

// findKinds stores in found the places of a name's records, by kind.
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

// insert makes a record for a name, and returns its place. flags are metaMoved, metaHidden and a class.
func (n *names) insert(kind metric.Kind, name []byte, flush, flags uint32) ref {
	var others [metric.Kinds]ref
	n.findKinds(name, &others)
	meta := metaOf(kind, name) | flags
	if others != [metric.Kinds]ref{} {
		meta |= metaTwin
	}
	if unevenDots(name) {
		meta |= metaUneven
	}
	r, rec := n.add(maphash.Bytes(n.seed, name), size(meta))
	binary.LittleEndian.PutUint32(rec, meta)
	rec.setLastSeen(flush)
	copy(rec[nameOffset[kind]:], name)
	return r
}

// add makes a record of zeroes.
func (n *arena) add(hash uint64, words int) (ref, record) {
	s := &n.segments[hash>>56]
	if s.count*loadDen >= len(s.slots)*loadNum {
		s.grow()
	}
	r := n.allocate(words)
	s.put(hash<<32 | uint64(r))
	s.count++
	n.count++
	return r, n.pages.at(r)
}

// allocate returns the place of free words, which are zero.
func (n *arena) allocate(words int) ref {
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
