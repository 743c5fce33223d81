//go:build linux

package main

import "fmt"

// limit is the highest rate at which a daemon loses no metrics.
type limit struct {
	rate   float64 // metrics per second; 0 if not measured
	sender bool    // whether the rate was limited by the sender
}

// maxRate finds the highest rate that a daemon can keep up with. At this rate, the daemon loses less than 0.1 % of the
// metrics, and less than a quarter of its receive buffer is in use at the end. The result is exact to about 10 %. If
// the daemon fails at a rate, the rate is tried a second time, because the machine may have been busy.
func (b *bench) maxRate(p peer, w workload) (limit, error) {
	w.steady = false // the measured traffic includes new names
	var good limit
	bad := 0.0
	for rate := 100_000.0; bad == 0 || bad > 1.1*good.rate; {
		tried, err := b.keepsUp(p, w, rate)
		if err == nil && tried.rate == 0 {
			tried, err = b.keepsUp(p, w, rate)
		}
		if err != nil {
			return good, err
		}
		if tried.rate > 0 {
			good = tried
		} else {
			bad = rate
		}
		switch {
		case good.sender:
			return good, nil
		case bad == 0:
			rate *= 2
		default:
			rate = (good.rate + bad) / 2
		}
	}
	return good, nil
}

// keepsUp sends traffic at a rate. It returns the rate that the sender has reached, or 0 if this
// rate was too high for the daemon.
func (b *bench) keepsUp(p peer, w workload, rate float64) (limit, error) {
	m, err := b.paced(p, w, int(rate))
	if err != nil || m.received <= 0.999 || m.leftQueue >= pacedBuffer/4 {
		return limit{}, err
	}
	return limit{m.sentRate, m.sentRate < 0.95*rate}, nil
}

func (l limit) String() string {
	switch {
	case l.rate == 0:
		return ""
	case l.sender:
		return fmt.Sprintf("≥ %.2f", l.rate/1e6)
	default:
		return fmt.Sprintf("%.2f", l.rate/1e6)
	}
}
