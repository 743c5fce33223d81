package intake

import "time"

const (
	// stampFor is how long after a gauge to ask for times of arrival, whatever the rate.
	stampFor = 10 * time.Second
	// stampBelow is the rate of datagrams per second below which to ask always.
	stampBelow = 20_000
	// stampLook is the time between two decisions.
	stampLook = time.Second
)

// stamps decides whether a receiver asks the kernel for the time of arrival of each datagram. Only
// the order of gauges needs it: the receiver that got the later value may be the first to read it.
// Asking costs a few percent of the work for a datagram. So a busy receiver without gauges does not
// ask.
type stamps struct {
	datagrams int
	gauges    bool
	since     time.Time // start of the counts
	lastGauge time.Time
	off       bool
}

// note counts a batch.
func (s *stamps) note(datagrams int, gauges bool) {
	s.datagrams += datagrams
	s.gauges = s.gauges || gauges
}

// want reports whether to ask for times.
func (s *stamps) want(now time.Time) bool {
	if s.gauges && s.off { // at once
		s.off = false
	}
	past := now.Sub(s.since)
	if past < stampLook {
		return !s.off
	}
	if s.gauges || s.lastGauge.IsZero() {
		s.lastGauge = now
	}
	rate := float64(s.datagrams) / past.Seconds()
	s.off = now.Sub(s.lastGauge) > stampFor && rate >= stampBelow
	s.datagrams, s.gauges, s.since = 0, false, now
	return !s.off
}
