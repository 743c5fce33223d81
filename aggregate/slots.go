package aggregate

// arena holds records, and a hash table that finds them. It contains no pointers except to its
// pages and segments, so the garbage collector has little work even with many records.
//
// The hash table consists of segments, which grow one at a time. So a receiver never waits longer
// than it takes to move a few thousand slots.
type arena struct {
	segments [segments]segment
	pages    pages
	used     int // number of units used in the last page
	count    int // number of records
}

const segments = 256

// segment is a hash table with open addressing and linear probing. A slot holds a tag and a ref.
// The tag is the lower half of the hash. An empty slot is 0. The slots in use are sorted by tag, and
// the slot where a search starts is proportional to the tag. So a search for a missing tag ends at
// the first larger tag, and a growing segment copies its slots in order. The last slot is always empty.
type segment struct {
	slots  []uint64
	starts uint32 // number of slots where a search can start
	count  uint32 // number of slots in use
}

const (
	// A segment grows when the number of slots in use has reached 7/8 of the field starts. The field starts then doubles
	// if it is less than largeStarts. Otherwise it grows by a quarter, so that few slots of a large segment are empty.
	loadNum, loadDen = 7, 8
	firstStarts      = 16
	largeStarts      = 1024
	// maxExtra is the maximum number of slots behind the last start of a segment that has just grown.
	maxExtra = 32
)

// start returns the index of the slot at which the search for a tag starts.
func (s *segment) start(tag uint32) int { return int(uint64(tag) * uint64(s.starts) >> 32) }

// seek returns the index of the first slot that is empty, or whose tag is not less than the parameter tag. It searches
// from index i on, so no slot before i may have this tag. The segment must have slots.
func (s *segment) seek(tag uint32, i int) int {
	for s.slots[i] != 0 && uint32(s.slots[i]>>32) < tag {
		i++
	}
	return i
}

// has reports whether the slot with index i is in use and has the tag.
func (s *segment) has(tag uint32, i int) bool {
	return s.slots[i] != 0 && uint32(s.slots[i]>>32) == tag
}

// put writes the parameter slot, which consists of a tag and a ref, behind the slots with the same
// tag. The slots behind it move by one. i is the result of the function seek for this tag.
func (s *segment) put(slot uint64, i int) {
	for s.has(uint32(slot>>32), i) {
		i++
	}
	for ; slot != 0; i++ {
		s.slots[i], slot = slot, s.slots[i]
	}
	if i == len(s.slots) {
		s.slots = append(s.slots, 0)
	}
	s.count++
}

// full reports whether the segment must grow before the next put.
func (s *segment) full() bool { return s.count*loadDen >= s.starts*loadNum }

func (s *segment) grow() {
	old := s.slots
	if s.starts >= largeStarts {
		s.starts += s.starts / 4
	} else {
		s.starts = max(firstStarts, 2*s.starts)
	}
	s.slots = make([]uint64, s.starts+min(s.starts/2, maxExtra))
	next := 0
	for _, slot := range old {
		if slot == 0 {
			continue
		}
		next = max(next, s.start(uint32(slot>>32)))
		if next >= len(s.slots)-1 {
			s.slots = append(s.slots, 0)
		}
		s.slots[next] = slot
		next++
	}
}

// probe is the state of a search for a record. The function start reads the first slot, and the
// function seek continues the search.
type probe struct {
	hash  uint64
	slot  uint64 // the content of the first slot
	at    uint32 // index of the slot where the search ended: the slot of the record, or the slot for a new one
	count uint32 // 0 if the search found a record with the tag; otherwise the segment's field count at that time, plus 1
	ref   ref    // the first record whose slot has the tag of the hash; 0 if there is none
	drop  bool   // whether an alias of the name says that a rule drops its samples
}

// start reads the first slot of a search.
func (n *arena) start(p *probe) {
	if s := &n.segments[p.hash>>56]; len(s.slots) > 0 {
		at := s.start(uint32(p.hash))
		p.at, p.slot = uint32(at), s.slots[at]
	}
}

// seek finds the first record with the tag of the probe.
func (n *arena) seek(p *probe) {
	if uint32(p.slot>>32) == uint32(p.hash) {
		p.ref = ref(p.slot)
		return
	}
	n.seekOn(p)
}

// seekOn continues the search of the method seek if the first slot is empty or has another tag.
func (n *arena) seekOn(p *probe) {
	s, tag := &n.segments[p.hash>>56], uint32(p.hash)
	if p.slot != 0 && uint32(p.slot>>32) < tag {
		p.at = uint32(s.seek(tag, int(p.at)))
		if s.has(tag, int(p.at)) {
			p.ref = ref(s.slots[p.at])
			return
		}
	}
	p.count = s.count + 1
}

// absent reports whether no record has the tag of a probe. If another record was added since the
// search, absent may return false although no record has the tag.
func (n *arena) absent(p *probe) bool { return p.count == n.segments[p.hash>>56].count+1 }

// add makes a record for a probe, filled with zeros.
func (n *arena) add(p *probe, units int) (ref, record) {
	s := &n.segments[p.hash>>56]
	r, tag, at := n.allocate(units), uint32(p.hash), int(p.at)
	switch {
	case s.full():
		s.grow()
		at = s.seek(tag, s.start(tag))
	case !n.absent(p):
		at = s.seek(tag, s.start(tag))
	}
	s.put(p.hash<<32|uint64(r), at)
	n.count++
	return r, n.pages.at(r)
}

// allocate returns the ref of free units, filled with zeros.
func (n *arena) allocate(units int) ref {
	if len(n.pages) == 0 || n.used+units > pageUnits {
		n.pages = append(n.pages, new(page))
		n.used = 0
		if len(n.pages) == 1 {
			n.used = 1 // no record has the ref 0
		}
	}
	r := ref((len(n.pages)-1)<<pageShift | n.used)
	n.used += units
	return r
}

// bytes returns the size of the arena's memory in bytes.
func (n *arena) bytes() int {
	slots := 0
	for i := range n.segments {
		slots += len(n.segments[i].slots)
	}
	return len(n.pages)*pageBytes + slots*8
}
