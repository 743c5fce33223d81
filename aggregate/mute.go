package aggregate

import (
	"sync/atomic"

	"github.com/statsd-ops/statsd/metric"
)

// Mute refuses the samples of the names that it matches.
type Mute struct {
	Match   func(name []byte) bool
	Samples atomic.Uint64 // number of samples refused so far
}

// SetMutes replaces the mutes. A new name that a mute matches is refused from now on, and takes no
// memory. A name that is already in the table is refused only after Mark was called with it. Only
// the flushing goroutine may call SetMutes.
//
// Without mutes, the cost is one comparison per batch. With mutes, the cost is a test of one bit
// for each sample, and only new and marked names are matched.
func (t *Table) SetMutes(mutes []*Mute) {
	for _, s := range t.shards {
		s.mutex.Lock()
		s.mutes = mutes
		if mutes == nil {
			s.marked = nil
		}
		s.mutex.Unlock()
	}
}

// Mark marks names of a kind that a mute may match. Only the flushing goroutine may call it.
func (t *Table) Mark(kind metric.Kind, names [][]byte) {
	for _, s := range t.shards {
		s.mutex.Lock()
		for _, name := range names {
			if r := s.names.find(kind, name); r != 0 && s.mutes != nil {
				s.marked.set(r)
			}
		}
		s.mutex.Unlock()
	}
}

// muteOf returns the first mute that matches a name, or nil if there is none.
func (s *Shard) muteOf(name []byte) *Mute {
	for _, m := range s.mutes {
		if m.Match(name) {
			return m
		}
	}
	return nil
}

// passMarked removes the records of marked names from the parameter probes. The function find then
// handles the samples of these names, and calls the function muted.
func (s *Shard) passMarked(probes []probe) {
	for i := range probes {
		if s.marked.has(probes[i].ref) {
			probes[i].ref = 0
		}
	}
}

// muted reports whether a mute refuses the samples of a record. If it returns true, it has counted
// one refused sample.
func (s *Shard) muted(r ref) bool {
	if !s.marked.has(r) {
		return false
	}
	m := s.muteOf(s.names.pages.at(r).name())
	if m == nil { // no mute matches the name any more
		s.marked.unset(r)
		return false
	}
	m.Samples.Add(1)
	return true
}

// bitmap has one bit for each ref. It grows when a bit beyond its end is set.
type bitmap []uint64

func (b bitmap) has(r ref) bool {
	i := int(r >> 6)
	return i < len(b) && b[i]>>(r&63)&1 != 0
}

func (b *bitmap) set(r ref) {
	i := int(r >> 6)
	if i >= len(*b) {
		// The bitmap grows by at least the bits of one page, and by at least an eighth of its size.
		grown := make(bitmap, max(i+pageUnits/64, len(*b)+len(*b)/8))
		copy(grown, *b)
		*b = grown
	}
	(*b)[i] |= 1 << (r & 63)
}

func (b bitmap) unset(r ref) {
	if i := int(r >> 6); i < len(b) {
		b[i] &^= 1 << (r & 63)
	}
}
