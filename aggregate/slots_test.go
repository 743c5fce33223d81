package aggregate

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSegment puts slots into a segment. Their tags are random, or often equal, or at an end of their range. Each slot
// must be found. Slots with the same tag must be found in the order in which they were put.
func TestSegment(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for name, tag := range map[string]func() uint32{
		"random":     random.Uint32,
		"few":        func() uint32 { return random.Uint32N(50) << 26 },
		"all lowest": func() uint32 { return 0 },
		"highest":    func() uint32 { return math.MaxUint32 - random.Uint32N(100) },
	} {
		var s segment
		want := map[uint32][]uint64{}
		for i := range 5_000 {
			tag := tag()
			if s.full() {
				s.grow()
			}
			at := s.seek(tag, s.start(tag))
			if found := s.has(tag, at); found != (want[tag] != nil) {
				t.Fatalf("%s: tag %d is found: %v", name, tag, found)
			}
			slot := uint64(tag)<<32 | uint64(i+1)
			s.put(slot, at)
			want[tag] = append(want[tag], slot)
		}
		if int(s.count) != 5_000 || s.slots[len(s.slots)-1] != 0 {
			t.Errorf("%s: %d slots are counted, and the last one is %x", name, s.count, s.slots[len(s.slots)-1])
		}
		var before uint32
		for _, slot := range s.slots {
			if tag := uint32(slot >> 32); slot != 0 && tag < before {
				t.Fatalf("%s: tag %d comes after tag %d", name, tag, before)
			} else if slot != 0 {
				before = tag
			}
		}
		for tag, slots := range want {
			var got []uint64
			for i := s.seek(tag, s.start(tag)); s.has(tag, i); i++ {
				got = append(got, s.slots[i])
			}
			if !slices.Equal(got, slots) {
				t.Errorf("%s: tag %d has the slots %x, want %x", name, tag, got, slots)
			}
		}
	}
}
