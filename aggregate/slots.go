package aggregate

// arena is the memory of records, and a hash table of their places. It holds no pointers
// except to its pages and segments, so the garbage collector has little to scan, with
// any number of records.
//
// The table is split into segments, which grow one at a time. So a receiver waits only until some thousand slots are
// moved.
type arena struct {
	segments [segments]segment
	pages    pages
	used     int // units used of the last page
	count    int // records
}

const segments = 256

// segment is an open-addressing table with linear probing. A slot holds a tag, the
// lower half of the hash, and a ref. An empty slot is 0. Probing starts at a place in
// proportion to the tag. So the slots are nearly sorted, and growing moves them in order.
type segment struct {
	slots []uint64
	count int
}

const (
	// A segment grows when more than 7/8 of its slots are in use: it doubles until it has largeSlots, and
	// then grows by a quarter, so that most of its memory is in use.
	loadNum, loadDen = 7, 8
	firstSlots       = 16
	largeSlots       = 1024
)

// start returns the index at which the search for a tag starts.
func (s *segment) start(tag uint32) int { return int(uint64(tag) * uint64(len(s.slots)) >> 32) }

// seek returns the index of the first slot from i on that has the tag or is empty. There must be slots.
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

// after does the same as seek, from the slot after i on.
func (s *segment) after(tag uint32, i int) int {
	if i++; i == len(s.slots) {
		i = 0
	}
	return s.seek(tag, i)
}

// put stores a slot in a segment that has room.
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

// probe is the search for a record. start reads the first slot, and seek continues from there.
type probe struct {
	hash  uint64
	slot  uint64 // the content of the first slot
	at    uint32 // index of the slot found; if no record has the tag, of the empty slot that ended the search
	count uint32 // the segment's records at that time, plus 1; 0 if a record has the tag
	ref   ref    // the first record with the tag, 0 for none
	drop  bool   // an alias says that a rule drops the sample
}

// start reads the first slot.
func (n *arena) start(p *probe) {
	if s := &n.segments[p.hash>>56]; len(s.slots) > 0 {
		at := s.start(uint32(p.hash))
		p.at, p.slot = uint32(at), s.slots[at]
	}
}

// seek finds the first record with the tag.
func (n *arena) seek(p *probe) {
	if uint32(p.slot>>32) == uint32(p.hash) {
		p.ref = ref(p.slot)
		return
	}
	n.seekOn(p)
}

// seekOn continues seek if the first slot does not have the tag.
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

// absent reports whether no record has the tag of a probe. If another record was added after the probe,
// absent may return false.
func (n *arena) absent(p *probe) bool { return int(p.count) == n.segments[p.hash>>56].count+1 }

// add makes a record of zeroes for a probe.
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

// allocate returns the place of free units, which are zero.
func (n *arena) allocate(units int) ref {
	if len(n.pages) == 0 || n.used+units > pageUnits {
		n.pages = append(n.pages, new(page))
		n.used = 0
		if len(n.pages) == 1 {
			n.used = 1 // no record is at 0
		}
	}
	r := ref((len(n.pages)-1)<<pageShift | n.used)
	n.used += units
	return r
}

// bytes returns the memory of the arena.
func (n *arena) bytes() int {
	slots := 0
	for i := range n.segments {
		slots += len(n.segments[i].slots)
	}
	return len(n.pages)*pageBytes + slots*8
}
