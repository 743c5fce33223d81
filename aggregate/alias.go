package aggregate

import (
	"encoding/binary"

	"github.com/statsd-ops/statsd/metric"
)

// An alias maps a name as received to a record. A name has an alias if it is not the name of the record: it
// needs cleaning, it has tags to sort, or a rule changes its samples. So this work is done only once for
// each name.
//
//	word 0    bytes 0-3: meta: the name's length, its kind, flags
//	          bytes 4-7: the ref of the record; 0 if a rule drops the samples
//	word 1    bytes 8-9, 10-11: the rules that count a hit, by number plus 1
//	          byte 12: the Sign
//	bytes     the name as received, padded to a whole unit
//
// Aliases are a cache: each can be made again from the name. They have two generations. After some flushes,
// or when there are too many aliases, the young generation becomes the old one, and the previous old one is
// freed. An old alias becomes young again when it is used. So the aliases of names that no longer come are
// freed, and the memory has a limit. When records are removed, their aliases are removed too.
const (
	aliasName        = 16
	aliasTagsDropped = 1 << 24

	// maxAlias is the length of the longest name with an alias, in bytes. A longer name is resolved for each
	// sample.
	maxAlias = 2048
	// aliasFlushes is the number of flushes after which a young generation becomes old.
	aliasFlushes = 16
	// aliasesPerName limits the aliases of a table, as a multiple of MaxNames.
	aliasesPerName = 2
)

// aliases are one generation.
type aliases struct {
	arena
	began uint32 // number of the first flush
}

// find returns the alias of a name, or nil.
func (a *aliases) find(hash uint64, kind metric.Kind, raw []byte) record {
	s, tag := &a.segments[hash>>56], uint32(hash)
	if s.count == 0 {
		return nil
	}
	for i := s.seek(tag, s.start(tag)); s.slots[i] != 0; i = s.after(tag, i) {
		if rec := a.pages.at(ref(s.slots[i])); rec.aliases(kind, raw) {
			return rec
		}
	}
	return nil
}

// has reports whether there is an alias with a hash.
func (a *aliases) has(hash uint64) bool {
	p := probe{hash: hash}
	a.start(&p)
	a.seek(&p)
	return p.ref != 0
}

// lookup is a search in an arena for some of a batch's samples. Its loops are written like the loops of names.look.
type lookup struct {
	which [BatchSize]uint8 // the samples
	found [BatchSize]probe // their probes in the arena
	n     int
}

// add adds the i-th sample if it is wanted. It is called for the samples in order.
func (l *lookup) add(i int, wanted bool) {
	l.which[l.n&(BatchSize-1)] = uint8(i)
	if wanted {
		l.n++
	}
}

// search sets found for the samples, whose hashes are in probes.
func (l *lookup) search(a *arena, probes []probe) {
	for k, i := range l.which[:l.n] {
		l.found[k].hash = probes[i].hash
		a.start(&l.found[k])
	}
	for k := range l.which[:l.n] {
		a.seek(&l.found[k])
	}
}

// lookAliases searches for the aliases of the names that have no record yet, and applies them. The function find
// handles the rare cases: old aliases, and muted samples.
func (s *Shard) lookAliases(samples []metric.Sample, probes []probe) {
	var l lookup
	for i := range probes {
		l.add(i, probes[i].ref == 0)
	}
	young := s.aliases[0]
	l.search(&young.arena, probes)
	for k, i := range l.which[:l.n] {
		p, sample := &probes[i], &samples[i]
		if l.found[k].ref == 0 {
			continue
		}
		if rec := young.pages.at(l.found[k].ref); rec.aliases(sample.Kind&3, sample.Name) {
			r := rec.target()
			if r != 0 && s.mutes != nil && s.marked.has(r) {
				continue
			}
			rec.amend(s, sample)
			if p.ref, p.drop = r, r == 0; r != 0 {
				p.slot = s.names.pages.at(r).word(8) // begins to load the record into the cache
			}
		}
	}
}

// lookRest finds the records of the names for which lookAliases found nothing.
func (s *Shard) lookRest(samples []metric.Sample, probes []probe) {
	var l lookup
	for i := range probes {
		l.add(i, probes[i].ref == 0 && !probes[i].drop)
	}
	l.search(&s.names.arena, probes)
	for k, i := range l.which[:l.n] {
		p, sample := &l.found[k], &samples[i]
		if p.ref != 0 && !s.names.pages.at(p.ref).is(sample.Kind&3, sample.Name) {
			p.ref = 0
		}
		probes[i] = *p
	}
}

