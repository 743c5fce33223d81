package signed

import (
	"math"
	"math/rand/v2"
	"sync"
	"time"
)

// maxPrints is the maximum number of signatures in a Window. They use up to 32 MiB. With a drift of
// 3 s, the maximum rate is 260,000 datagrams a second.
const maxPrints = 1 << 20

// Window remembers the signatures of accepted datagrams while the time of these datagrams is within
// the drift. It is safe for concurrent use.
type Window struct {
	drift int64 // in seconds
	max   int   // maximum number of signatures

	mu sync.Mutex
	// seconds contains the signatures for each second. Only senders with a valid key can add
	// signatures.
	seconds map[int64]*prints
	prints  int   // number of signatures, summed over all seconds
	looked  int64 // Unix time of the last call of forget, in seconds
	// forgotten is the latest second whose signatures were removed. Datagrams of this second or
	// earlier are never accepted, even after the clock was set back.
	forgotten int64
	seed      uint64
}

// stamp is the time of a datagram and the beginning of its signature.
type stamp struct {
	at   uint64 // Unix seconds
	mark uint64
}

// NewWindow returns a Window that accepts times up to drift before or after the daemon's time.
// drift is rounded up to seconds.
func NewWindow(drift time.Duration) *Window {
	return &Window{
		max:       maxPrints,
		drift:     int64((drift + time.Second - 1) / time.Second),
		seconds:   map[int64]*prints{},
		seed:      rand.Uint64(),
		forgotten: math.MinInt64,
	}
}

// judge checks the time of a correctly signed datagram, and whether it is a replay. The parameter
// now is in Unix seconds. If judge accepts the datagram, it remembers the signature.
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

// forget removes the signatures of all seconds before the parameter first.
func (w *Window) forget(first int64) {
	for at, second := range w.seconds {
		if at < first {
			delete(w.seconds, at)
			w.prints -= second.n
			w.forgotten = max(w.forgotten, at)
		}
	}
}
