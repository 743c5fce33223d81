package history

import (
	"cmp"
	"slices"

	"github.com/statsd-ops/statsd/meta"
)

const (
	// lastStep is the number of entries that are copied at a time. While they are copied, a flush
	// must wait.
	lastStep = 512
	// lastTries is how often a copy is started again because of a flush. After that, all entries are
	// copied at once, and the next flush waits.
	lastTries = 4
)

// Last returns the kept values, sorted bytewise by path. Until the next flush, all callers get the
// same slice, so they must not change it.
func (v *Values) Last() []meta.Value {
	v.sorting.Lock()
	defer v.sorting.Unlock()
	for try := 1; ; try++ {
		values, flush, ok := v.copyLast(try == lastTries)
		if !ok {
			continue
		}
		if flush != v.lastAt {
			slices.SortFunc(values, func(a, b meta.Value) int { return cmp.Compare(a.Path, b.Path) })
			v.last, v.lastAt = values, flush
		}
		return v.last
	}
}

// copyLast copies the values, in steps or all at once. It fails if a flush occurs between two
// steps. If the last copy is from the same flush, it returns that copy.
func (v *Values) copyLast(atOnce bool) (values []meta.Value, flush uint64, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if flush = v.flush; flush == v.lastAt {
		return nil, flush, true
	}
	values = make([]meta.Value, 0, len(v.entries)-len(v.silent))
	for i := range v.entries {
		if i%lastStep == lastStep-1 && !atOnce {
			v.mu.Unlock()
			v.mu.Lock()
			if v.flush != flush {
				return nil, 0, false
			}
		}
		if e := &v.entries[i]; v.recently(e) {
			values = append(values, meta.Value{Path: e.path, Value: e.value, Time: int64(e.time)})
		}
	}
	return values, flush, true
}
