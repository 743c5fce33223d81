package history

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/statsd-ops/statsd/internal/glob"
	"github.com/statsd-ops/statsd/metric"
)

// feed stores flushes with the given paths. The value of a path is its index.
func feed(v *Values, flushes int, paths ...string) {
	for range flushes {
		at := time.Unix(0, v.at).Add(interval)
		values := map[string]float64{}
		for i, path := range paths {
			values[path] = float64(i)
		}
		keep(v, at, func(yieldPoint func(metric.Point) bool) {
			for _, path := range paths { // not over the map values, because a map has no order
				if !yieldPoint(metric.Point{Path: []byte(path), Value: values[path], Time: at.Unix()}) {
					return
				}
			}
		})
	}
}

// numbered returns n paths with a prefix and a number.
func numbered(prefix string, n int) []string {
	paths := make([]string, n)
	for i := range paths {
		paths[i] = fmt.Sprintf("%s.%05d", prefix, i)
	}
	return paths
}

// withPlaces returns Values with memory for the given number of histories.
func withPlaces(names, places int) *Values {
	v := newValues(names, 1<<20)
	v.places.most = places
	v.at = start.UnixNano()
	return v
}

// holding returns the given paths that have a history. A call of holding does not count as a query.
func holding(v *Values, paths ...string) (held []string) {
	for _, path := range paths {
		if i, known := v.index.find(v.entries, []byte(path)); known && v.entries[i].place >= 0 {
			held = append(held, path)
		}
	}
	return held
}

// TestPlaces checks which paths get a history when there is not enough memory for all paths. At
// first these are the paths that were published first. A path that is queried later replaces a path
// that was not queried.
func TestPlaces(t *testing.T) {
	v := withPlaces(10, 2)
	feed(v, 3, "a", "b", "c", "d")
	if got := holding(v, "a", "b", "c", "d"); !slices.Equal(got, []string{"a", "b"}) {
		t.Fatalf("%q have a history, want those that came first", got)
	}
	if p, ok := v.Path("c"); !ok || p.Held != FromNow || p.Value != 2 || p.M1.Flushes != 0 || p.Flushes != 0 {
		t.Errorf("c: %+v, %v", p, ok)
	}
	feed(v, 2, "a", "b", "c", "d")
	if c, _ := v.index.find(v.entries, []byte("c")); !v.isAsked(v.entries[c].place) {
		t.Error("c was asked for, and its place does not say so")
	}
	if p, _ := v.Path("c"); p.Held != Holding || p.M1.Flushes != 2 || p.M1.Mean != 2 || p.Flushes != 2 || !p.Since.Equal(start.Add(4*interval)) {
		t.Errorf("c after two flushes: %+v", p)
	}
	if got := holding(v, "a", "b", "c", "d"); !slices.Equal(got, []string{"a", "c"}) {
		t.Errorf("%q have a history", got)
	}
	v.Path("a")
	if p, _ := v.Path("d"); p.Held != NoPlace {
		t.Errorf("d: %+v, but all places were asked for", p)
	}
	feed(v, 2, "a", "b", "c", "d")
	if got := holding(v, "a", "b", "c", "d"); !slices.Equal(got, []string{"a", "c"}) {
		t.Errorf("%q have a history", got)
	}
	feed(v, 365, "a", "b", "c", "d") // flushes for an hour
	if p, _ := v.Path("d"); p.Held != FromNow {
		t.Errorf("d after an hour: %+v", p)
	}
	feed(v, 1, "a", "b", "c", "d")
	if got := holding(v, "a", "b", "c", "d"); !slices.Contains(got, "d") || len(got) != 2 {
		t.Errorf("%q have a history, and d was asked for", got)
	}
}

// TestPlacesOfThePast checks that a path that is no longer published keeps its history for an hour,
// unless another path needs the memory. The other path must not show the old history.
func TestPlacesOfThePast(t *testing.T) {
	v := withPlaces(10, 2)
	feed(v, 20, "a", "b")
	feed(v, 30, "b")
	if got := v.Last(); len(got) != 1 {
		t.Errorf("values are kept of %v", got)
	}
	if s, held := v.Series(Query{Names: []string{"a"}, Since: start, Points: 1000}); held[0] != Holding || s.Lines[0].Sum.Last != 0 || !s.Lines[0].Known {
		t.Errorf("a: %v, %+v", held, s.Lines[0].Sum)
	}
	v = withPlaces(10, 2)
	feed(v, 20, "x", "a")
	feed(v, 8, "b", "x")
	if got := holding(v, "x", "a", "b"); !slices.Equal(got, []string{"x", "b"}) {
		t.Errorf("%q have a history, but a is silent", got)
	}
	s, _ := v.Series(Query{Names: []string{"b"}, Since: start, Points: 1000})
	for i, value := range s.Lines[0].Values {
		if value == value && (value != 0 || s.At(i).Before(start.Add(21*interval))) {
			t.Errorf("b has %v at %v", value, s.At(i).Sub(start))
		}
	}
	feed(v, 400, "x")
	if p, ok := v.Path("b"); ok {
		t.Errorf("b is known an hour after its last value: %+v", p)
	}
}

