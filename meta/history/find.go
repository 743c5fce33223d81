package history

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"
	"time"
	"unsafe"

	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
)

// Order says how found paths are sorted.
type Order uint8

// These are the possible orders of found paths. Paths with equal keys are sorted bytewise.
const (
	ByPath  Order = iota
	ByValue       // largest value first
	ByAge         // latest time first
)

// Search describes which paths to search for.
type Search struct {
	// Match reports whether a path is wanted. It must not keep the path. If Match is nil, all paths
	// are wanted.
	Match func(path string) bool
	// Prefix is a prefix of all wanted paths. It makes the search faster.
	Prefix string
	// Limit is the maximum number of paths in the result.
	Limit int
	// The search skips all paths up to and including After. After is used only with the order ByPath.
	After string
	Order Order
	// Wait is the maximum time to wait for the next flush.
	Wait time.Duration
}

// Found is the result of a Search.
type Found struct {
	Paths   []Path
	Matched int // number of paths that match, including those above Limit
	// Looked is the number of paths that were searched. Published is the number of paths in the last
	// flush. Histories is the number of paths with a history.
	Looked, Published, Histories int
	// Next is the value of After for the next page. It is "" at the end, and for all orders except ByPath.
	Next string
	AsOf time.Time // time of the last flush
	// Complete is false if the search did not include all paths of the last flush. A search after the
	// next flush will include them.
	Complete bool
}

// Find searches for paths. It searches all paths of the last flush, and all paths whose last value is kept. If the last
// flush had paths whose value is not kept, Find needs the points of the whole flush. These points need memory, so
// Values keeps them only for an hour after a search. The first search therefore waits for the next flush, or until ctx
// ends. Each path in the result counts as queried.
func (v *Values) Find(ctx context.Context, s Search) Found {
	f := finder{Search: s}
	points, at, missed := v.search(ctx, s.Wait)
	f.found.AsOf, f.found.Complete = at, missed == 0
	now := at.Unix()
	if points != nil {
		f.found.Complete = true
		for p := range points {
			f.look(unsafeString(p.Path), meta.Value{Value: p.Value, Time: p.Time})
			if f.found.Looked%4096 == 0 && ctx.Err() != nil {
				f.found.Complete = false
				break
			}
		}
	}
	for _, kept := range v.Last() {
		if points == nil || kept.Time != now {
			f.look(kept.Path, kept)
		}
	}
	f.found.Histories, f.found.Published = v.Histories()
	for _, value := range f.top {
		r := v.look(value.Path)
		r.known, r.value, r.time = true, value.Value, value.Time
		f.found.Paths = append(f.found.Paths, r.path(value.Path))
	}
	if s.Order == ByPath && f.after > len(f.top) && len(f.top) > 0 {
		f.found.Next = f.top[len(f.top)-1].Path
	}
	return f.found
}

// unsafeString returns the bytes as a string without copying them. The string is valid until the
// bytes change.
func unsafeString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// search returns the points of the last flush, the time of this flush, and the number of points whose value is not
// kept. If the values of all points are kept, search returns nil instead of the points, because Find does not need
// them. If the points are needed but not available, search waits for the next flush.
func (v *Values) search(ctx context.Context, wait time.Duration) (points iter.Seq[metric.Point], at time.Time, missed int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.searched = max(v.flush, 1)
	if v.missed > 0 && v.recent == nil {
		if v.waiting == nil {
			v.waiting = make(chan struct{})
		}
		flushed := v.waiting
		v.mu.Unlock()
		over := time.NewTimer(wait)
		defer over.Stop()
		select {
		case <-flushed:
		case <-over.C:
		case <-ctx.Done():
		}
		v.mu.Lock()
	}
	if v.flush == 0 {
		return nil, time.Time{}, 0
	}
	return v.recent, time.Unix(0, v.at), v.missed
}

// finder collects the paths that come first in the order of the search.
type finder struct {
	Search
	found Found
	after int // number of matching paths that follow the path After
	top   []meta.Value
}

// look adds a copy of the path to the result, if the path matches and is among the first paths in
// the order of the search.
func (f *finder) look(path string, v meta.Value) {
	f.found.Looked++
	if !strings.HasPrefix(path, f.Prefix) || f.Match != nil && !f.Match(path) {
		return
	}
	f.found.Matched++
	if f.Order == ByPath && f.After != "" && path <= f.After {
		return
	}
	f.after++
	v.Path = path
	if len(f.top) == f.Limit {
		if f.Limit == 0 || f.compare(v, f.top[f.Limit-1]) >= 0 {
			return
		}
		f.top = f.top[:f.Limit-1]
	}
	i, found := slices.BinarySearchFunc(f.top, v, f.compare)
	v.Path = strings.Clone(path)
	if found {
		f.top[i] = v
		return
	}
	f.top = slices.Insert(f.top, i, v)
}

func (f *finder) compare(a, b meta.Value) int {
	switch f.Order {
	case ByValue:
		if c := cmp.Compare(b.Value, a.Value); c != 0 {
			return c
		}
	case ByAge:
		if c := cmp.Compare(b.Time, a.Time); c != 0 {
			return c
		}
	}
	return cmp.Compare(a.Path, b.Path)
}
