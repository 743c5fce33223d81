package aggregate

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// names finds the record of a name. The hash function has a random seed, so that clients cannot
// choose names with equal hashes.
type names struct {
	arena
	seed  maphash.Seed
	marks marks
	ttls  []uint32       // ttls of the classes, as numbers of flushes; see metaClass
	ruled map[ref]uint16 // for each record whose name a rule has made: number of this rule plus 1; see Rules.Heirs
}

func newNames(seed maphash.Seed, now time.Time, ttls []uint32) *names {
	return &names{seed: seed, marks: marks{began: now.Unix()}, ttls: ttls}
}

// end returns the ref that follows the ref of the last record.
func (n *names) end() ref { return ref(max(len(n.pages)-1, 0)<<pageShift | n.used) }

// search begins the search for a name. The returned probe contains the state of the search.
func (n *names) search(name []byte) probe {
	p := probe{hash: maphash.Bytes(n.seed, name)}
	n.start(&p)
	n.seek(&p)
	return p
}

// find returns the ref of the record of a clean name, or 0 if there is none.
func (n *names) find(kind metric.Kind, name []byte) ref {
	p := n.search(name)
	return n.found(&p, kind, name)
}

// found returns the ref of the record of a clean name, or 0 if there is none. p is the result of
// the function search for this name.
func (n *names) found(p *probe, kind metric.Kind, name []byte) ref {
	s, tag := &n.segments[p.hash>>56], uint32(p.hash)
	if s.count == 0 || n.absent(p) {
		return 0
	}
	for i := s.seek(tag, s.start(tag)); s.has(tag, i); i++ {
		if r := ref(s.slots[i]); n.pages.at(r).named(kind, name) {
			return r
		}
	}
	return 0
}

// received returns the ref of the record of a name as received, or 0 if there is none (see
// record.is). p is the result of the function search for this name.
func (n *names) received(p *probe, kind metric.Kind, name []byte) ref {
	r := n.found(p, kind, name)
	if r != 0 && n.pages.at(r).meta()&metaHidden != 0 {
		return 0
	}
	return r
}

// look searches for the names of samples. The hashes of the names are in the parameter probes. If the slots of several
// records have the same tag (see segment), look finds only the first of these records. Each loop loads the memory that
// the next loop needs. The memory reads within a loop do not depend on each other, so that the CPU does many of them at
// the same time.
func (n *names) look(samples []metric.Sample, probes []probe) {
	for i := range probes {
		n.start(&probes[i])
	}
	for i := range probes {
		n.seek(&probes[i])
	}
	for i := range probes {
		if p, s := &probes[i], &samples[i]; p.ref != 0 && !n.pages.at(p.ref).is(s.Kind&3, s.Name) {
			p.ref = 0
		}
	}
}

// findKinds finds the records of a name, and stores their refs in the parameter found, indexed by
// kind.
func (n *names) findKinds(name []byte, found *[metric.Kinds]ref) {
	p := n.search(name)
	n.foundKinds(&p, name, found)
}

func (n *names) foundKinds(p *probe, name []byte, found *[metric.Kinds]ref) {
	*found = [metric.Kinds]ref{}
	s, tag := &n.segments[p.hash>>56], uint32(p.hash)
	if s.count == 0 || n.absent(p) {
		return
	}
	for i := s.seek(tag, s.start(tag)); s.has(tag, i); i++ {
		r := ref(s.slots[i])
		if rec := n.pages.at(r); bytes.Equal(rec.name(), name) {
			found[kindOf(rec.meta())] = r
		}
	}
}

// newName describes a new record. flags can contain metaMoved, metaHidden and a class.
type newName struct {
	kind         metric.Kind
	name         []byte
	flush, flags uint32
}

// insert makes a record for a name and returns the record's ref. p is the result of the function
// search for this name.
func (n *names) insert(p *probe, name *newName) ref {
	var others [metric.Kinds]ref
	n.foundKinds(p, name.name, &others)
	meta := metaOf(name.kind, name.name) | name.flags
	if others != [metric.Kinds]ref{} {
		meta |= metaTwin
	}
	if unevenDots(name.name) {
		meta |= metaUneven
	}
	r, rec := n.add(p, size(meta))
	binary.LittleEndian.PutUint32(rec, meta)
	rec.setLastSeen(name.flush)
	copy(rec[nameOffset[name.kind]:], name.name)
	return r
}
