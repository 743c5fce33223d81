package aggregate

import (
	"encoding/binary"

	"github.com/statsd-ops/statsd/metric"
)

// An alias says which record a name as received belongs to, if that name is not the record's: it needs
// cleaning, it has tags to sort, or a rule does something with its samples. So all that is done once a
// name.
//
//	word 0    bytes 0-3: meta: the name's length, its kind, flags
//	          bytes 4-7: the ref of the record; 0 if a rule drops the samples
//	word 1    bytes 8-9, 10-11: the rules that count a hit, by number plus 1
//	          byte 12: the Sign
//	bytes     the name as received, padded to a whole word
//
// Aliases are a cache: each can be made again from the name. They have two generations. The young one
// becomes the old one after some flushes, or when there are too many, and the generation before is freed.
// An alias that is used while it is old becomes young again. So names that no longer come leave, and memory
// has a limit. Aliases go with the names that they lead to.
const (
	aliasName        = 16
	aliasTagsDropped = 1 << 24

	// maxAlias is the longest name with an alias, in bytes. A longer one is resolved for each sample.
	maxAlias = 2048
	// aliasFlushes is how many flushes a generation stays young.
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

// lookAliases searches for the names that look did not find, and applies their aliases. It leaves to find what
// is rare: old aliases, and samples that are muted. Its loops are as those of look.
func (s *Shard) lookAliases(samples []metric.Sample, probes []probe) {
	var (
		young = s.aliases[0]
		left  [BatchSize]uint8 // the probes to search for
		found [BatchSize]probe // for their aliases
		n     int
	)
	for i := range probes {
		if left[n&(BatchSize-1)] = uint8(i); probes[i].ref == 0 {
			n++
		}
	}
	for k, i := range left[:n] {
		found[k].hash = probes[i].hash
		young.start(&found[k])
	}
	for k := range left[:n] {
		young.seek(&found[k])
	}
	for k, i := range left[:n] {
		p, sample := &probes[i], &samples[i]
		if found[k].ref == 0 {
			continue
		}
		if rec := young.pages.at(found[k].ref); rec.aliases(sample.Kind&3, sample.Name) {
			r := rec.target()
			if r != 0 && s.mutes != nil && s.marked.has(r) {
				continue
			}
			rec.amend(s, sample)
			if p.ref, p.drop = r, r == 0; r != 0 {
				p.slot = s.names.pages.at(r).word(8) // begins to load the record
			}
		}
	}
}

// alias returns the alias of a name, or nil.
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

// newAlias makes an alias of zeroes for a name of so many bytes. It returns nil if there is no room.
func (s *Shard) newAlias(hash uint64, length int) record {
	if s.table.aliases.Add(1) > aliasesPerName*int64(s.table.config.MaxNames) {
		s.table.aliases.Add(-1)
		s.turnAliases()
		return nil
	}
	if s.aliases[0] == nil {
		s.aliases[0] = &aliases{began: s.flush}
	}
	_, rec := s.aliases[0].add(&probe{hash: hash}, (aliasName+length+7)/8)
	return rec
}

// addAlias remembers what becomes of a name as received.
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

// ageAliases turns the aliases if the young ones are so any flushes old.
func (s *Shard) ageAliases() {
	if s.aliases[0] == nil && s.aliases[1] != nil || s.aliases[0] != nil && s.flush-s.aliases[0].began >= aliasFlushes {
		s.turnAliases()
	}
}

// aliases reports whether an alias is the one of a name as received.
func (r record) aliases(kind metric.Kind, raw []byte) bool {
	return r.meta()&^aliasTagsDropped == metaOf(kind, raw) && string(r[aliasName:aliasName+len(raw)]) == string(raw)
}

// target returns the record of an alias, or 0.
func (r record) target() ref { return ref(binary.LittleEndian.Uint32(r[4:])) }

// amend does for a sample what its alias says, but for the name.
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

// amend changes what rules and tags change in a sample, besides its name.
func amend(sample *metric.Sample, tagsDropped bool, sign Sign) {
	if tagsDropped {
		sample.TagsDropped = true
	}
	if sign != AnySign && sample.Kind == metric.Gauge {
		sample.Delta = sign == Delta && sample.Signed
	}
}
