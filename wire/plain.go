package wire

import (
	"bytes"

	"github.com/statsd-ops/statsd/metric"
)

// plain parses the most common lines quickly. rest is the text after the first colon. plain accepts
// a value, a type, and nothing after the type. The value must be a set member, or an unsigned
// integer of at most 15 digits. For any other text it returns false, and the content of s is
// undefined.
func plain(s *metric.Sample, rest []byte) bool {
	n := len(rest)
	if n < 3 {
		return false
	}
	end := n - 2
	switch rest[n-1] {
	case 'c', 'm':
		s.Kind = metric.Counter
	case 'g':
		s.Kind = metric.Gauge
	case 'h', 'd':
		s.Kind, s.Millis = metric.Timer, false
	case 's':
		if rest[n-2] == '|' {
			if bytes.IndexByte(rest[:n-2], '|') >= 0 {
				return false
			}
			s.Kind, s.Member = metric.Set, rest[:n-2]
			s.Delta, s.TagsDropped, s.Signed, s.Weight = false, false, false, 1
			return true
		}
		if rest[n-2] != 'm' {
			return false
		}
		s.Kind, s.Millis = metric.Timer, true
		end--
	default:
		return false
	}
	if end < 1 || end > 15 || rest[end] != '|' {
		return false
	}
	v := uint64(0)
	for _, c := range rest[:end] {
		d := c - '0'
		if d > 9 {
			return false
		}
		v = v*10 + uint64(d)
	}
	s.Value = float64(v)
	s.Delta, s.TagsDropped, s.Signed, s.Weight = false, false, false, 1
	return true
}

// plainTagged parses the most common lines with a section of tags quickly. rest is the text after
// the first colon. plainTagged accepts an unsigned integer of at most 15 digits, a type, and tags.
// It returns the tags without their #. For any other text it returns nil, and the content of s is
// undefined.
func plainTagged(s *metric.Sample, rest []byte) (section []byte) {
	v, n := uint64(0), 0
	for ; n < len(rest) && rest[n]-'0' <= 9; n++ {
		v = v*10 + uint64(rest[n]-'0')
	}
	if n < 1 || n > 15 || len(rest) < n+5 || rest[n] != '|' {
		return nil
	}
	end := n + 2
	switch rest[n+1] {
	case 'c':
		s.Kind = metric.Counter
	case 'g':
		s.Kind = metric.Gauge
	case 'h', 'd':
		s.Kind, s.Millis = metric.Timer, false
	case 'm':
		if s.Kind = metric.Counter; rest[end] == 's' {
			s.Kind, s.Millis = metric.Timer, true
			end++
		}
	default:
		return nil
	}
	if rest[end] != '|' || rest[end+1] != '#' || end+2 >= len(rest) || bytes.IndexByte(rest[end+2:], '|') >= 0 {
		return nil
	}
	s.Value = float64(v)
	s.Delta, s.TagsDropped, s.Signed, s.Weight = false, true, false, 1
	return rest[end+2:]
}
