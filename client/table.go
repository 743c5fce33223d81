package client

import (
	"math/bits"
	"sync/atomic"
)

// A table holds at most so many series, and all its sets so many members, none
// with a longer text. What finds no room goes to the queue unmerged.
const (
	maxSeries  = 4096
	maxMembers = 65536
	maxText    = 512
)

// table is the series of one interval.
type table struct {
	names   *names
	order   []*series // lines leave in the order in which names came
	members int

	drained, kept int // of order, since the table was live
}

// names finds series without a lock. Who holds aggregator.mu may add one at any
// time; to take some away, or to grow, another names takes its place.
type names struct {
	index int                      // of the table, of the aggregator's two
	slots []atomic.Pointer[series] // a power of two, at least half of them nil; by hash, else in the next
}

func newTable(index int) *table { return &table{names: newNames(index, nil)} }

func newNames(index int, of []*series) *names {
	const least = 16
	n := &names{index: index, slots: make([]atomic.Pointer[series], max(least, 1<<bits.Len(uint(4*len(of)))))}
	for _, sr := range of {
		n.put(sr)
	}
	return n
}

func (n *names) put(sr *series) {
	i := sr.hash
	for n.at(i).Load() != nil {
		i++
	}
	n.at(i).Store(sr)
}

func (n *names) at(i uint64) *atomic.Pointer[series] { return &n.slots[i&uint64(len(n.slots)-1)] }

// find returns the series of such samples without a rate, or nil. For plain ones
// it calls nothing, and all that it compares is in one line of the processor's
// cache.
func (n *names) find(e *encoded, k kind, name string, tags []string) *series {
	if !e.plain(name, tags) {
		return n.search(e, k, name, tags, 0)
	}
	var a, b, c, d uint64
	if len(name) < 8 {
		a, b = short(name)
	} else {
		a, b, c, d = long(name)
	}
	id := identity(k, name)
	for i := e.mix(e.sum(e.seed+id, a, b, c, d)); ; i++ {
		sr := n.at(i).Load()
		if sr == nil || sr.id == id && sr.a == a && sr.b == b && sr.c == c && sr.d == d {
			return sr
		}
	}
}

// search is find for any samples.
func (n *names) search(e *encoded, k kind, name string, tags []string, rate float64) *series {
	h := e.hash(k, name, tags)
	for i := h; ; i++ {
		sr := n.at(i).Load()
		if sr == nil || sr.hash == h && sr.is(e, k, name, tags, rate) {
			return sr
		}
	}
}

func (t *table) insert(sr *series) {
	t.order = append(t.order, sr)
	if 2*len(t.order) > len(t.names.slots) {
		t.names = newNames(t.names.index, t.order)
	} else {
		t.names.put(sr)
	}
}

func (t *table) addMember(sr *series, member []byte) bool {
	if _, ok := sr.members[string(member)]; ok {
		return true
	}
	if t.members == maxMembers || len(member) > maxText {
		return false
	}
	if sr.members == nil {
		sr.members = make(map[string]struct{})
	}
	sr.members[string(member)] = struct{}{}
	t.members++
	return true
}

// drain queues the table's lines, empties its series and forgets those that
// were empty before. It stops when the queue is crowded, and reports whether that
// was all.
func (t *table) drain(co *core) bool {
	for ; t.drained < len(t.order); t.drained++ {
		if co.queue.crowded() {
			return false
		}
		sr := t.order[t.drained]
		held := co.emit(sr)
		if len(sr.members) > 0 {
			return false
		}
		if held {
			t.order[t.kept] = sr
			t.kept++
		} else {
			sr.forgotten = true
		}
	}
	if t.kept < len(t.order) {
		clear(t.order[t.kept:])
		t.order = t.order[:t.kept]
		t.names = newNames(t.names.index, t.order)
	}
	t.drained, t.members = t.kept, 0
	return true
}
