package meta

import "time"

const (
	slotTime = 10 * time.Second
	// lossWindow is how long a loss is still reported after it has ended.
	lossWindow = 15 * time.Minute
	lossSlots  = int(lossWindow/slotTime) + 1
	// trendWindow is the period in which growth is measured.
	trendWindow = 5 * time.Minute
	trendSlots  = int(trendWindow/slotTime) + 1
)

// slots converts a duration to a number of slots.
func slots(d time.Duration) int { return int(d / slotTime) }

// window measures the growth of a count in the last 15 minutes.
type window struct {
	total uint64    // value at the last observation
	grew  time.Time // time of the last growth
	slot  int       // number of the newest time slot in sums
	sums  [lossSlots]uint64
}

// observe records the value of a count, and returns its growth since the last call. If the value is
// smaller than at the last call, the count was reset.
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

// within returns the growth of the count in the last period of length d. The period can be up to one slot longer.
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

// trend records a gauge over the last 5 minutes. It keeps the first reading of each slot, and the
// last reading.
type trend struct {
	slot     int // slot of the last reading
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

// until estimates how long it takes until the gauge reaches the value limit. It uses the growth in
// the last period of length d. It returns false if the gauge does not grow, or if there is no
// reading from before this period.
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

// farAway is the maximum duration that the method until returns.
const farAway = 1000 * time.Hour
