package intake

import (
	"sync/atomic"
	"time"
)

const (
	// stampFor is a duration. After a receiver has got a gauge, the kernel must return the time of arrival of each
	// datagram for this duration, even at a high rate of datagrams.
	stampFor = time.Minute
	// stampBelow is a rate in datagrams per second. At lower rates, a receiver always requests times
	// of arrival.
	stampBelow = 20_000
	// stampLook is the time between two decisions of a receiver about requesting times. After
	// stampCount datagrams it decides earlier.
	stampLook  = time.Second
	stampCount = 4096
)

// stamps decides whether a receiver asks the kernel for the time of arrival of each datagram. Only gauges need the
// times. Values of one gauge may wait in the sockets of two receivers, and the receiver of the later value may read
// first: only the times show which value is the newest. The request adds up to a tenth to the cost of a datagram. So a
// receiver that gets many datagrams does not request times if no receiver has got a gauge for a while.
type stamps struct {
	lastGauge *atomic.Int64 // time when a receiver last saw a gauge, in Unix nanoseconds; all receivers share it
	datagrams int
	gauges    bool
	since     time.Time // start of the current counts
	off       bool
	offAt     int64 // time when the requests were turned off, in Unix nanoseconds
}

// note counts a batch of datagrams, and notes whether it contained gauges.
func (s *stamps) note(datagrams int, gauges bool) {
	s.datagrams += datagrams
	s.gauges = s.gauges || gauges
}

// due reports whether to decide now, before stampLook is over.
func (s *stamps) due() bool { return s.datagrams >= stampCount || s.off && s.missed() }

// missed reports whether a receiver has seen a gauge since this receiver turned its requests off.
func (s *stamps) missed() bool { return s.gauges || s.lastGauge.Load() > s.offAt }

// want reports whether the receiver requests times of arrival from now on.
func (s *stamps) want(now time.Time) bool {
	if s.gauges {
		s.lastGauge.Store(now.UnixNano())
	}
	if s.off && s.missed() { // request times of arrival again, without waiting for stampLook
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
