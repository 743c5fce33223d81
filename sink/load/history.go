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

// history is the totals of the last minutes. One goroutine adds to it; any
// number read views of it meanwhile, which do not change.
//
// Each batch becomes a segment, and those of a minute become one when the minute is
// over. Names are numbered as they come, and anew when most of them are in no
// segment any more. When memory runs out the oldest minutes are forgotten.
type history struct {
	limits
	view
	numbers   [metric.Kinds]map[string]uint32
	nameBytes int
	worth     int     // names are numbered anew when there are as many
	entries   []entry // of the batch at hand
	full      bool    // no more room can be made for it

	shown atomic.Pointer[view]
}

// limits say how much history there may be.
type limits struct {
	minutes int // complete ones
	bytes   int
}

// view is a history at one time.
type view struct {
	series   []series   // by number; elements are added only
	segments []*segment // the oldest first
	minute   int64      // the newest
	since    int64      // the oldest minute of which nothing is missing
	end      time.Time  // of the newest interval
	size     int        // bytes
}

// entry is a name of the batch at hand.
type entry struct {
	number uint32
	totals []byte
}

const (
	// mostSegments is how many segments a minute may have.
	mostSegments = 8
	// What a segment and a name take, besides their bytes: a name is in a list and in
	// a map.
	segmentBytes = 96
	nameBytes    = 96
	// worthIt is how many names there are before any are numbered anew.
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

// floorMinute returns the minute t is in.
func floorMinute(t time.Time) int64 { return int64(math.Floor(float64(t.Unix()) / 60)) }

// minuteOf returns the minute in which an interval counts: that in which it
// ends, and if both end at once, that one.
func minuteOf(end time.Time) int64 { return floorMinute(end.Add(-1)) }

// add adds a batch, and returns how many of its names there was no room for.
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
	clear(h.entries) // they refer to the batch
	h.entries = h.entries[:0]
	h.show()
	return dropped
}

// show lets readers see the history as it is now.
func (h *history) show() {
	v := h.view
	v.segments = slices.Clone(v.segments)
	h.shown.Store(&v)
}

// advance begins a minute, unless it is the newest already, and forgets those that
// are too old. After the clock was put back, the minutes ahead of it are forgotten.
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

// append makes the batch at hand a segment of the newest minute, if there is room. To make
// room can change the numbers of the names.
func (h *history) append() bool {
	if len(h.entries) == 0 {
		return true
	}
	most := segmentBytes
	for _, e := range h.entries {
		most += binary.MaxVarintLen32 + len(e.totals)
	}
	if !h.makeRoom(most) {
		return false
	}
	b := builder{segment: segment{minute: h.minute}}
	for _, e := range h.entries {
		b.begin(e.number)
		b.data = append(b.data, e.totals...)
	}
	h.segments = append(h.segments, b.done())
	if n := len(h.segments); n >= mostSegments && h.segments[n-mostSegments].minute == h.minute {
		h.compact()
	}
	h.measure()
	return true
}

// compact makes one segment of those of the newest minute.
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

// measure works out the size.
func (h *history) measure() {
	h.size = h.nameBytes
	for _, s := range h.segments {
		h.size += segmentBytes + len(s.data)
	}
}

// makeRoom sees to it that need bytes more fit in. If need be it forgets the
// oldest minutes, with an eighth more than that, so as not to come back for each name.
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
