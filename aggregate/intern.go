package aggregate

import (
	"bytes"

	"github.com/statsd-ops/statsd/metric"
)

// find is called if the quick search of the function look fails. It returns the record of the sample, and makes the
// record if there is none. It refuses samples of muted names.
func (s *Shard) find(sample *metric.Sample, p *probe) (r ref, reason metric.Reason) {
	if p.drop {
		return 0, metric.DroppedByRule
	}
	kind := sample.Kind & 3
	if alias := s.alias(p.hash, kind, sample.Name); alias != nil {
		alias.amend(s, sample)
		if r = alias.target(); r == 0 {
			return 0, metric.DroppedByRule
		}
	} else if r = s.names.received(p, kind, sample.Name); r == 0 {
		r, reason = s.intern(sample, p)
	}
	if r != 0 && s.mutes != nil && s.muted(r) {
		return 0, metric.RefusedMuted
	}
	return r, reason
}

// intern finds or makes the record of a sample. The sample's name as received has neither a record
// nor an alias.
func (s *Shard) intern(sample *metric.Sample, p *probe) (r ref, reason metric.Reason) {
	kind, raw, to := sample.Kind&3, sample.Name, &s.resolved
	if s.resolver == nil && len(raw) <= s.table.config.MaxNameLength && s.table.config.form().Keeps(raw) {
		return s.insert(p, &newName{kind: kind, name: raw})
	}
	s.resolve(kind, raw)
	if to.Reason != metric.None {
		if to.Reason == metric.DroppedByRule {
			s.addAlias(p.hash, kind, raw, 0, &to.Effects)
			s.hit(to.Rules)
			amend(sample, to.TagsDropped, to.Sign)
		}
		return 0, to.Reason
	}
	clean := s.names.search(to.Name)
	if r = s.names.found(&clean, kind, to.Name); r == 0 {
		own := bytes.Equal(raw, to.Name) && !to.perSample() // whether the name as received leads to the record without an alias
		flags := uint32(to.Class) << metaClass
		if s.resolver != nil && !own {
			flags |= metaHidden
		}
		if r, reason = s.insert(&clean, &newName{kind: kind, name: to.Name, flags: flags}); r == 0 {
			return 0, reason
		}
		if to.Renamed > 0 {
			s.names.note(r, to.Renamed)
		}
		if own {
			return r, metric.None
		}
	}
	s.addAlias(p.hash, kind, raw, r, &to.Effects)
	s.hit(to.Rules)
	amend(sample, to.TagsDropped, to.Sign)
	return r, metric.None
}

// resolve resolves a name as received, and stores the result in s.resolved.
func (s *Shard) resolve(kind metric.Kind, raw []byte) {
	to, longest := &s.resolved, s.table.config.MaxNameLength
	*to = Resolved{Name: to.Name[:0], Length: len(raw)}
	if s.resolver != nil {
		s.resolver.Resolve(kind, raw, to)
		if to.Reason == metric.None && max(to.Length, len(to.Name)) > longest {
			to.Reason = metric.TooLong
		}
		return
	}
	if len(raw) > longest {
		to.Reason = metric.TooLong
		return
	}
	to.Name, to.Reason = s.table.config.form().Append(to.Name, raw)
}

// insert makes a record for a clean name that is not in the shard's names table. A name with the flag metaMoved does
// not count as new. insert sets this flag if the shard's previous names table has the name. The caller sets the flag if
// the name comes from another Table.
func (s *Shard) insert(p *probe, name *newName) (ref, metric.Reason) {
	name.flush = s.flush
	if m := s.muteOf(name.name); m != nil {
		m.Samples.Add(1)
		return 0, metric.RefusedMuted
	}
	if s.retiring != nil && s.retiring.find(name.kind, name.name) != 0 {
		name.flags |= metaMoved
		return s.names.insert(p, name), metric.None
	}
	if s.table.known.Add(1) > int64(s.table.config.MaxNames) {
		s.table.known.Add(-1)
		return 0, metric.RefusedName
	}
	s.fresh++
	if name.flags&metaMoved == 0 {
		s.made.Add(name.name)
	}
	return s.names.insert(p, name), metric.None
}
