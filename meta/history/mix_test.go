package history

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/metric"
)

// coded returns a value that contains the number of its path and the number of its flush. A float32
// can represent it exactly.
func coded(path, flush int) float64 { return float64(path<<16 | flush) }

// mixing is a Values that gets flushes with changing paths. It keeps the times of the flushes.
type mixing struct {
	*Values
	t      *testing.T
	r      *rand.Rand
	at     time.Time
	flush  int
	flushs map[int]time.Time // times of the flushes; if the clock is set back, the flushes after the new time are dropped
	paths  []bool            // for each path, whether it is published
}

func (m *mixing) name(path int) string { return fmt.Sprint("path.", path) }

func (m *mixing) next() {
	if m.r.IntN(300) == 0 {
		m.at = m.at.Add(-time.Duration(m.r.IntN(200)) * interval)
	}
	m.at = m.at.Add(interval)
	m.flush++
	for flush, at := range m.flushs {
		if !at.Before(m.at) {
			delete(m.flushs, flush)
		}
	}
	m.flushs[m.flush] = m.at
	if path := m.r.IntN(len(m.paths)); m.r.IntN(3) == 0 {
		m.paths[path] = !m.paths[path]
	}
	if m.r.IntN(40) == 0 {
		m.Path(m.name(m.r.IntN(len(m.paths))))
	}
	keep(m.Values, m.at, func(yield func(metric.Point) bool) {
		for path, published := range m.paths {
			if published && !yield(metric.Point{Path: []byte(m.name(path)), Value: coded(path, m.flush), Time: m.at.Unix()}) {
				return
			}
		}
	})
}

// consistent checks that the entries, the index and the places match each other.
func (m *mixing) consistent() {
	m.t.Helper()
	for i := range m.entries {
		if at, known := m.index.find(m.entries, []byte(m.entries[i].path)); !known || int(at) != i {
			m.t.Fatalf("the index has %s at entry %d, %v: want entry %d", m.entries[i].path, at, known, i)
		}
	}
	held := 0
	for i := range m.entries {
		if row := m.entries[i].place; row >= 0 {
			held++
			if m.places.rows[row].owner != int32(i) {
				m.t.Fatalf("place %d of entry %d belongs to %d", row, i, m.places.rows[row].owner)
			}
		}
	}
	if m.index.count != len(m.entries) || held != m.places.held() || len(m.entries) > m.limit || len(m.places.rows) > m.places.most {
		m.t.Fatalf("%d entries, %d in the index; %d have a place, %d are held", len(m.entries), m.index.count, held, m.places.held())
	}
}

// own checks that a value belongs to the given path, and to a flush between the times from and to.
func (m *mixing) own(path int, v float64, from, to time.Time) {
	m.t.Helper()
	if v != v {
		return
	}
	at, there := m.flushs[int(v)&0xffff]
	if int(v)>>16 != path || !there || !at.After(from) || at.After(to) {
		m.t.Fatalf("at flush %d, path %d has a value of path %d, of flush %d at %v, for %v to %v", m.flush, path, int(v)>>16, int(v)&0xffff, at, from, to)
	}
}

// TestHistoriesDoNotMix repeatedly assigns the rows of histories to other paths. Each path must
// show only its own values, at the right times. This must also hold after the clock was set back.
func TestHistoriesDoNotMix(t *testing.T) {
	for seed := range uint64(2) {
		m := &mixing{Values: withPlaces(25, 10), t: t, r: rand.New(rand.NewPCG(seed, 9)), at: start, flushs: map[int]time.Time{}, paths: make([]bool, 60)}
		if seed%2 == 1 { // in this run there is enough memory for all paths
			m.Values = withPlaces(60, 60)
		}
		for n := range soak.Times(1000) {
			m.next()
			m.consistent()
			if n%7 > 0 {
				continue
			}
			asked := make([]uint64, len(m.places.rows)) // restored below, so that the checks do not count as queries
			for row := range asked {
				asked[row] = m.places.rows[row].asked
			}
			for path := range m.paths {
				if i, known := m.index.find(m.entries, []byte(m.name(path))); !known || m.entries[i].place < 0 {
					continue
				}
				p, _ := m.Path(m.name(path))
				m.own(path, p.M15.Min, m.at.Add(-15*time.Minute), m.at)
				m.own(path, p.M15.Max, m.at.Add(-15*time.Minute), m.at)
				s, _ := m.Series(Query{Names: []string{m.name(path)}, Since: m.at.Add(-2 * time.Hour), Points: 2000})
				m.own(path, s.Lines[0].Sum.Min, time.Time{}, m.at)
				for i, v := range s.Lines[0].Greatest {
					m.own(path, v, s.At(i).Add(-s.Step), s.At(i))
				}
			}
			for row := range asked {
				m.places.rows[row].asked = asked[row]
			}
		}
	}
}
