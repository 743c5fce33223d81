package history

import (
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/meta"
)

const (
	// figureBytes is the maximum memory of Figures.
	figureBytes = 2 << 20
	day         = 24 * time.Hour
	week        = 7 * day
)

// Figures keeps the history of the daemon's own figures, in at most 2 MiB. It keeps the values of
// each flush for a day, and of each minute for a week. If flushes are less than 10 s apart, or if
// there are very many figures, the periods are shorter. Any goroutine may use it.
//
// Fractions are rounded to millionths. At most 4,000 figures are kept.
type Figures struct {
	mu      sync.Mutex
	flushes ring
	minutes ring // a gauge has two columns: its maximum, and the maximum minus the mean
	minute  minute
}

// below is the suffix of the column with the difference between the maximum and the mean of a
// gauge. Names of figures contain no space, so the column's name is unique.
const below = " below"

// NewFigures returns empty Figures. The parameter interval is the time between two flushes.
func NewFigures(interval time.Duration) *Figures {
	step := max(interval, time.Minute)
	return &Figures{
		flushes: ring{step: int64(interval), oldest: int64(day)},
		minutes: ring{step: int64(step), oldest: int64(week)},
		minute:  minute{step: int64(step), index: map[string]int{}},
	}
}

// Keep stores the figures of the flush at the given time. Not all flushes need to have the same
// figures.
func (f *Figures) Keep(at time.Time, figures []meta.Figure) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := at.UnixNano()
	if f.flushes.isBack(now) {
		f.minutes.setBack(now)
		f.minute.clear()
	}
	if end := f.minute.endOf(now); f.minute.flushes > 0 && end != f.minute.end {
		f.endMinute()
	}
	f.flushes.keep(now, figures)
	if f.minute.add(now, figures); f.minute.end == now {
		f.endMinute()
	}
	f.forget()
}

// forget drops the oldest flushes or minutes until the memory is within its limit. It drops from the ring that still
// has the larger fraction of its period, so both periods become shorter by the same fraction.
func (f *Figures) forget() {
	for f.size() > figureBytes {
		more, less := &f.flushes, &f.minutes
		if less.reach() > more.reach() {
			more, less = less, more
		}
		if !more.drop() && !less.drop() {
			return
		}
	}
}

// endMinute stores the current minute in the ring.
func (f *Figures) endMinute() {
	f.minutes.keep(f.minute.end, f.minute.figures())
	f.minute.clear()
}

// Bytes returns the number of bytes in use.
func (f *Figures) Bytes() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.size()
}

func (f *Figures) size() int { return f.flushes.size + f.minutes.size + f.minute.bytes() }

// Known reports whether there are values of the figure.
func (f *Figures) Known(name string) bool {
	flushes, minutes := f.blocks()
	has := func(b block) bool { return b.column(name) >= 0 }
	return slices.ContainsFunc(flushes, has) || slices.ContainsFunc(minutes, has)
}

// blocks returns the current blocks. They can be read without the lock.
func (f *Figures) blocks() (flushes, minutes []block) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.flushes.blocks), slices.Clone(f.minutes.blocks)
}

// column returns the index of the column of a figure, or -1 if there is none.
func (b *block) column(name string) int {
	if strings.HasSuffix(name, below) {
		return -1
	}
	return b.schema.find(name)
}

// minute combines the flushes of the current minute. A flush at the end of a minute belongs to that
// minute.
type minute struct {
	step    int64
	end     int64
	flushes int
	index   map[string]int
	sums    []sum
	made    []meta.Figure
}

// sum combines the values of a figure in the current minute.
type sum struct {
	name, below    string // names of the figure's columns
	count          bool
	n              float64 // number of flushes with a value
	last           float64
	mean, greatest float64
}

// endOf returns the end of the minute to which a flush belongs.
func (m *minute) endOf(at int64) int64 { return floor(at-1, m.step) + m.step }

func (m *minute) add(at int64, figures []meta.Figure) {
	m.end = m.endOf(at)
	m.flushes++
	for i := range figures[:min(len(figures), maxColumns/2)] {
		f := &figures[i]
		at, known := m.index[f.Name]
		if !known {
			at = len(m.sums)
			m.index[f.Name] = at
			m.sums = append(m.sums, sum{name: f.Name, below: f.Name + below})
		}
		s := &m.sums[at]
		s.n++
		s.count, s.last = f.Count, f.Value
		if s.n == 1 {
			s.mean, s.greatest = f.Value, f.Value
			continue
		}
		s.mean += f.Value/s.n - s.mean/s.n
		s.greatest = max(s.greatest, f.Value)
	}
}

// bytes returns the number of bytes in use.
func (m *minute) bytes() int {
	// each is the memory of a sum: the sum itself, the text of its field below, and its entry in m.index. figure is the
	// memory of an element of m.made.
	const each, figure = 168, 48
	return each*cap(m.sums) + figure*cap(m.made)
}

// figures returns the results of the minute as figures. The result is valid until the next call.
func (m *minute) figures() []meta.Figure {
	m.made = m.made[:0]
	for i := range m.sums {
		s := &m.sums[i]
		if s.count {
			if s.last != math.Trunc(s.last) { // for example CPU seconds, which are not whole numbers
				s.last = math.Round(s.last*1e3) / 1e3
			}
			m.made = append(m.made, meta.Figure{Name: s.name, Value: s.last, Count: true})
			continue
		}
		m.made = append(m.made, meta.Figure{Name: s.name, Value: s.greatest}, meta.Figure{Name: s.below, Value: short(s.greatest - s.mean)})
	}
	return m.made
}

// short rounds a number of at least 1000 to a whole number, and a smaller number to four significant digits. Rounded
// numbers need fewer bytes.
func short(v float64) float64 {
	size := math.Abs(v)
	if size >= 1000 || size < 1e-6 {
		return math.Round(v)
	}
	scale := math.Pow(10, 3-math.Floor(math.Log10(size)))
	return math.Round(v*scale) / scale
}

// clear starts a new minute. It removes figures that had no value in the last minute.
func (m *minute) clear() {
	m.flushes = 0
	kept := m.sums[:0]
	for _, s := range m.sums {
		if s.n > 0 {
			s.n = 0
			kept = append(kept, s)
		}
	}
	if len(kept) < len(m.sums) {
		clear(m.sums[len(kept):])
		clear(m.index)
		for i := range kept {
			m.index[kept[i].name] = i
		}
	}
	m.sums = kept
}
