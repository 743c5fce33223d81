package load

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// history contains the totals of the last minutes. One goroutine adds to it. Other goroutines read immutable
// views of it.
//
// Each batch is converted to a segment. When a minute is over, its segments are merged. Names are numbered in the
// order of their arrival. When most of the numbers are no longer used, the names are renumbered. When the memory
// limit is reached, the oldest minutes are removed.
type history struct {
	limits
	view
	numbers   [metric.Kinds]map[string]uint32
	nameBytes int
	worth     int     // number of names at which the history checks whether to renumber the names
	entries   []entry // names in the current batch
	full      bool    // the current batch does not fit, and there are no older minutes to remove

	shown atomic.Pointer[view]
}

// limits bound the length and the memory of the history.
type limits struct {
	minutes int // maximum number of complete minutes
	bytes   int
}

// view is an immutable state of the history.
type view struct {
	series   []series   // indexed by the number of the series; new series are appended, and renumber makes a new slice
	segments []*segment // oldest segment first
	minute   int64      // latest minute
	since    int64      // oldest complete minute
	end      time.Time  // end of the latest flush interval
	size     int        // in bytes
}

// entry is a name in the current batch.
type entry struct {
	number uint32
	totals []byte
}

const (
	// maxSegments is the maximum number of segments for a minute.
	maxSegments = 8
	// The memory that a segment or a name needs in addition to its data. Each name is stored in a list
	// and in a map.
	segmentBytes = 96
	nameBytes    = 96
	// worthIt is the minimum number of names for renumbering. With fewer names, renumbering costs more
	// than it saves.
	worthIt = 1024
)

func newHistory(l limits, now time.Time) *history {
	h := &history{limits: l, worth: worthIt}
	h.minute = floorMinute(now)
	h.since = h.minute
	for kind := range h.numbers {
		h.numbers[kind] = map[string]uint32{}
	}
	h.show()
	return h
}

func floorMinute(t time.Time) int64 { return int64(math.Floor(float64(t.Unix()) / 60)) }

// minuteOf returns the minute of a flush interval that ends at the given time. An interval that
// ends exactly at the end of a minute belongs to this minute.
func minuteOf(end time.Time) int64 { return floorMinute(end.Add(-1)) }

// add adds a batch, and returns the number of names that did not fit.
func (h *history) add(b *batch) (dropped int) {
	h.advance(minuteOf(b.end))
	h.end = b.end
	h.full = false
	for r := range b.readings {
		if number, ok := h.number(r.kind, r.name); ok {
			h.entries = append(h.entries, entry{number, r.totals})
		} else {
			dropped++
		}
	}
	slices.SortFunc(h.entries, func(a, b entry) int { return cmp.Compare(a.number, b.number) })
	if !h.append() {
		dropped += len(h.entries)
	}
	clear(h.entries) // the entries refer to the memory of the batch
	h.entries = h.entries[:0]
	h.show()
	return dropped
}

// show publishes the current history to readers.
func (h *history) show() {
	v := h.view
	v.segments = slices.Clone(v.segments)
	h.shown.Store(&v)
}

// advance makes the given minute the latest one, and removes minutes that are too old. If the clock
// was set back, it removes the minutes in the future.
func (h *history) advance(minute int64) {
	if minute != h.minute {
		h.compact()
		h.minute = minute
		h.since = min(h.since, minute)
	}
	oldest := minute - int64(h.minutes)
	h.segments = slices.DeleteFunc(h.segments, func(s *segment) bool { return s.minute < oldest || s.minute > minute })
	h.since = max(h.since, oldest)
	h.measure()
	if len(h.series) >= h.worth {
		h.renumber()
	}
}

// append converts the current batch to a segment of the latest minute, if the segment fits into the memory limit.
// It may renumber the names to make room.
func (h *history) append() bool {
	if len(h.entries) == 0 {
		return true
	}
	need := segmentBytes
	for _, e := range h.entries {
		need += binary.MaxVarintLen32 + len(e.totals)
	}
	if !h.makeRoom(need) {
		return false
	}
	b := builder{segment: segment{minute: h.minute}}
	for _, e := range h.entries {
		b.begin(e.number)
		b.data = append(b.data, e.totals...)
	}
	h.segments = append(h.segments, b.done())
	if n := len(h.segments); n >= maxSegments && h.segments[n-maxSegments].minute == h.minute {
		h.compact()
	}
	h.measure()
	return true
}

// compact merges the segments of the latest minute.
func (h *history) compact() {
	first := len(h.segments)
	for first > 0 && h.segments[first-1].minute == h.minute {
		first--
	}
	if len(h.segments)-first < 2 {
		return
	}
	one := compact(h.series, h.segments[first:])
	h.segments = append(h.segments[:first:first], one)
	h.measure()
}

// measure computes the size of the history.
func (h *history) measure() {
	h.size = h.nameBytes
	for _, s := range h.segments {
		h.size += segmentBytes + len(s.data)
	}
}

// makeRoom reports whether there is room for the given number of bytes. If there is no room, it
// first removes the oldest minutes, until there is room for these bytes and an eighth of the memory
// limit is free as well. So it does not have to remove minutes again for the next name.
func (h *history) makeRoom(need int) bool {
	if h.size+need <= h.bytes {
		return true
	}
	if h.full {
		return false
	}
	h.compact()
	for len(h.segments) > 0 && h.segments[0].minute < h.minute && h.size+need > h.bytes-h.bytes/8 {
		h.since = max(h.since, h.segments[0].minute+1)
		h.segments = slices.Delete(h.segments, 0, 1)
		h.measure()
	}
	h.renumber()
	h.full = h.size+need > h.bytes
	return !h.full
}
