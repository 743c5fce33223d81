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

// Order is the order of found paths.
type Order uint8

// The orders. Paths that compare as equal are sorted bytewise.
const (
	ByPath  Order = iota
	ByValue       // the greatest first
	ByAge         // the newest first
)

// Search asks for paths.
type Search struct {
	// Match decides which paths are wanted. It must not keep its argument. nil means all.
	Match func(path string) bool
	// Prefix is a beginning that all wanted paths have. It makes the search faster.
	Prefix string
	// Limit limits the paths returned.
	Limit int
	// If Order is ByPath, the search skips all paths up to and including After.
	After string
	Order Order
	// Wait is how long the search may wait for the next flush.
	Wait time.Duration
}

// Found is what a Search found.
type Found struct {
	Paths   []Path
	Matched int // paths that match, returned or not
	// Looked is the number of paths that were searched, Published the number of paths in the last flush, and Histories
	// the number of paths with a history.
	Looked, Published, Histories int
	// Next is the After of the next page, "" at the end. With ByPath only.
	Next string
	AsOf time.Time // the last flush
	// Complete is false if not all paths of the last flush were searched. Then search again after the next flush.
	Complete bool
}

// Find searches for paths. The paths that it returns count as asked for. It searches the paths whose value is kept. If
// the last flush had more paths, it searches all of these. They are held only for an hour after a search, because they
// take memory, so the first search waits for the next flush. It ends when ctx ends.
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

// unsafeString returns the bytes as a string, which is valid as long as they do not change.
func unsafeString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// search returns the points of the last flush, unless all have a kept value, with the time of that flush, and the
// number of points without a kept value. It waits for points that are not held yet.
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

// finder collects the first paths of a search.
type finder struct {
	Search
	found Found
	after int // number of paths that match and come after After
	top   []meta.Value
}

// look adds a path to the result if it matches. It copies a path that it keeps.
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
