package client

import (
	"encoding/binary"
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
	spare    *table

	mu     sync.Mutex
	live   *table
	closed bool
}

// sample is a call's arguments.
type sample struct {
	kind   kind
	name   string
	v      value
	member []byte  // of a set: takes the place of v
	rate   float64 // 0 stands for 1
	tags   []string
}

func newAggregator(co *core) *aggregator {
	return &aggregator{core: co, live: newTable(0), spare: newTable(1)}
}

// countAgain adds n to a counter that has counted since the last drain, of the
// first client, without rate or tags: in many programs most calls are such.
func (a *aggregator) countAgain(name string, n int64) bool {
	a.mu.Lock()
	sr := a.live.plain[counter][name]
	counted := sr != nil && sr.used && sr.count(n)
	a.mu.Unlock()
	return counted
}

// add merges s, and reports false if it did not.
func (a *aggregator) add(c *Client, s *sample) bool {
	var scratch [128]byte
	var key []byte
	if !s.plain(c) {
		key = appendKey(scratch[:0], c, s)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	sr := a.series(c, s, key)
	switch {
	case sr == nil || a.closed:
		return false
	case s.kind == set:
		return a.live.addMember(sr, s.member)
	default:
		return a.merge(sr, s.v)
	}
}

// addAgain merges v into the series that h remembers.
func (a *aggregator) addAgain(h *handle, v value) bool {
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

// plain reports whether the name alone tells s apart.
func (s *sample) plain(c *Client) bool {
	return c.enc.scope == "" && s.rate == 0 && len(s.tags) == 0
}

// appendKey appends what tells s apart, each part after its length.
func appendKey(b []byte, c *Client, s *sample) []byte {
	b = append(binary.AppendUvarint(b, uint64(len(s.name))), s.name...)
	b = append(binary.AppendUvarint(b, uint64(len(c.enc.scope))), c.enc.scope...)
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(s.rate))
	for _, tag := range s.tags {
		b = append(binary.AppendUvarint(b, uint64(len(tag))), tag...)
	}
	return b
}

// series returns the live series of s, or nil if there is none and no room for
// it. No key stands for the name.
func (a *aggregator) series(c *Client, s *sample, key []byte) *series {
	t := a.live
	in, sr := t.plain[s.kind], (*series)(nil)
	if key == nil {
		sr = in[s.name]
	} else {
		in = t.scoped[s.kind]
		sr = in[string(key)]
	}
	if sr != nil || a.closed || len(t.order) == maxSeries {
		return sr
	}
	sr = &series{
		kind: s.kind,
		in:   in,
		key:  string(key),
		head: string(c.appendHead(nil, s.kind, s.name)),
		tail: string(c.appendTail(nil, s.kind, s.rate, s.tags)),
	}
	if key == nil {
		sr.key = strings.Clone(s.name)
	}
	in[sr.key] = sr
	t.order = append(t.order, sr)
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
