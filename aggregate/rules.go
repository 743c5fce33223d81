package aggregate

import (
	"bytes"

	"github.com/statsd-ops/statsd/metric"
)

// Rules decide what happens to names and samples. Rules never change.
type Rules struct {
	// Resolvers apply them, one for each shard.
	Resolvers []Resolver
	// TTLs are numbers of flushes after which names expire by a rule, at most MaxTTLs of them. Effects.Class
	// selects one.
	TTLs []uint32
	// Count is the number of rules.
	Count int
	// Heirs are the new rules that replace the old ones, by the number of the old rule. If an old rule gave a
	// name and has no heir, the name is forgotten.
	Heirs []Heir
}

// Heir is a rule that replaces an old rule.
type Heir struct {
	Rule  uint16 // its number plus 1; 0 for none
	Class uint8
}

// Resolver resolves a name as received. A shard calls it under its lock. It calls it once for a name and
// not for each sample, because an alias keeps the result.
type Resolver interface {
	// Resolve resolves a name as received, and stores the result in to.
	Resolve(kind metric.Kind, raw []byte, to *Resolved)
	// Judge does the same for a clean name with clean tags.
	Judge(kind metric.Kind, clean []byte, to *Resolved)
}

// Resolved is the result for a name as received.
type Resolved struct {
	// Name is the name in the table, in memory that the Shard reuses.
	Name []byte
	// Length is the length of the name as received, with its tags.
	Length int
	// Reason is why there is no name. With metric.DroppedByRule, the Effects still apply.
	Reason metric.Reason
	Effects
}

// Effects are the effects of rules and tags on the samples of a name, besides the name.
type Effects struct {
	// Rules are the rules that count a hit for each sample, by number plus 1; 0 for none.
	Rules [2]uint16
	// Renamed is the rule that gave the name, by number plus 1; 0 for none.
	Renamed uint16
	// Class is the place of the name's ttl in Rules.TTLs plus 1; 0 for none.
	Class uint8
	// Sign says how a gauge interprets a sign.
	Sign Sign
	// TagsDropped says that some of the tags were dropped.
	TagsDropped bool
}

// perSample reports whether each sample needs some work.
func (e *Effects) perSample() bool {
	return e.Rules != [2]uint16{} || e.Renamed > 0 || e.Sign != AnySign || e.TagsDropped
}

// Sign is the meaning of a sign in front of a gauge's value.
type Sign uint8

// The meanings of a sign.
const (
	AnySign  Sign = iota // the one in metric.Sample.Delta
	Absolute             // it belongs to the number
	Delta                // it adjusts the gauge
)

// SetRules replaces the rules. A table that is not used yet uses them at once. Another table uses them from
// the next Drain on, and then resolves all names again. Names that stay keep their values. Names that do
// not exist under the new rules are forgotten. Only the flushing goroutine may call it.
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

// follow switches to the next rules.
func (s *Shard) follow(number int) {
	s.rules, s.next = s.next, nil
	s.resolver = s.rules.Resolvers[number]
	s.hits = make([]uint64, s.rules.Count)
}

// ttls returns the TTLs of the rules.
func (s *Shard) ttls() []uint32 {
	if s.rules == nil {
		return nil
	}
	return s.rules.TTLs
}

// takeHits moves the hits from a shard to the interval.
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

// note records which rule gave a record its name.
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

// hidden returns the flags of a record for a clean name that did not come from a sample.
func (s *Shard) hidden(kind metric.Kind, name []byte) (flags uint32) {
	if s.resolver == nil {
		return 0
	}
	flags = s.judge(kind, name)
	if flags&metaHidden == 0 { // whether samples of that name belong to the record
		s.resolve(kind, name)
		if s.resolved.Reason != metric.None || !bytes.Equal(s.resolved.Name, name) {
			flags |= metaHidden
		}
	}
	return flags
}

// judge returns the flags for the record of a clean name under the rules. It sets s.resolved.
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

// inherit returns the flags that a record of the old rules has under the new rules, and the rule that gives
// its name. It returns false if the name no longer exists.
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
