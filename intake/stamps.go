package intake

import (
	"sync/atomic"
	"time"
)

const (
	// stampFor is how long after a gauge a receiver asks for times of arrival, at any rate of datagrams.
	stampFor = time.Minute
	// stampBelow is the rate of datagrams per second below which a receiver always asks.
	stampBelow = 20_000
	// stampLook is how often a receiver decides. After stampCount datagrams it decides earlier.
	stampLook  = time.Second
	stampCount = 4096
)

// stamps decides whether a receiver asks the kernel for the time of arrival of each
// datagram. Only gauges need the time: if two receivers sleep, the receiver of the later value may read first. Asking
// adds up to a tenth to the cost of a datagram. So a receiver with many datagrams does not ask while no receiver sees
// gauges.
type stamps struct {
	lastGauge *atomic.Int64 // shared by all receivers: when one last saw a gauge, in Unix nanoseconds
	datagrams int
	gauges    bool
	since     time.Time // start of the counts
	off       bool
	offAt     int64 // when it stopped asking, in Unix nanoseconds
}

// note counts a batch.
func (s *stamps) note(datagrams int, gauges bool) {
	s.datagrams += datagrams
	s.gauges = s.gauges || gauges
}

// due reports whether to decide now because of the number of datagrams.
func (s *stamps) due() bool { return s.datagrams >= stampCount || s.off && s.missed() }

// missed reports whether there was a gauge since the receiver stopped asking.
func (s *stamps) missed() bool { return s.gauges || s.lastGauge.Load() > s.offAt }

// want reports whether to ask.
func (s *stamps) want(now time.Time) bool {
	if s.gauges {
		s.lastGauge.Store(now.UnixNano())
	}
	if s.off && s.missed() { // at once
		s.off = false
	}
	past := now.Sub(s.since)
	if past < stampLook && s.datagrams < stampCount {
		return !s.off
	}
	rate := float64(s.datagrams) / past.Seconds()
	if off := now.UnixNano()-s.lastGauge.Load() > int64(stampFor) && rate >= stampBelow; off != s.off {
		s.off, s.offAt = off, now.UnixNano()
	}
	s.datagrams, s.gauges, s.since = 0, false, now
	return !s.off
}
