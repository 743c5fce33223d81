package aggregate

import (
	"sync/atomic"

	"github.com/statsd-ops/statsd/metric"
)

// Mute refuses the samples of some names.
type Mute struct {
	Match   func(name []byte) bool
	Samples atomic.Uint64 // refused so far
}

// SetMutes replaces the mutes. From now on a new name that one of them matches is refused, and takes no
// memory. A name that is already in the table is refused only after a call of Mark with it. Only the flushing goroutine
// may call SetMutes.
//
// Without mutes a batch costs one comparison more. With mutes, each sample costs a test of one bit, and only the
// samples of marked and of new names are matched.
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

// Mark makes names of a kind known as possibly muted. Only the flushing goroutine may call it.
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

// muteOf returns the first mute that matches a name, or nil.
func (s *Shard) muteOf(name []byte) *Mute {
	for _, m := range s.mutes {
		if m.Match(name) {
			return m
		}
	}
	return nil
}

// passMarked passes samples of marked records on to find, which calls muted.
func (s *Shard) passMarked(probes []probe) {
	for i := range probes {
		if s.marked.has(probes[i].ref) {
			probes[i].ref = 0
		}
	}
}

// muted counts a sample of a record, if a mute refuses it.
func (s *Shard) muted(r ref) bool {
	if !s.marked.has(r) {
		return false
	}
	m := s.muteOf(s.names.pages.at(r).name())
	if m == nil { // the mute has ended
		s.marked.unset(r)
		return false
	}
	m.Samples.Add(1)
	return true
}

// bitmap has one bit for each ref. It grows with the largest one that is set.
type bitmap []uint64

func (b bitmap) has(r ref) bool {
	i := int(r >> 6)
	return i < len(b) && b[i]>>(r&63)&1 != 0
}

func (b *bitmap) set(r ref) {
	i := int(r >> 6)
	if i >= len(*b) {
		// It grows by at least a page, and by at least an eighth.
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
