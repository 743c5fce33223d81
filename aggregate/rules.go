package aggregate

import (
	"bytes"

	"github.com/statsd-ops/statsd/metric"
)

// Rules decide how names and samples are changed. A Rules value never changes.
type Rules struct {
	// Resolvers apply the rules. There is one Resolver for each shard.
	Resolvers []Resolver
	// TTLs are the numbers of flushes after which names expire because of a rule. There are at most
	// MaxTTLs. Effects.Class selects one of them.
	TTLs []uint32
	// Count is the number of rules.
	Count int
	// Heirs says for each old rule which new rule replaces it, indexed by the number of the old rule. If an old
	// rule has no heir, the names that it has made are forgotten.
	Heirs []Heir
}

// Heir is the new rule that replaces an old rule.
type Heir struct {
	Rule  uint16 // number of the new rule plus 1; 0 if there is none
	Class uint8
}

// Resolver resolves names as received. A shard calls it while the shard is locked. An alias stores
// the result, so the shard calls it once for each name and not for each sample.
type Resolver interface {
	// Resolve resolves a name as received, and stores the result in the parameter to.
	Resolve(kind metric.Kind, raw []byte, to *Resolved)
	// Judge does the same as Resolve, for a clean name with clean tags.
	Judge(kind metric.Kind, clean []byte, to *Resolved)
}

// Resolved is the result of resolving a name as received.
type Resolved struct {
	// Name is the name under which samples are stored. The Shard reuses its memory.
	Name []byte
	// Length is the length of the name as received, including its tags.
	Length int
	// Reason says why samples with this name are refused, or is metric.None. With
	// metric.DroppedByRule, the Effects still apply.
	Reason metric.Reason
	Effects
}

// Effects are the effects of rules and tags on the samples of a name, except the change of the
// name.
type Effects struct {
	// Rules contains up to two rules. Each sample of the name counts as a hit of these rules. A value is the number of
	// a rule plus 1, or 0 for none.
	Rules [2]uint16
	// Renamed is the number plus 1 of the rule that changed the name or the tags. 0 means that no rule changed them.
	Renamed uint16
	// Class is the index of the name's ttl in Rules.TTLs plus 1. 0 means none.
	Class uint8
	// Sign says what a sign in front of a gauge's value means.
	Sign Sign
	// TagsDropped says that some tags of the name were dropped.
	TagsDropped bool
}

// perSample reports whether the effects require work for each sample.
func (e *Effects) perSample() bool {
	return e.Rules != [2]uint16{} || e.Renamed > 0 || e.Sign != AnySign || e.TagsDropped
}

// Sign is the meaning of a sign in front of a gauge's value.
type Sign uint8

// The values of Sign.
const (
	AnySign  Sign = iota // metric.Sample.Delta decides
	Absolute             // the sign is a part of the number
	Delta                // the value adjusts the gauge
)

// SetRules replaces the rules. A table that is not used yet follows the new rules at once.
// Otherwise they apply from the next Drain on, and all names are resolved again. A name that also
// exists under the new rules keeps its values. A name that does not exist under the new rules is
// forgotten. Only the flushing goroutine may call SetRules.
func (t *Table) SetRules(rules *Rules) {
	for i, s := range t.shards {
		s.mutex.Lock()
		s.next = rules
		if s.flush == firstFlush && s.names.count == 0 {
			s.names.ttls = rules.TTLs
			s.follow(i)
		} else {
			s.retire = true
		}
		s.mutex.Unlock()
	}
}

// follow makes the shard use the rules in s.next. number is the number of the shard.
func (s *Shard) follow(number int) {
	s.rules, s.next = s.next, nil
	s.resolver = s.rules.Resolvers[number]
	s.hits = make([]uint64, s.rules.Count)
}

// ttls returns the TTLs of the current rules, or nil if there are no rules.
func (s *Shard) ttls() []uint32 {
	if s.rules == nil {
		return nil
	}
	return s.rules.TTLs
}

// takeHits moves the hits of a shard to the interval.
func (iv *Interval) takeHits(s *Shard) {
	if len(s.hits) == 0 {
		return
	}
	if iv.Hits == nil {
		iv.Hits = make([]uint64, len(s.hits))
	}
	for i, n := range s.hits {
		iv.Hits[i] += n
	}
	clear(s.hits)
}

// note stores which rule made the name of a record. The parameter rule is Effects.Renamed.
func (n *names) note(r ref, rule uint16) {
	if n.ruled == nil {
		n.ruled = map[ref]uint16{}
	}
	n.ruled[r] = rule
}

// expire returns the number of flushes after which a record expires.
func (t *Table) expire(n *names, rec record) uint32 {
	meta := rec.meta()
	if class := meta >> metaClass & MaxTTLs; class != 0 {
		return n.ttls[class-1]
	}
	return t.config.Expire[kindOf(meta)]
}

// hidden returns the flags for the new record of a clean name that Merge or Recall adds. Such a name comes from a row
// or a file, so the name as received is unknown.
func (s *Shard) hidden(kind metric.Kind, name []byte) (flags uint32) {
	if s.resolver == nil {
		return 0
	}
	flags = s.judge(kind, name)
	// A client can send the clean name itself. Check whether the samples with this name as received belong to the record.
	if flags&metaHidden == 0 {
		s.resolve(kind, name)
		if s.resolved.Reason != metric.None || !bytes.Equal(s.resolved.Name, name) {
			flags |= metaHidden
		}
	}
	return flags
}

// judge returns the flags for the record of a clean name under the current rules. It sets
// s.resolved.
func (s *Shard) judge(kind metric.Kind, name []byte) (flags uint32) {
	s.resolved = Resolved{Name: s.resolved.Name[:0]}
	s.resolver.Judge(kind, name, &s.resolved)
	if s.resolved.perSample() || s.resolved.Reason != metric.None {
		flags = metaHidden
	}
	if bytes.Equal(s.resolved.Name, name) {
		flags |= uint32(s.resolved.Class) << metaClass
	}
	return flags
}

// inherit decides what happens to a record when the rules change. The record was made under the old rules. The
// parameter before is the names table that contains the record, and r is the record's ref. inherit returns the record's
// flags under the new rules. The result rule is the number plus 1 of the new rule that makes the record's name, or 0 if
// no rule makes this name. The result exists is false if the name does not exist under the new rules.
func (s *Shard) inherit(before *names, r ref) (flags uint32, rule uint16, exists bool) {
	rec := before.pages.at(r)
	hidden := rec.meta() & metaHidden
	if giver := before.ruled[r]; giver > 0 {
		if int(giver) > len(s.rules.Heirs) || s.rules.Heirs[giver-1].Rule == 0 {
			return 0, 0, false
		}
		heir := s.rules.Heirs[giver-1]
		return hidden | uint32(heir.Class)<<metaClass, heir.Rule, true
	}
	flags = s.judge(kindOf(rec.meta()), rec.name())
	return hidden | flags, 0, s.resolved.Reason == metric.None && bytes.Equal(s.resolved.Name, rec.name())
}
