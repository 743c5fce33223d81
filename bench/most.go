//go:build linux

package main

import "fmt"

// limit is the greatest rate without loss.
type limit struct {
	rate   float64 // metrics a second; 0: not looked for
	sender bool    // whether it was the sender that could go no faster
}

// most looks for the greatest rate that a daemon keeps up: less than 0.1 % lost, and
// less than a quarter of the buffer waiting at the end. It is right to about 10 %.
func (b *bench) most(p peer, w workload) (limit, error) {
	var good limit
	bad := 0.0
	for rate := 100_000.0; bad == 0 || bad > 1.1*good.rate; {
		m, err := b.paced(p, w, int(rate))
		if err != nil {
			return good, err
		}
		if m.received > 0.999 && m.leftQueue < pacedBuffer/4 {
			good = limit{m.sentRate, m.sentRate < 0.95*rate}
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
