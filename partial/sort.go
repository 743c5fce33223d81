package partial

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
)

// sorter sorts rows by name. It first compares eight bytes of the names as one number. These bytes
// follow the common prefix of all names. If the numbers are equal, it compares the whole names.
type sorter struct {
	keys []key
	rows []row
}

// key is the index of a row, and the eight bytes of its name that follow the common prefix of all
// names.
type key struct {
	prefix uint64
	row    int
}

func (s *sorter) sort(rows []row) {
	if len(rows) < 2 {
		return
	}
	shared := len(rows[0].name)
	for i := range rows {
		shared = min(shared, commonPrefix(rows[0].name[:shared], rows[i].name))
	}
	s.keys = s.keys[:0]
	for i := range rows {
		s.keys = append(s.keys, key{prefixOf(rows[i].name[shared:]), i})
	}
	slices.SortFunc(s.keys, func(a, b key) int {
		if a.prefix != b.prefix {
			return cmp.Compare(a.prefix, b.prefix)
		}
		return bytes.Compare(rows[a.row].name[shared:], rows[b.row].name[shared:])
	})
	s.rows = append(s.rows[:0], rows...)
	for i, k := range s.keys {
		rows[i] = s.rows[k.row]
	}
	clear(s.rows)
}

// prefixOf returns the first eight bytes of a name as a number. Numbers and byte sequences have the
// same order.
func prefixOf(name []byte) uint64 {
	if len(name) >= 8 {
		return binary.BigEndian.Uint64(name)
	}
	var b [8]byte
	copy(b[:], name)
	return binary.BigEndian.Uint64(b[:])
}
