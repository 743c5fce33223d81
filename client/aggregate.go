package client

import (
	"strings"
	"sync"
	"sync/atomic"
)

// aggregator merges samples until drain turns them into lines. It has two
// tables: callers fill one while drain empties the other, so neither waits for
// the other. A counter or gauge known since an earlier interval is merged
// without a lock from its second sample on, see series.word; all else takes
// the lock.
type aggregator struct {
	core  *core
	known atomic.Pointer[names] // live.known

	mu     sync.Mutex
	live   *table
	closed bool

	draining sync.Mutex // held by drain: guards spare
	spare    *table
}

func newAggregator(co *core) *aggregator {
	a := &aggregator{core: co, live: newTable(0), spare: newTable(1)}
	a.known.Store(a.live.known)
	return a
}

// add merges s, and reports false if it did not.
func (a *aggregator) add(c *Client, s *sample) bool {
	var scratch [96]byte
	var key []byte
	if !s.plain(c) {
		key = appendKey(scratch[:0], c, s)
	}
	if a.known.Load().find(s.kind, s.name, key).again(s.v) {
		return true
	}
	var number [32]byte
	text := a.text(number[:0], s.kind, s.v)
	a.mu.Lock()
	sr := a.series(c, s, key)
	merged := sr != nil && a.merge(sr, s.v, text)
	a.mu.Unlock()
	return merged
}

// addMember is add for the members of sets that are not numbers.
func (a *aggregator) addMember(c *Client, name, member string, tags []string) bool {
	s := sample{kind: set, name: name, tags: tags}
	var scratch [96]byte
	var key []byte
	if !s.plain(c) {
		key = appendKey(scratch[:0], c, &s)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	sr := a.series(c, &s, key)
	if sr == nil || a.closed {
		return false
	}
	var clean [96]byte
	return a.live.addMember(sr, appendClean(clean[:0], member, '|', ':'))
}

// addHandle merges v into the series that h remembers.
func (a *aggregator) addHandle(h *handle, v value) bool {
	if h.series[a.known.Load().index].Load().again(v) {
		return true
	}
	var number [32]byte
	text := a.text(number[:0], h.s.kind, v)
	a.mu.Lock()
	defer a.mu.Unlock()
	remembered := &h.series[a.live.known.index]
	sr := remembered.Load()
	if sr == nil || sr.forgotten {
		var key []byte
		if !h.s.plain(h.client) {
			key = appendKey(nil, h.client, &h.s)
		}
		sr = a.series(h.client, &h.s, key)
		remembered.Store(sr)
	}
	return sr != nil && a.merge(sr, v, text)
}

// series returns the live series of s, or nil if there is none and no room for
// it. No key stands for the name.
func (a *aggregator) series(c *Client, s *sample, key []byte) *series {
	t := a.live
	if sr := t.find(s.kind, s.name, key); sr != nil {
		return sr
	}
	if len(t.order) == maxSeries || len(s.name) > maxText || len(key) > maxText {
		return nil
	}
	sr := &series{
		kind:   s.kind,
		key:    string(key),
		scoped: key != nil,
		head:   string(c.appendHead(nil, s.kind, s.name)),
		tail:   string(c.appendTail(nil, s.kind, s.rate, s.tags)),
	}
	if !sr.scoped {
		sr.key = strings.Clone(s.name)
	}
	sr.word.Store(idle)
	t.insert(sr)
	return sr
}

// drain queues what was merged so far.
func (a *aggregator) drain() {
	a.draining.Lock()
	defer a.draining.Unlock()
	a.mu.Lock()
	a.live, a.spare = a.spare, a.live
	a.known.Store(a.live.known)
	a.mu.Unlock()
	a.spare.drain(a.core)
}

// close drains and merges nothing from then on.
func (a *aggregator) close() {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.drain()
}
