package prometheus

import (
	"math"
	"math/bits"
	"slices"
	"time"
)

// members contains the members of a set in the last minute.
type members struct {
	slices []memberSlice // latest slice last
	unit   unit
}

// memberSlice contains the members in a part of the minute: as hashes, or as a sketch if there are too many.
type memberSlice struct {
	until  time.Time
	hashes []uint64
	sketch *sketch
}

const (
	setWindow = time.Minute
	setSlice  = setWindow / 6
	// maxHashes is the maximum number of hashes in a slice. A slice with more members uses a sketch.
	maxHashes = 4096
)

// observeSet adds the members of an interval to a set.
func (st *store) observeSet(number uint32, fresh []uint64, u unit) {
	m := st.members[number]
	if m == nil {
		m = &members{}
		st.members[number] = m
	}
	m.unit = u
	m.add(st.now, fresh)
	m.forget(st.now)
	st.values.run(st.series[number].slot, 1)[0] = u.apply(m.count())
}

// turnSets removes from all sets the members that were not received for a minute.
func (st *store) turnSets() {
	for number, m := range st.members {
		if m.forget(st.now) {
			st.values.run(st.series[number].slot, 1)[0] = m.unit.apply(m.count())
		}
		if len(m.slices) == 0 {
			delete(st.members, number)
		}
	}
}

func (m *members) add(now time.Time, fresh []uint64) {
	last := len(m.slices) - 1
	if last < 0 || !now.Before(m.slices[last].until) {
		m.slices = append(m.slices, memberSlice{until: now.Add(setSlice)})
		last++
	}
	s := &m.slices[last]
	if s.sketch == nil {
		s.hashes = append(s.hashes, fresh...)
		slices.Sort(s.hashes)
		if s.hashes = slices.Compact(s.hashes); len(s.hashes) <= maxHashes {
			return
		}
		fresh, s.hashes, s.sketch = s.hashes, nil, &sketch{}
	}
	s.sketch.add(fresh)
}

// forget removes slices that are older than a minute. It returns false if it removed no slice.
func (m *members) forget(now time.Time) bool {
	n := len(m.slices)
	m.slices = slices.DeleteFunc(m.slices, func(s memberSlice) bool { return now.Sub(s.until) >= setWindow-setSlice })
	return len(m.slices) < n
}

// count returns the number of distinct members.
func (m *members) count() float64 {
	var all []uint64
	var big *sketch
	for i := range m.slices {
		s := &m.slices[i]
		all = append(all, s.hashes...)
		if s.sketch != nil {
			if big == nil {
				big = &sketch{}
			}
			big.merge(s.sketch)
		}
	}
	if big != nil {
		big.add(all)
		return big.count()
	}
	slices.Sort(all)
	return float64(len(slices.Compact(all)))
}

// sketch is a HyperLogLog (P. Flajolet et al., 2007). It counts distinct hashes with an error of about 1.6 %.
type sketch [1 << sketchBits]uint8

const sketchBits = 12

func (s *sketch) add(hashes []uint64) {
	for _, h := range hashes {
		i := h >> (64 - sketchBits)
		s[i] = max(s[i], uint8(bits.LeadingZeros64(h<<sketchBits|1<<(sketchBits-1))+1))
	}
}

func (s *sketch) merge(o *sketch) {
	for i, r := range o {
		s[i] = max(s[i], r)
	}
}

func (s *sketch) count() float64 {
	sum, empty := 0.0, 0
	for _, r := range s {
		sum += math.Ldexp(1, -int(r))
		if r == 0 {
			empty++
		}
	}
	const m = float64(len(s))
	estimate := 0.7213 / (1 + 1.079/m) * m * m / sum
	if estimate <= 2.5*m && empty > 0 {
		estimate = m * math.Log(m/float64(empty)) // linear counting is more accurate for few members
	}
	return math.Round(estimate)
}
