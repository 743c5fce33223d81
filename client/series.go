package client

import (
	"math"
	"slices"
	"sync/atomic"
)

// series contains the merged samples of one name, tags and rate.
type series struct {
	// word is the sum of a counter, the bits of a gauge's value, or one of the constants idle and relative. Callers
	// change sums and values without a lock. Only the holder of aggregator.mu may change word from idle or relative to
	// another value, and only in the live table. The method drain sets word to idle. A caller that finds idle takes the
	// lock, and merges its sample into the live table. So no sample is merged into a series that was already drained.
	word atomic.Uint64

	id, a, b, c, d uint64 // key of a plain series: the result of the function identity, and the words of the name

	// The following fields are the key of every series, whether it is plain or not. hash is a hash of this key.
	hash  uint64
	name  string
	kind  kind
	rate  float64  // 0 means a rate of 1
	scope *encoded // only the string scope.scope is part of the key
	tags  []string

	head, tail string // parts of the line before and after the value, as the first client with this series encoded them
	forgotten  bool   // removed from the table; a handle may still refer to the series

	delta   float64             // for a relative gauge: the sum of the adjustments
	values  []uint64            // for a timer, histogram or distribution: the bits of each value
	members map[string]struct{} // for a set: the encoded members
}

// As float64s, these constants are NaN, which is not a valid value for a gauge. If a sample would make the sum of
// a counter equal to idle, the sample is not merged.
const (
	idle     = 0x7ff4_0000_0000_0001 // nothing was merged since the last drain
	relative = 0x7ff4_0000_0000_0002 // the gauge was adjusted, but not set
)

func (sr *series) is(e *encoded, k kind, name string, tags []string, rate float64) bool {
	return sr.name == name && sr.kind == k && sr.rate == rate && (sr.scope == e || sr.scope.scope == e.scope) && slices.Equal(sr.tags, tags)
}

// again merges v if this is possible without a lock.
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

// countAgain is the implementation of again for counters.
func (sr *series) countAgain(n int64) bool {
	for {
		old := sr.word.Load()
		sum := int64(old) + n
		// The series is idle, or the sum overflows or equals the constant idle.
		if old == idle || uint64(sum) == idle || (sum^int64(old))&(sum^n) < 0 {
			return false
		}
		if sr.word.CompareAndSwap(old, uint64(sum)) {
			return true
		}
	}
}

// setAgain is the implementation of again for gauges.
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

// adjust adds delta to a gauge. The caller must hold the lock.
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

// emit queues the content of a series, and empties the series. If the queue has little room, emit
// keeps some members of a set for later. It returns false if the series was empty.
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

// putNumber queues a line that consists of head, a number and tail. For a negative gauge, it first
// queues a line that sets the gauge to 0, in the same packet. If the parameter merged is true,
// putNumber does not wait for room in the queue.
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
