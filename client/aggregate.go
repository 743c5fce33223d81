package client

import (
	"math"
	"strings"
	"sync"
)

// aggregator merges samples until drain turns them into lines. It has two
// tables: callers fill one while drain reads the other, so neither waits for
// the other.
type aggregator struct {
	core     *core
	draining sync.Mutex // held by drain: guards spare
	spare    table

	mu     sync.Mutex
	live   table
	closed bool
}

// sample is a call's arguments.
type sample struct {
	kind kind
	name string
	v    value
	rate float64 // 0 stands for 1
	tags []string
}

func newAggregator(co *core) *aggregator {
	return &aggregator{core: co, live: newTable(0), spare: newTable(1)}
}

// countAgain, gaugeAgain, memberAgain and again merge what most calls in most programs give:
// another sample, since the last drain, of a name of the first client, without
// rate or tags. They report false if that is not so.

func (a *aggregator) countAgain(name string, n int64) bool {
	a.mu.Lock()
	sr := a.live.plain[counter][name]
	merged := sr != nil && sr.used && sr.count(n)
	a.mu.Unlock()
	return merged
}

func (a *aggregator) gaugeAgain(name string, v float64) bool {
	a.mu.Lock()
	sr := a.live.plain[gauge][name]
	merged := sr != nil && sr.used && v-v == 0 // neither NaN nor infinite
	if merged {
		sr.v = decimal(v)
	}
	a.mu.Unlock()
	return merged
}

func (a *aggregator) memberAgain(name, member string) (merged bool) {
	a.mu.Lock()
	if sr := a.live.plain[set][name]; sr != nil {
		_, merged = sr.members[member]
	}
	a.mu.Unlock()
	return merged
}

func (a *aggregator) again(k kind, name string, v value) bool {
	a.mu.Lock()
	sr := a.live.plain[k][name]
	merged := sr != nil && sr.used && a.merge(sr, v)
	a.mu.Unlock()
	return merged
}

// add merges s, and reports false if it did not.
func (a *aggregator) add(c *Client, s *sample) bool {
	var scratch [96]byte
	var key []byte
	if !s.plain(c) {
		key = appendKey(scratch[:0], c, s)
	}
	a.mu.Lock()
	sr := a.series(c, s, key)
	merged := sr != nil && a.merge(sr, s.v)
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
	a.mu.Lock()
	defer a.mu.Unlock()
	known := &h.series[a.live.index]
	if *known == nil || (*known).forgotten {
		var key []byte
		if !h.s.plain(h.client) {
			key = appendKey(nil, h.client, &h.s)
		}
		*known = a.series(h.client, &h.s, key)
	}
	return *known != nil && a.merge(*known, v)
}

// series returns the live series of s, or nil if there is none and no room for
// it. No key stands for the name.
func (a *aggregator) series(c *Client, s *sample, key []byte) *series {
	if key == nil {
		if sr := a.live.plain[s.kind][s.name]; sr != nil {
			return sr
		}
		return a.insert(c, s, a.live.plain[s.kind], strings.Clone(s.name))
	}
	if sr := a.live.scoped[s.kind][string(key)]; sr != nil {
		return sr
	}
	return a.insert(c, s, a.live.scoped[s.kind], string(key))
}

func (a *aggregator) insert(c *Client, s *sample, in map[string]*series, key string) *series {
	if len(a.live.order) == maxSeries || len(key) > maxText {
		return nil
	}
	sr := &series{
		kind: s.kind,
		in:   in,
		key:  key,
		head: string(c.appendHead(nil, s.kind, s.name)),
		tail: string(c.appendTail(nil, s.kind, s.rate, s.tags)),
	}
	in[key] = sr
	a.live.order = append(a.live.order, sr)
	return sr
}

// merge adds v to sr, and reports false if there was no room.
func (a *aggregator) merge(sr *series, v value) bool {
	if a.closed || !v.valid() {
		return false
	}
	switch sr.kind {
	case counter:
		if n := int64(v.bits); !sr.count(n) { // too much for one line
			a.core.queue.put(sr)
			sr.n = n
		}
	case gauge:
		if sr.used && v.form == formDelta {
			v = value{form: sr.v.form, bits: math.Float64bits(sr.v.float() + v.float())}
		}
		sr.v = v
	case set:
		var scratch [20]byte
		return a.live.addMember(sr, v.appendTo(scratch[:0], false))
	default:
		var scratch [32]byte
		text := v.appendTo(scratch[:0], a.core.python)
		if len(sr.head)+len(sr.values)+1+len(text)+len(sr.tail) > a.core.queue.maxLine {
			a.core.queue.put(sr)
			sr.values = sr.values[:0]
		}
		if len(sr.values) > 0 {
			sr.values = append(sr.values, ':')
		}
		sr.values = append(sr.values, text...)
	}
	sr.used = true
	return true
}

// drain queues what was merged so far.
func (a *aggregator) drain() {
	a.draining.Lock()
	defer a.draining.Unlock()
	a.mu.Lock()
	a.live, a.spare = a.spare, a.live
	a.mu.Unlock()
	a.spare.drain(a.core.queue)
}

// close drains and merges nothing from then on.
func (a *aggregator) close() {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.drain()
}
