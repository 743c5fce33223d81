package aggregate

import (
	"encoding/binary"

	"github.com/statsd-ops/statsd/metric"
)

// An alias maps a name as received to a record. A name as received has an alias if it is not simply the name of
// the record: it needs cleaning, its tags must be sorted, or a rule changes its samples. The alias stores the
// result of this work, so that the work is done only once for each name.
//
//	word 0    bytes 0-3: meta: the name's length, its kind, flags
//	          bytes 4-7: the ref of the record; 0 if a rule drops the samples
//	word 1    bytes 8-9, 10-11: up to two rules; each sample of the name is a hit of these rules; the number of a rule
//	          plus 1, or 0 for none
//	          byte 12: the Sign: what a sign in front of a gauge's value means
//	then      the name as received, padded to a multiple of unitBytes
//
// Aliases are a cache: an alias can be made again from the name. There are two generations of aliases. After
// some flushes, or when there are too many aliases, the old generation is freed, and the young generation
// becomes the old one. An old alias that is used moves to the young generation. So the aliases of names that
// are no longer received are freed, and the memory has a limit. When records are removed, all aliases are removed.
const (
	aliasName        = 16
	aliasTagsDropped = 1 << 24

	// maxAlias is the maximum length of a name with an alias, in bytes. A longer name is resolved
	// again for each sample.
	maxAlias = 2048
	// aliasFlushes is the number of flushes after which the young generation of aliases becomes the
	// old one.
	aliasFlushes = 16
	// aliasesPerName limits the aliases of a table, as a multiple of MaxNames.
	aliasesPerName = 2
)

// aliases is one generation of aliases.
type aliases struct {
	arena
	began uint32 // number of the flush in which the generation began
}

// find returns the alias of a name, or nil if there is none.
func (a *aliases) find(hash uint64, kind metric.Kind, raw []byte) record {
	s, tag := &a.segments[hash>>56], uint32(hash)
	if s.count == 0 {
		return nil
	}
	for i := s.seek(tag, s.start(tag)); s.has(tag, i); i++ {
		if rec := a.pages.at(ref(s.slots[i])); rec.aliases(kind, raw) {
			return rec
		}
	}
	return nil
}

// has reports whether there is an alias with this hash.
func (a *aliases) has(hash uint64) bool {
	p := probe{hash: hash}
	a.start(&p)
	a.seek(&p)
	return p.ref != 0
}

// lookup is a search in an arena for some samples of a batch. Its loops have the same structure as
// the loops of names.look.
type lookup struct {
	which [BatchSize]uint8 // indexes of the samples in the batch
	found [BatchSize]probe // the search for each of these samples
	n     int
}

// add adds the i-th sample of the batch if the parameter wanted is true. It must be called for the
// samples in order.
func (l *lookup) add(i int, wanted bool) {
	l.which[l.n&(BatchSize-1)] = uint8(i)
	if wanted {
		l.n++
	}
}

// search searches the arena for the samples, and stores the results in the field found. The hashes
// of the samples' names are in the parameter probes.
func (l *lookup) search(a *arena, probes []probe) {
	for k, i := range l.which[:l.n] {
		l.found[k].hash = probes[i].hash
		a.start(&l.found[k])
	}
	for k := range l.which[:l.n] {
		a.seek(&l.found[k])
	}
}

// lookAliases searches for the aliases of the samples that have no record yet, and applies the
// aliases. It leaves two rare cases to the function find: old aliases, and muted samples.
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
				p.slot = s.names.pages.at(r).word(8) // loads the record into the CPU cache early
			}
		}
	}
}

// lookRest searches for the records of the samples for which lookAliases found no alias.
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

// alias returns the alias of a name, or nil if there is none. It moves an old alias to the young
// generation.
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

// newAlias makes an alias for a name of the given length, filled with zeros. It returns nil if the
// limit of aliases is reached.
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

// addAlias stores the result of resolving a name as received.
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

// turnAliases frees the old generation of aliases, and makes the young generation the old one.
func (s *Shard) turnAliases() {
	if old := s.aliases[1]; old != nil {
		s.table.aliases.Add(-int64(old.count))
	}
	s.aliases[0], s.aliases[1] = nil, s.aliases[0]
}

// dropAliases frees both generations of aliases.
func (s *Shard) dropAliases() {
	s.turnAliases()
	s.turnAliases()
}

// ageAliases calls turnAliases if the young generation has reached the age aliasFlushes.
func (s *Shard) ageAliases() {
	if s.aliases[0] == nil && s.aliases[1] != nil || s.aliases[0] != nil && s.flush-s.aliases[0].began >= aliasFlushes {
		s.turnAliases()
	}
}

// aliases reports whether the record is the alias of a name as received.
func (r record) aliases(kind metric.Kind, raw []byte) bool {
	return r.meta()&^aliasTagsDropped == metaOf(kind, raw) && string(r[aliasName:aliasName+len(raw)]) == string(raw)
}

// target returns the ref of the record that an alias points to, or 0 if a rule drops the samples.
func (r record) target() ref { return ref(binary.LittleEndian.Uint32(r[4:])) }

// amend applies the effects of an alias to a sample, except the change of the name.
func (r record) amend(s *Shard, sample *metric.Sample) {
	if rules := binary.LittleEndian.Uint32(r[8:]); rules != 0 {
		s.hit([2]uint16{uint16(rules), uint16(rules >> 16)})
	}
	if tagsDropped, sign := r.meta()&aliasTagsDropped != 0, Sign(r[12]); tagsDropped || sign != AnySign {
		amend(sample, tagsDropped, sign)
	}
}

// hit counts a sample as a hit of the rules that it has matched.
func (s *Shard) hit(rules [2]uint16) {
	for _, rule := range rules {
		if rule > 0 {
			s.hits[rule-1]++
		}
	}
}

// amend applies the effects of rules and tags to a sample, except the change of the name.
func amend(sample *metric.Sample, tagsDropped bool, sign Sign) {
	if tagsDropped {
		sample.TagsDropped = true
	}
	if sign != AnySign && sample.Kind == metric.Gauge {
		sample.Delta = sign == Delta && sample.Signed
	}
}
