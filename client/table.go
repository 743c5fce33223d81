package client

import (
	"math/bits"
	"sync/atomic"
)

// The limits of a table: the number of series, the number of members of all its sets together, and the length of
// a name or member. Samples above these limits are queued without merging.
const (
	maxSeries  = 4096
	maxMembers = 65536
	maxText    = 512
)

// table contains the series of one aggregation interval.
type table struct {
	names   *names
	order   []*series // in the order of first use, which is also the order of the lines
	members int

	drained, kept int // number of series that are already drained, and how many of them stay in the table
}

// names finds series without a lock. The holder of aggregator.mu can add series at any time. To
// remove series or to grow the table, the whole names value is replaced by a new one.
type names struct {
	index int // index of this table in the aggregator, 0 or 1
	// Hash table with linear probing; its size is a power of two, and at least half of the slots are nil.
	slots []atomic.Pointer[series]
}

func newTable(index int) *table { return &table{names: newNames(index, nil)} }

func newNames(index int, of []*series) *names {
	const minSlots = 16
	n := &names{index: index, slots: make([]atomic.Pointer[series], max(minSlots, 1<<bits.Len(uint(4*len(of)))))}
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

// find returns the series of samples without a rate, or nil. For plain samples (see encoded.plain) it calls no
// function, and all data that it compares is in one cache line.
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

// search is like find, but also handles samples with a rate.
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

// drain queues the lines of the table, and empties its series. It removes the series that were already empty
// before. If the queue has little room, it stops early and returns false.
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
