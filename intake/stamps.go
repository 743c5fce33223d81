package intake

import "time"

const (
	// stampFor is how long after a gauge times of arrival are asked for at any rate.
	stampFor = 10 * time.Second
	// stampBelow is the rate of datagrams a second below which they are always asked for.
	stampBelow = 20_000
	// stampLook is how often that is decided.
	stampLook = time.Second
)

// stamps decides whether a receiver asks the kernel for the time of arrival of each datagram. Only the
// order of gauges needs it: of two receivers that sleep, the one that got the later value may
// be the first to read it. Asking costs little, but that is a few percent of what a datagram costs. So a receiver with
// many datagrams and no gauges does without.
type stamps struct {
	datagrams int
	gauges    bool
	since     time.Time // of the counts
	lastGauge time.Time
	off       bool
}

// note counts a batch.
func (s *stamps) note(datagrams int, gauges bool) {
	s.datagrams += datagrams
	s.gauges = s.gauges || gauges
}

// want reports whether to ask.
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
