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
// The tag is the lower half of the hash. An empty slot is 0. The slot where a search starts is
// proportional to the tag. So the slots are nearly sorted by tag, and a growing segment moves its
// slots in order.
type segment struct {
	slots []uint64
	count int
}

const (
	// A segment grows when more than 7/8 of its slots are in use. Up to largeSlots its size doubles.
	// After that its size grows by a quarter, so that most of its memory is in use.
	loadNum, loadDen = 7, 8
	firstSlots       = 16
	largeSlots       = 1024
)

// start returns the index of the slot at which the search for a tag starts.
func (s *segment) start(tag uint32) int { return int(uint64(tag) * uint64(len(s.slots)) >> 32) }

// seek returns the index of the first slot that contains the tag or is empty. It starts at index i.
// The segment must have slots.
func (s *segment) seek(tag uint32, i int) int {
	for {
		if slot := s.slots[i]; slot == 0 || uint32(slot>>32) == tag {
			return i
		}
		if i++; i == len(s.slots) {
			i = 0
		}
	}
}

// after does the same as the function seek, but starts after index i.
func (s *segment) after(tag uint32, i int) int {
	if i++; i == len(s.slots) {
		i = 0
	}
	return s.seek(tag, i)
}

// put writes the parameter slot, which consists of a tag and a ref, to an empty slot of the segment. There must be an
// empty slot.
func (s *segment) put(slot uint64) {
	i := s.start(uint32(slot >> 32))
	for s.slots[i] != 0 {
		if i++; i == len(s.slots) {
			i = 0
		}
	}
	s.slots[i] = slot
}

func (s *segment) grow() {
	old := s.slots
	n := max(firstSlots, 2*len(old))
	if len(old) >= largeSlots {
		n = len(old) + len(old)/4
	}
	s.slots = make([]uint64, n)
	for _, slot := range old {
		if slot != 0 {
			s.put(slot)
		}
	}
}

// probe is the state of a search for a record. The function start reads the first slot, and the
// function seek continues the search.
type probe struct {
	hash  uint64
	slot  uint64 // the content of the first slot
	at    uint32 // index of the slot where the search ended: the slot of the record, or an empty slot
	count uint32 // number of records in the segment at the time of the search, plus 1; 0 if a record has the tag
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
	s := &n.segments[p.hash>>56]
	if p.slot != 0 {
		p.at = uint32(s.after(uint32(p.hash), int(p.at)))
		p.ref = ref(s.slots[p.at])
	}
	if p.ref == 0 {
		p.count = uint32(s.count) + 1
	}
}

// absent reports whether no record has the tag of a probe. If another record was added since the
// search, absent may return false although no record has the tag.
func (n *arena) absent(p *probe) bool { return int(p.count) == n.segments[p.hash>>56].count+1 }

// add makes a record for a probe, filled with zeros.
func (n *arena) add(p *probe, units int) (ref, record) {
	s := &n.segments[p.hash>>56]
	r := n.allocate(units)
	slot := p.hash<<32 | uint64(r)
	switch {
	case s.count*loadDen >= len(s.slots)*loadNum:
		s.grow()
		s.put(slot)
	case n.absent(p):
		s.slots[p.at] = slot
	default:
		s.put(slot)
	}
	s.count++
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
