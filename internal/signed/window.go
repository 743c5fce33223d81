package signed

import (
	"math"
	"math/rand/v2"
	"sync"
	"time"
)

// maxPrints is the number of signatures that a Window remembers. They take up to 32 MiB. With a drift of 3 s, the limit
// is 260,000 datagrams a second.
const maxPrints = 1 << 20

// Window remembers the signatures of accepted datagrams as long as their time is within the drift. Any
// number of goroutines may use it.
type Window struct {
	drift int64 // seconds
	max   int   // prints

	mu sync.Mutex
	// seconds has the prints of each second. Only senders with a key can add to it.
	seconds map[int64]*prints
	prints  int   // of all seconds
	looked  int64 // the second of the last call of forget
	// forgotten is the last second whose prints are gone. A datagram of this second or an earlier one is never
	// accepted, even if the clock is set back.
	forgotten int64
	seed      uint64
}

// stamp is the time and the signature of a datagram.
type stamp struct {
	at   uint64 // Unix seconds
	mark uint64
}

// NewWindow returns a Window for times that differ by at most drift, which is rounded up to seconds.
func NewWindow(drift time.Duration) *Window {
	return &Window{
		max:       maxPrints,
		drift:     int64((drift + time.Second - 1) / time.Second),
		seconds:   map[int64]*prints{},
		seed:      rand.Uint64(),
		forgotten: math.MinInt64,
	}
}

// judge decides about an authentic datagram at the time now, in Unix seconds. If it accepts the datagram, it remembers
// it.
func (w *Window) judge(s stamp, now int64) Verdict {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now != w.looked {
		w.looked = now
		w.forget(now - w.drift)
	}
	at := int64(min(s.at, math.MaxInt64))
	switch {
	case at > now+w.drift:
		return Early
	case at < now-w.drift || at <= w.forgotten:
		return Late
	}
	second := w.seconds[at]
	switch {
	case second != nil && second.has(s.mark):
		return Replayed
	case w.prints >= w.max:
		return Full
	case second == nil:
		second = newPrints(leastPrints, w.seed)
		w.seconds[at] = second
	}
	second.add(s.mark)
	w.prints++
	return Accepted
}

// forget forgets all seconds before first.
func (w *Window) forget(first int64) {
	for at, second := range w.seconds {
		if at < first {
			delete(w.seconds, at)
			w.prints -= second.n
			w.forgotten = max(w.forgotten, at)
		}
	}
}
