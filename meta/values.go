package meta

import (
	"cmp"
	"iter"
	"slices"
	"sync"

	"github.com/statsd-ops/statsd/metric"
)

// A name that is no longer published stays until this many flushes and this many seconds have
// passed.
const (
	keepFlushes = 6
	keepSeconds = 60
)

// Values keeps the newest value of each name that was published in the last 6
// flushes or in the last 60 seconds. It is safe for concurrent use.
type Values struct {
	limit int

	mu     sync.Mutex
	index  map[string]int // from path to the place in kept
	kept   []keptValue
	flush  uint64 // the number of flushes so far
	time   int64  // of the last flush, in Unix seconds
	missed int

	sorting  sync.Mutex
	sorted   []Value // the result of Last, made at its first call
	sortedAt uint64  // the flush that sorted belongs to
}

type keptValue struct {
	Value
	flush uint64
}

// NewValues returns Values for at most limit names. It allocates memory only as
// names come.
func NewValues(limit int) *Values {
	return &Values{limit: limit, index: make(map[string]int)}
}

// Keep takes the points of one flush, and time, its Unix second. Names that do
// not fit are left out and counted: see Missed. A path is copied when it is new.
// A flush without new names allocates nothing.
func (v *Values) Keep(time int64, points iter.Seq[metric.Point]) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.flush++
	v.time = time
	v.forget(time)
	v.missed = 0
	fresh := 0 // names seen in this flush
	for p := range points {
		// When every place holds a value of this flush, no lookup can find room.
		if fresh == v.limit {
			v.missed++
			continue
		}
		i, known := v.index[string(p.Path)]
		if !known {
			if len(v.kept) == v.limit {
				v.missed++
				continue
			}
			i = len(v.kept)
			v.kept = append(v.kept, keptValue{Value: Value{Path: string(p.Path)}})
			v.index[v.kept[i].Path] = i
		}
		k := &v.kept[i]
		if k.flush != v.flush {
			fresh++
		}
		k.Value.Value, k.Time, k.flush = p.Value, p.Time, v.flush
	}
}

// forget drops the names whose last point is too old at time.
func (v *Values) forget(time int64) {
	for i := 0; i < len(v.kept); {
		k := &v.kept[i]
		if k.flush+keepFlushes >= v.flush || k.Time+keepSeconds >= time {
			i++
			continue
		}
		delete(v.index, k.Path)
		last := len(v.kept) - 1
		if i != last {
			*k = v.kept[last]
			v.index[k.Path] = i
		}
		v.kept[last] = keptValue{}
		v.kept = v.kept[:last]
	}
}

// Flushed returns the Unix second of the last flush, 0 before the first.
func (v *Values) Flushed() int64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.time
}

// Missed returns how many points of the last flush did not fit.
func (v *Values) Missed() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.missed
}

// Last returns the kept values, sorted bytewise by path. All callers between two
// flushes share the slice: do not change it.
func (v *Values) Last() []Value {
	v.sorting.Lock()
	defer v.sorting.Unlock()
	if values, flush, changed := v.copyUnless(v.sortedAt); changed {
		slices.SortFunc(values, func(a, b Value) int { return cmp.Compare(a.Path, b.Path) })
		v.sorted, v.sortedAt = values, flush
	}
	return v.sorted
}

// copyUnless copies the values unless nothing was kept since flush.
func (v *Values) copyUnless(flush uint64) (values []Value, now uint64, changed bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.flush == flush {
		return nil, flush, false
	}
	values = make([]Value, len(v.kept))
	for i := range v.kept {
		values[i] = v.kept[i].Value
	}
	return values, v.flush, true
}
