package history

import (
	"cmp"
	"slices"
)

// add adds a path and returns the index of its entry. It returns -1 if there are too many entries.
func (v *Values) add(path []byte, fresh *int) int32 {
	i := int32(len(v.entries))
	if int(i) < v.limit {
		v.grow()
	} else if i = v.makeRoom(path, fresh); i < 0 {
		return -1
	}
	v.entries[i] = entry{path: string(path), place: -1, next: i + 1}
	v.index.add(path, i)
	return i
}

// grow adds an empty entry. If v.entries is full and large, grow makes it a quarter larger, up to the limit.
func (v *Values) grow() {
	if n := len(v.entries); n == cap(v.entries) && n >= largeSlots {
		entries := make([]entry, n, min(v.limit, n+n/4))
		copy(entries, v.entries)
		v.entries = entries
	}
	v.entries = append(v.entries, entry{})
}

// makeRoom frees an entry for a path and returns its index. It uses the entry of a path that is no
// longer published. If there is no such entry and the new path was queried, makeRoom uses the entry
// of a path that was not queried.
func (v *Values) makeRoom(path []byte, fresh *int) int32 {
	if i := v.silentest(); i >= 0 {
		v.clear(i)
		return i
	}
	if _, asked := v.wanted[string(path)]; !asked {
		return -1
	}
	for i := len(v.entries) - 1; i >= 0; i-- {
		if e := &v.entries[i]; !v.isAsked(e.place) {
			if v.fresh(e) {
				*fresh--
				v.missed++
			}
			v.clear(int32(i))
			return int32(i)
		}
	}
	return -1
}

// silentest returns the entry in v.silent whose path was published the longest time ago, and removes it from v.silent.
// It returns -1 if there is no such entry.
func (v *Values) silentest() int32 {
	if !v.sorted {
		slices.SortFunc(v.silent, func(a, b int32) int { return cmp.Compare(v.entries[b].flush, v.entries[a].flush) })
		v.sorted = true
	}
	for len(v.silent) > 0 {
		i := v.silent[len(v.silent)-1]
		v.silent = v.silent[:len(v.silent)-1]
		if e := &v.entries[i]; e.place >= 0 && !v.fresh(e) {
			return i
		}
	}
	return -1
}

// isAsked reports whether the path in a row was queried within the last hour.
func (v *Values) isAsked(row int32) bool {
	if row < 0 {
		return false
	}
	asked := v.places.rows[row].asked
	return asked > 0 && asked+v.hour >= v.flush
}

// remember adds the new value of an entry to its history. If the entry has no row in v.places, remember gives it a row,
// if possible.
func (v *Values) remember(i int32, e *entry) {
	if e.place < 0 {
		if v.places.full() && len(v.silent) == 0 && len(v.wanted) == 0 {
			return
		}
		if v.give(i, e); e.place < 0 {
			return
		}
	}
	v.places.columns[len(v.places.columns)-1].values[e.place] = e.value
}

// give assigns a row to an entry: a free row, or the row of a path that is no longer published. If
// the entry's path was queried, it can also get the row of a path that was not queried.
func (v *Values) give(i int32, e *entry) {
	asked, wanted := v.wanted[e.path]
	row := v.places.take()
	if row < 0 {
		row = v.takeFrom(v.silentest())
	}
	if row < 0 && wanted {
		row = v.takeFrom(v.unasked())
	}
	if row < 0 {
		return
	}
	v.places.give(row, i)
	e.place = row
	if wanted {
		v.places.rows[row].asked = asked
		delete(v.wanted, e.path)
	}
}

// takeFrom takes away the row of an entry, and returns the row.
func (v *Values) takeFrom(i int32) (row int32) {
	if i < 0 {
		return -1
	}
	row, v.entries[i].place = v.entries[i].place, -1
	return row
}

// unasked finds the entries whose paths were not queried within the last hour. Of these entries, it
// returns the one with the last row, or -1 if there are none.
func (v *Values) unasked() int32 {
	for row, place := range slices.Backward(v.places.rows) {
		if owner := place.owner; owner >= 0 && !v.isAsked(int32(row)) {
			return owner
		}
	}
	return -1
}

// ask records that a path was queried. The result says whether the path has a history.
func (v *Values) ask(path string) Held {
	if v.places.most == 0 {
		return Off
	}
	now := max(v.flush, 1)
	if i, known := v.index.find(v.entries, []byte(path)); known && v.entries[i].place >= 0 {
		v.places.rows[v.entries[i].place].asked = now
		return Holding
	}
	if _, already := v.wanted[path]; !already && (len(v.wanted) == maxWanted || len(path) > maxWantedPath) {
		return NoPlace
	}
	if v.places.full() && len(v.silent) == 0 && v.unasked() < 0 {
		return NoPlace
	}
	v.wanted[path] = now
	return FromNow
}
