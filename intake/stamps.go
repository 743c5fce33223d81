package intake

import "time"

const (
	// stampFor is how long after a gauge a receiver asks for times of arrival at any rate.
	stampFor = time.Minute
	// stampBelow is the rate of datagrams per second below which it always asks.
	stampBelow = 20_000
	// stampLook is how often it decides, or earlier, after stampCount datagrams.
	stampLook  = time.Second
	stampCount = 4096
)

// stamps decides whether a receiver asks the kernel for the time of arrival of each
// datagram. Only gauges need it: if two receivers sleep, the one with the later value may
// read first. It costs up to a tenth of a datagram. So a receiver with many datagrams and
// no gauges does not ask.
type stamps struct {
	datagrams int
	gauges    bool
	since     time.Time // of the counts
	lastGauge time.Time // zero if there was none
	off       bool
}

// note counts a batch.
func (s *stamps) note(datagrams int, gauges bool) {
	s.datagrams += datagrams
	s.gauges = s.gauges || gauges
}

// due reports whether it should decide now, whatever the time is.
func (s *stamps) due() bool { return s.datagrams >= stampCount || s.gauges && s.off }

// want reports whether to ask.
func (s *stamps) want(now time.Time) bool {
	if s.gauges && s.off { // at once
		s.off = false
	}
	past := now.Sub(s.since)
	if past < stampLook && s.datagrams < stampCount {
		return !s.off
	}
	if s.gauges {
		s.lastGauge = now
	}
	rate := float64(s.datagrams) / past.Seconds()
	s.off = now.Sub(s.lastGauge) > stampFor && rate >= stampBelow
	s.datagrams, s.gauges, s.since = 0, false, now
	return !s.off
}
