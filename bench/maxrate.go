//go:build linux

package main

import "fmt"

// limit is the highest rate without loss.
type limit struct {
	rate   float64 // metrics a second; 0: not measured
	sender bool    // the sender could not go faster
}

// maxRate finds the highest rate that a daemon keeps up with: less than 0.1 % is lost, and less
// than a quarter of the buffer waits at the end. The result is exact to about 10 %. A rate that fails is tried once
// more, because the machine may have been busy.
func (b *bench) maxRate(p peer, w workload) (limit, error) {
	w.steady = false // the traffic includes first names
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

// keepsUp returns the rate at which it sent, or 0 if that was too fast for the daemon.
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
