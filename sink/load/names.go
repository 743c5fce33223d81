package load

import (
	"slices"
	"strings"

	"github.com/statsd-ops/statsd/metric"
)

// number returns the number of a name. If the name is new, it adds the name, provided that there is room.
func (h *history) number(kind metric.Kind, name []byte) (uint32, bool) {
	if n, known := h.numbers[kind][string(name)]; known {
		return n, true
	}
	need := nameBytes + len(name)
	if !h.makeRoom(need) {
		return 0, false
	}
	h.nameBytes += need
	h.size += need
	n := uint32(len(h.series))
	s := series{kind, strings.Clone(string(name))}
	h.series = append(h.series, s)
	h.numbers[kind][s.name] = n
	return n, true
}

// renumber removes the names that are neither in a segment nor in the current batch. The remaining names keep
// their order. Existing views keep the old numbers.
func (h *history) renumber() {
	numbers := make([]uint32, len(h.series)) // for each old number: the new number plus 1; 0 if the name is removed
	for _, e := range h.entries {
		numbers[e.number] = 1
	}
	for _, s := range h.segments {
		for c := s.start(); c.left > 0; c.advance(skip(h.series[c.number].kind, c.data)) {
			numbers[c.number] = 1
		}
	}
	var kept []series
	h.nameBytes = 0
	for kind := range h.numbers {
		h.numbers[kind] = map[string]uint32{} // the memory of a Go map never shrinks, so make a new map
	}
	for old, s := range h.series {
		if numbers[old] == 0 {
			continue
		}
		h.numbers[s.kind][s.name] = uint32(len(kept))
		kept = append(kept, s)
		numbers[old] = uint32(len(kept))
		h.nameBytes += nameBytes + len(s.name)
	}
	for i := range h.entries {
		h.entries[i].number = numbers[h.entries[i].number] - 1
	}
	if len(kept) < len(h.series) {
		for i, s := range h.segments {
			h.segments[i] = s.renumbered(h.series, numbers)
		}
	}
	h.series = slices.Clip(kept)
	h.worth = max(worthIt, 2*len(kept))
	h.measure()
}
