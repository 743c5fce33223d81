package client

import (
	"strings"
	"sync"
	"sync/atomic"
)

// sample contains the arguments of a call.
type sample struct {
	kind kind
	name string
	v    value
	rate float64 // 0 means a rate of 1
	tags []string
}

// aggregator merges samples, until the method drain encodes them as lines. It has two tables:
// callers add samples to one table while drain empties the other table, so that callers and drain
// do not wait for each other. The first sample of a counter or gauge takes the lock. Further
// samples are merged without a lock: see series.word. Samples of other types always take the lock.
type aggregator struct {
	core  *core
	known atomic.Pointer[names] // equal to live.names, for use without the lock

	mu     sync.Mutex
	live   *table
	closed bool

	full []batch    // batches that the sender must encode
	free [][]uint64 // spare memory for values

	draining sync.Mutex // held by the method drain; guards the fields below
	spare    *table
	rounds   uint64  // number of times that the two tables were swapped
	taken    []batch // batches that the method drain has moved here from the field full
	encoded  int     // number of batches in the field taken that are already encoded
}

func newAggregator(co *core) *aggregator {
	a := &aggregator{core: co, live: newTable(0), spare: newTable(1)}
	a.known.Store(a.live.names)
	return a
}

// again merges a sample into a series that exists already, which is the most frequent case. It returns false if
// the series does not exist.
func (a *aggregator) again(e *encoded, k kind, name string, tags []string, v value) bool {
	known := a.known.Load()
	sr := known.find(e, k, name, tags)
	if sr == nil {
		return false
	}
	a.mu.Lock()
	merged := a.live.names == known && a.merge(sr, v)
	a.mu.Unlock()
	return merged
}

// memberAgain returns true if a set contains the member already, because then there is nothing to
// merge.
func (a *aggregator) memberAgain(e *encoded, name, member string, tags []string) (merged bool) {
	known := a.known.Load()
	sr := known.find(e, set, name, tags)
	if sr == nil {
		return false
	}
	a.mu.Lock()
	if a.live.names == known {
		_, merged = sr.members[member]
	}
	a.mu.Unlock()
	return merged
}

// add merges s. It returns false if it could not merge s.
func (a *aggregator) add(c *Client, s *sample) bool {
	if a.known.Load().search(c.enc, s.kind, s.name, s.tags, s.rate).again(s.v) {
		return true
	}
	a.mu.Lock()
	sr := a.series(c, s)
	merged := sr != nil && a.merge(sr, s.v)
	a.mu.Unlock()
	return merged
}

// addMember merges a set member that is a string. It returns false if it could not merge the
// member.
func (a *aggregator) addMember(c *Client, name, member string, tags []string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	sr := a.series(c, &sample{kind: set, name: name, tags: tags})
	if sr == nil || a.closed {
		return false
	}
	var clean [96]byte
	return a.live.addMember(sr, appendClean(clean[:0], member, '|', ':'))
}

// addHandle merges v into the series of a handle.
func (a *aggregator) addHandle(h *handle, v value) bool {
	if h.series[a.known.Load().index].Load().again(v) {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	remembered := &h.series[a.live.names.index]
	sr := remembered.Load()
	if sr == nil || sr.forgotten {
		sr = a.series(h.client, &h.s)
		remembered.Store(sr)
	}
	return sr != nil && a.merge(sr, v)
}

// series returns the series of s in the live table. If the series does not exist, it is created. series returns
// nil if the table is full or the name is too long.
func (a *aggregator) series(c *Client, s *sample) *series {
	if sr := a.live.names.search(c.enc, s.kind, s.name, s.tags, s.rate); sr != nil {
		return sr
	}
	if len(a.live.order) == maxSeries || len(s.name)+tagsSize(s.tags, true) > maxText {
		return nil
	}
	sr := &series{
		hash:  c.enc.hash(s.kind, s.name, s.tags),
		name:  strings.Clone(s.name),
		kind:  s.kind,
		rate:  s.rate,
		scope: c.enc,
		head:  string(c.appendHead(nil, s.kind, s.name)),
		tail:  string(c.appendTail(nil, s.kind, appendRate(nil, s.rate), s.tags)),
	}
	if s.rate == 0 && c.enc.plain(s.name, s.tags) {
		sr.id = identity(s.kind, s.name)
		if len(s.name) < 8 {
			sr.a, sr.b = short(s.name)
		} else {
			sr.a, sr.b, sr.c, sr.d = long(s.name)
		}
	}
	for _, tag := range s.tags {
		sr.tags = append(sr.tags, strings.Clone(tag))
	}
	sr.word.Store(idle)
	a.live.insert(sr)
	a.known.Store(a.live.names)
	return sr
}

// round returns the number of the current round, which ends when the two tables are swapped. If drain is called with
// this number, it queues all samples that were merged before the call of round.
func (a *aggregator) round() uint64 {
	a.draining.Lock()
	defer a.draining.Unlock()
	return a.rounds + 1
}

// drain queues the samples that were merged until the end of the given round. If the queue has little room, it stops
// early and returns false.
func (a *aggregator) drain(round uint64) bool {
	a.draining.Lock()
	defer a.draining.Unlock()
	for a.emitFull() && a.spare.drain(a.core) {
		if a.rounds >= round {
			return true
		}
		a.mu.Lock()
		a.live, a.spare = a.spare, a.live
		a.known.Store(a.live.names)
		a.mu.Unlock()
		a.spare.drained, a.spare.kept = 0, 0
		a.rounds++
	}
	return false
}

// close ends the merging. Later samples are refused.
func (a *aggregator) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
}
