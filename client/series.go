package client

import (
	"math"
	"slices"
	"sync/atomic"
)

// series holds the merged samples of one name, tags and rate.
type series struct {
	// word is the sum of a counter or the bits of a gauge's value, or idle or
	// relative. Callers change sums and values without a lock. Only the holder of
	// aggregator.mu changes idle and relative, and only in the live table. drain
	// leaves an idle word behind, so a late caller goes to the lock and merges
	// nothing into a series that was drained.
	word atomic.Uint64

	id, a, b, c, d uint64 // the whole key of a plain series: identity, and long or short

	// The key.
	hash  uint64
	name  string
	kind  kind
	rate  float64  // 0 stands for 1
	scope *encoded // only scope.scope is part of the key
	tags  []string

	head, tail string // encoded by the first client that used it
	forgotten  bool   // the table has removed it, but a handle may still have it

	delta   float64             // relative gauge: the sum of the adjustments
	values  []uint64            // timer, histogram, distribution: value.bits
	members map[string]struct{} // set: encoded
}

// As float64s these are NaN, which no gauge can be. A counter does not merge a sample that would make its sum equal to
// idle.
const (
	idle     = 0x7ff4_0000_0000_0001 // nothing was merged since the last drain
	relative = 0x7ff4_0000_0000_0002 // a gauge was adjusted, but not set
)

func (sr *series) is(e *encoded, k kind, name string, tags []string, rate float64) bool {
	return sr.name == name && sr.kind == k && sr.rate == rate && (sr.scope == e || sr.scope.scope == e.scope) && slices.Equal(sr.tags, tags)
}

// again merges v if that needs no lock.
func (sr *series) again(v value) bool {
	switch {
	case sr == nil:
		return false
	case sr.kind == counter:
		return sr.countAgain(int64(v.bits))
	case sr.kind == gauge && v.form == formDecimal && v.valid():
		return sr.setAgain(v.bits)
	}
	return false
}

// countAgain is again for counters.
func (sr *series) countAgain(n int64) bool {
	for {
		old := sr.word.Load()
		sum := int64(old) + n
		if old == idle || uint64(sum) == idle || (sum^int64(old))&(sum^n) < 0 { // idle, or an overflow
			return false
		}
		if sr.word.CompareAndSwap(old, uint64(sum)) {
			return true
		}
	}
}

// setAgain is again for gauges.
func (sr *series) setAgain(bits uint64) bool {
	for {
		old := sr.word.Load()
		if old == idle || old == relative {
			return false
		}
		if sr.word.CompareAndSwap(old, bits) {
			return true
		}
	}
}

// adjust adds delta to a gauge, under the lock.
func (sr *series) adjust(delta float64) {
	for {
		old := sr.word.Load()
		if old == idle || old == relative {
			sr.delta += delta
			sr.word.Store(relative)
			return
		}
		if sr.word.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+delta)) {
			return
		}
	}
}

// emit queues the content of a series and empties the series. It stops early when the queue gets crowded with members.
// It reports false if the series was empty.
func (co *core) emit(sr *series) bool {
	switch sr.kind {
	case counter:
		n := sr.word.Swap(idle)
		if n == idle {
			return false
		}
		co.putNumber(sr.head, whole(int64(n)), sr.tail, true)
	case gauge:
		return co.emitGauge(sr)
	case set:
		if len(sr.members) == 0 {
			return false
		}
		for member := range sr.members {
			if co.queue.crowded() {
				return true
			}
			delete(sr.members, member)
			if b, p := co.queue.beginMerged(len(sr.head)+len(member)+len(sr.tail), 1, 1); p != nil {
				_ = append(append(append(b, sr.head...), member...), sr.tail...)
				co.queue.commit(p, 1)
			}
		}
	default:
		if len(sr.values) == 0 {
			return false
		}
		co.emitValues(sr, sr.values)
		sr.values = sr.values[:0]
	}
	return true
}

func (co *core) emitGauge(sr *series) bool {
	word := sr.word.Swap(idle)
	if word == idle {
		return false
	}
	v := value{formDecimal, word}
	if word == relative {
		v = adjustment(sr.delta)
		sr.delta = 0
	}
	if !v.valid() { // the sum of adjustments can be infinite
		co.queue.refuse()
		return true
	}
	co.putNumber(sr.head, v, sr.tail, true)
	return true
}

// putNumber queues a number between head and tail. A negative gauge is set to 0
// first, in the same packet. If merged is set, the lines do not wait for room.
func (co *core) putNumber(head string, v value, tail string, merged bool) {
	var digits [32]byte
	number := v.appendTo(digits[:0], co.python)
	around, lines := len(head)+len(tail), 1
	size := around + len(number)
	if v.negative() {
		size += around + len("0")
		lines = 2
	}
	var b []byte
	var p *packet
	if merged {
		b, p = co.queue.beginMerged(size, lines, lines)
	} else {
		b, p = co.queue.begin(size, lines)
	}
	if p == nil {
		return
	}
	if lines == 2 {
		b = append(append(append(b, head...), '0'), tail...)
	}
	_ = append(append(append(b, head...), number...), tail...)
	co.queue.commit(p, lines)
}