// alias returns the alias of a name, or nil. It makes an old alias young again.
func (s *Shard) alias(hash uint64, kind metric.Kind, raw []byte) record {
	if young := s.aliases[0]; young != nil {
		if rec := young.find(hash, kind, raw); rec != nil {
			return rec
		}
	}
	if old := s.aliases[1]; old != nil {
		if rec := old.find(hash, kind, raw); rec != nil {
			if young := s.newAlias(hash, len(raw)); young != nil {
				copy(young, rec[:aliasName+len(raw)])
			}
			return rec
		}
	}
	return nil
}

// newAlias makes an alias of zeroes for a name of the given length. It returns nil if there is no room.
func (s *Shard) newAlias(hash uint64, length int) record {
	if s.table.aliases.Add(1) > aliasesPerName*int64(s.table.config.MaxNames) {
		s.table.aliases.Add(-1)
		s.turnAliases()
		return nil
	}
	if s.aliases[0] == nil {
		s.aliases[0] = &aliases{began: s.flush}
	}
	_, rec := s.aliases[0].add(&probe{hash: hash}, units(aliasName+length))
	return rec
}

// addAlias keeps the result for a name as received.
func (s *Shard) addAlias(hash uint64, kind metric.Kind, raw []byte, to ref, effects *Effects) {
	if len(raw) > maxAlias {
		return
	}
	rec := s.newAlias(hash, len(raw))
	if rec == nil {
		return
	}
	meta := metaOf(kind, raw)
	if effects.TagsDropped {
		meta |= aliasTagsDropped
	}
	binary.LittleEndian.PutUint32(rec, meta)
	binary.LittleEndian.PutUint32(rec[4:], uint32(to))
	binary.LittleEndian.PutUint16(rec[8:], effects.Rules[0])
	binary.LittleEndian.PutUint16(rec[10:], effects.Rules[1])
	rec[12] = byte(effects.Sign)
	copy(rec[aliasName:], raw)
}

// turnAliases makes the young aliases old, and frees the old ones.
func (s *Shard) turnAliases() {
	if old := s.aliases[1]; old != nil {
		s.table.aliases.Add(-int64(old.count))
	}
	s.aliases[0], s.aliases[1] = nil, s.aliases[0]
}

// dropAliases frees all aliases.
func (s *Shard) dropAliases() {
	s.turnAliases()
	s.turnAliases()
}

// ageAliases turns the aliases if the young generation has reached aliasFlushes.
func (s *Shard) ageAliases() {
	if s.aliases[0] == nil && s.aliases[1] != nil || s.aliases[0] != nil && s.flush-s.aliases[0].began >= aliasFlushes {
		s.turnAliases()
	}
}

// aliases reports whether the record is the alias of this name as received.
func (r record) aliases(kind metric.Kind, raw []byte) bool {
	return r.meta()&^aliasTagsDropped == metaOf(kind, raw) && string(r[aliasName:aliasName+len(raw)]) == string(raw)
}

// target returns the target record of an alias, or 0.
func (r record) target() ref { return ref(binary.LittleEndian.Uint32(r[4:])) }

// amend applies an alias to a sample, except for the name.
func (r record) amend(s *Shard, sample *metric.Sample) {
	if rules := binary.LittleEndian.Uint32(r[8:]); rules != 0 {
		s.hit([2]uint16{uint16(rules), uint16(rules >> 16)})
	}
	if tagsDropped, sign := r.meta()&aliasTagsDropped != 0, Sign(r[12]); tagsDropped || sign != AnySign {
		amend(sample, tagsDropped, sign)
	}
}

// hit counts a sample for its rules.
func (s *Shard) hit(rules [2]uint16) {
	for _, rule := range rules {
		if rule > 0 {
			s.hits[rule-1]++
		}
	}
}

// amend applies the changes of rules and tags to a sample, except for the name.
func amend(sample *metric.Sample, tagsDropped bool, sign Sign) {
	if tagsDropped {
		sample.TagsDropped = true
	}
	if sign != AnySign && sample.Kind == metric.Gauge {
		sample.Delta = sign == Delta && sample.Signed
	}
}