// TestPlacesAreOff checks the results when no histories are kept.
func TestPlacesAreOff(t *testing.T) {
	v := newValues(10, 0)
	v.at = start.UnixNano()
	feed(v, 500, "a")
	if p, ok := v.Path("a"); !ok || p.Held != Off || p.Value != 0 || p.M1.Mean == p.M1.Mean {
		t.Errorf("%+v, %v", p, ok)
	}
	if s, held := v.Series(Query{Names: []string{"a"}, Since: start, Points: 100}); held[0] != Off || s.Lines[0].Known || v.Bytes() != 0 {
		t.Errorf("%+v, %v, %d bytes", s, held, v.Bytes())
	}
}

// TestAskedPathNeedsAnEntry queries a path whose value is not kept, because there are too many
// paths.
func TestAskedPathNeedsAnEntry(t *testing.T) {
	v := withPlaces(3, 2)
	paths := numbered("p", 8)
	feed(v, 5, paths...)
	if p, ok := v.Path("p.00006"); ok || p.Held != FromNow || p.Value == p.Value {
		t.Fatalf("%+v, %v", p, ok)
	}
	feed(v, 2, paths...)
	if p, ok := v.Path("p.00006"); !ok || p.Held != Holding || p.Value != 6 || p.M1.Flushes != 2 {
		t.Errorf("%+v, %v", p, ok)
	}
	if n := len(v.Last()); n != 3 || v.Missed() != 5 {
		t.Errorf("%d values are kept, %d are missed, want 3 and 5", n, v.Missed())
	}
	for i := range 3 * maxWanted {
		v.Path(fmt.Sprint("nonsense.", i))
	}
	if len(v.wanted) > maxWanted {
		t.Errorf("%d paths are wanted", len(v.wanted))
	}
	feed(v, 10, paths...)
	if len(v.wanted) > 0 {
		t.Errorf("%d paths that do not exist are still looked for", len(v.wanted))
	}
}

// TestFind reads the pages of results in three orders.
func TestFind(t *testing.T) {
	v := newValues(1000, 1<<20)
	v.at = start.UnixNano()
	feed(v, 4, numbered("a", 70)...)
	feed(v, 2, append(numbered("b", 30), numbered("a", 60)...)...)
	g, err := glob.Parse("a.*")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for s := (Search{Match: g.Match, Prefix: "a.", Limit: 25}); ; {
		f := v.Find(t.Context(), s)
		if f.Matched != 70 || f.Looked != 100 || f.Published != 90 || !f.Complete || f.Histories != 100 || !f.AsOf.Equal(time.Unix(0, v.at)) {
			t.Fatalf("%+v", f)
		}
		for _, p := range f.Paths {
			all = append(all, p.Path)
			if p.Held != Holding || p.M15.Flushes == 0 {
				t.Errorf("%+v", p)
			}
		}
		if s.After = f.Next; s.After == "" {
			break
		}
	}
	if !slices.Equal(all, numbered("a", 70)) {
		t.Errorf("found %q", all)
	}
	f := v.Find(t.Context(), Search{Limit: 3, Order: ByValue})
	if f.Matched != 100 || f.Paths[0].Path != "a.00059" || f.Paths[0].Value != 89 || f.Paths[2].Value != 87 || f.Next != "" {
		t.Errorf("by value: %+v", f)
	}
	f = v.Find(t.Context(), Search{Limit: 100, Order: ByAge})
	if len(f.Paths) != 100 || f.Paths[0].Path != "a.00000" || f.Paths[99].Path != "a.00069" || f.Paths[89].Path != "b.00029" {
		t.Errorf("by age: %+v", f.Paths)
	}
	if f := v.Find(t.Context(), Search{Match: func(string) bool { return false }, Limit: 9}); f.Matched != 0 || len(f.Paths) != 0 || !f.Complete {
		t.Errorf("none: %+v", f)
	}
}

// TestFindAmongAllPaths searches for paths whose values are not kept. The search includes all paths
// of the next flush.
func TestFindAmongAllPaths(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := withPlaces(10, 5)
		paths := numbered("p", 5000)
		feed(v, 3, paths...)
		ended, end := context.WithCancel(t.Context())
		end()
		last := Search{Match: func(path string) bool { return strings.HasSuffix(path, "99") }, Limit: 5, Wait: time.Minute}
		now := time.Now()
		if f := v.Find(t.Context(), last); f.Complete || f.Matched != 0 || f.Looked != 10 || time.Since(now) != time.Minute {
			t.Errorf("without a flush, after %v: %+v", time.Since(now), f)
		}
		if f := v.Find(ended, last); f.Complete || time.Since(now) != time.Minute {
			t.Errorf("of a search that has ended: %+v", f)
		}
		found := make(chan Found)
		go func() { found <- v.Find(t.Context(), last) }()
		synctest.Wait()
		feed(v, 1, paths...)
		f := <-found
		if !f.Complete || f.Matched != 50 || f.Looked != 5000 || f.Published != 5000 || len(f.Paths) != 5 || f.Paths[4].Path != "p.00499" || f.Paths[4].Value != 499 || f.Paths[4].Held != FromNow {
			t.Errorf("after a flush: %+v", f)
		}
		feed(v, 1, paths...)
		if f := v.Find(t.Context(), last); !f.Complete || f.Paths[4].Held != Holding || f.Paths[4].M1.Flushes != 1 || f.Paths[4].M1.Mean != 499 {
			t.Errorf("a flush later: %+v", f)
		}
		if f := v.Find(ended, last); f.Complete || f.Looked > 4096+10 {
			t.Errorf("of a search that has ended: %+v", f)
		}
		feed(v, 400, paths[:100]...)
		if v.recent != nil {
			t.Error("the points of a flush are held for more than an hour after a search")
		}
	})
}
