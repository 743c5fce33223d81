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
		rec := a.pages.at(ref(s.slots[i]))
		if rec.meta()&^aliasTagsDropped == metaOf(kind, raw) && string(rec[aliasName:aliasName+len(raw)]) == string(raw) {
			return rec
		}
	}
	return nil
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

// follow applies an alias to a sample, and returns the record.
func (rec record) follow(s *Shard, sample *metric.Sample) (ref, metric.Reason) {
	if rules := binary.LittleEndian.Uint32(rec[8:]); rules != 0 {
		s.hit([2]uint16{uint16(rules), uint16(rules >> 16)})
	}
	amend(sample, rec.meta()&aliasTagsDropped != 0, Sign(rec[12]))
	if r := ref(binary.LittleEndian.Uint32(rec[4:])); r != 0 {
		return r, metric.None
	}
	return 0, metric.DroppedByRule
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
