package meta

import "time"

const (
	slotTime = 10 * time.Second
	// lossWindow is how long a loss counts as recent.
	lossWindow = 15 * time.Minute
	lossSlots  = int(lossWindow/slotTime) + 1
	// trendWindow is the time over which growth is measured.
	trendWindow = 5 * time.Minute
	trendSlots  = int(trendWindow/slotTime) + 1
)

// slots converts a duration into a number of slots.
func slots(d time.Duration) int { return int(d / slotTime) }

// window measures how much a count grew in the last 15 minutes.
type window struct {
	total uint64    // as last observed
	grew  time.Time // when it last grew
	slot  int       // slot of the newest sum
	sums  [lossSlots]uint64
}

// observe takes the value of a count at a moment in a slot and returns its growth. A count that
// fell was reset.
func (w *window) observe(now time.Time, slot int, total uint64) (grown uint64) {
	for steps := min(slot-w.slot, lossSlots); steps > 0; steps-- {
		w.slot++
		w.sums[w.slot%lossSlots] = 0
	}
	w.slot = max(w.slot, slot)
	if total > w.total {
		grown = total - w.total
		w.grew = now
		w.sums[w.slot%lossSlots] += grown
	}
	w.total = total
	return grown
}

// within returns how much the count grew in the last d, plus up to one slot.
func (w *window) within(d time.Duration) (sum uint64) {
	for i := range min(slots(d)+1, lossSlots) {
		if at := w.slot - i; at >= 0 {
			sum += w.sums[at%lossSlots]
		}
	}
	return sum
}

// recent reports whether the count grew in the last 15 minutes.
func (w *window) recent(now time.Time) bool {
	return !w.grew.IsZero() && now.Sub(w.grew) < lossWindow
}

// trend records a gauge over the last 5 minutes: the first reading of each slot, and the newest.
type trend struct {
	slot     int // slot of the newest reading
	readings [trendSlots]reading
	newest   reading
}

type reading struct {
	at    time.Time
	value float64
}

func (t *trend) observe(now time.Time, slot int, value float64) {
	r := reading{now, value}
	if t.newest.at.IsZero() {
		t.slot, t.readings[slot%trendSlots] = slot, r
	}
	for steps := min(slot-t.slot, trendSlots); steps > 0; steps-- {
		t.slot++
		t.readings[t.slot%trendSlots] = r
	}
	t.slot, t.newest = max(t.slot, slot), r
}

// until estimates when the gauge reaches limit, from its growth in the last d. It returns false if the gauge does not
// grow, or if no reading is that old.
func (t *trend) until(limit float64, d time.Duration) (time.Duration, bool) {
	before := t.readings[(t.slot-slots(d)+trendSlots)%trendSlots]
	grown, spent := t.newest.value-before.value, t.newest.at.Sub(before.at)
	if before.at.IsZero() || grown <= 0 || spent <= 0 {
		return 0, false
	}
	left := (limit - t.newest.value) / grown * spent.Seconds()
	if left > farAway.Seconds() {
		return 0, false
	}
	return seconds(max(left, 0)), true
}

// farAway is the greatest time that until returns.
const farAway = 1000 * time.Hour
