package aggregate

import (
	"bytes"

	"github.com/statsd-ops/statsd/metric"
)

// intern finds the record of a name that the table does not hold as received: the name needs
// cleaning, or it is new. flags are for a new record, see insert.
func (s *Shard) intern(kind metric.Kind, raw []byte, flags uint32) (ref, metric.Reason) {
	config := &s.table.config
	if len(raw) > config.MaxNameLength {
		return 0, metric.TooLong
	}
	name, tags := raw, []byte(nil)
	if config.Tagged {
		name, tags = metric.CutTags(raw)
	}
	if reason := s.setClean(name); reason != metric.None {
		return 0, reason
	}
	s.clean = append(s.clean, tags...)
	if !bytes.Equal(s.clean, raw) {
		if r := s.names.find(kind, s.clean); r != 0 {
			return r, metric.None
		}
	}
	return s.insert(kind, s.clean, flags)
}

// setClean sets s.clean to a name without tags, in the form that the table keeps.
func (s *Shard) setClean(name []byte) metric.Reason {
	config := &s.table.config
	valid := true
	if config.NamesAsSent {
		s.clean, valid = metric.AppendSent(s.clean[:0], name)
	} else {
		s.clean = config.Dialect.AppendClean(s.clean[:0], name)
	}
	switch {
	case !valid:
		return metric.BadName
	case len(s.clean) == 0:
		return metric.EmptyName
	}
	return metric.None
}

// insert makes a record for a clean name that is not in the table. flags are metaMoved for a name that
// is not new.
func (s *Shard) insert(kind metric.Kind, name []byte, flags uint32) (ref, metric.Reason) {
	if m := s.muteOf(name); m != nil {
		m.Samples.Add(1)
		return 0, metric.RefusedMuted
	}
	if s.retiring != nil && s.retiring.find(kind, name) != 0 {
		return s.names.insert(kind, name, s.flush, metaMoved), metric.None
	}
	if s.table.known.Add(1) > int64(s.table.config.MaxNames) {
		s.table.known.Add(-1)
		return 0, metric.RefusedName
	}
	s.fresh++
	if flags&metaMoved == 0 {
		s.grown.add(name)
	}
	return s.names.insert(kind, name, s.flush, flags), metric.None
}
