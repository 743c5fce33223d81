package intake

import (
	"cmp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/internal/clock"
	"github.com/statsd-ops/statsd/internal/descriptors"
)

// maxTails limits the total bytes of unfinished lines, over all connections.
const maxTails = 64 << 20

// room limits the number of connections and their memory, and closes connections when a limit is
// reached.
type room struct {
	lanes   []*lane
	log     zerolog.Logger
	started time.Time
	doors   []*acceptor
	limit   atomic.Int64 // maximum number of open connections
	open    atomic.Int64
	peak    atomic.Int64  // highest number of open connections so far
	turn    sync.Mutex    // locked while a new connection waits until an open connection is closed
	left    chan struct{} // signals that a connection has ended
	tails   atomic.Int64  // total size of the tails of all streams in bytes
}

func newRoom(lanes []*lane, doors []*acceptor, cfg *Config) *room {
	r := &room{lanes: lanes, doors: doors, log: cfg.Log, started: time.Now(), left: make(chan struct{}, 1)}
	r.follow(&cfg.Limits)
	return r
}

// follow applies new limits. A limit in the URL of a listener has precedence and does not change.
func (r *room) follow(l *Limits) {
	most := r.possible(l)
	r.limit.Store(int64(most))
	for _, a := range r.doors {
		own := a.Limits
		a.limits.Store(&streamLimits{
			connections: min(cmp.Or(own.Max, most), most),
			idle:        max(cmp.Or(own.Idle, l.TCPIdleTimeout), 0),
			line:        cmp.Or(own.Line, l.TCPLineTimeout),
		})
	}
}

// possible returns how many connections the process's limit of open files allows.
func (r *room) possible(l *Limits) int {
	allowed := descriptors.Limit()
	possible := max(allowed-l.Reserved, 1)
	if l.MaxTCPConnections <= possible {
		return l.MaxTCPConnections
	}
	switch {
	case r.limit.Load() == int64(possible): // the warning for this limit was already logged
	case allowed <= l.Reserved:
		r.log.Warn().Int("allowed", allowed).Int("needed", l.Reserved+1).
			Msg("too few open files are allowed: publishing may fail while clients connect; raise LimitNOFILE or ulimit -n")
	case possible < l.MaxTCPConnections/10*9: // a few connections less are not worth a message
		r.log.Info().Int("asked", l.MaxTCPConnections).Int("possible", possible).
			Msg("too few open files are allowed for --max-tcp-connections; raise LimitNOFILE or ulimit -n")
	}
	return possible
}

// now returns the time since intake started. Changes of the system clock do not affect it.
func (r *room) now() time.Duration { return time.Since(r.started) }

// leave counts a connection that has ended.
func (r *room) leave(a *acceptor) {
	a.open.Add(-1)
	r.open.Add(-1)
	select {
	case r.left <- struct{}{}:
	default:
	}
}

// admit waits until the limits allow another connection of the listener, and counts the connection. If a limit is
// reached, admit first closes an open connection, or several connections if a reload has lowered the limit. If the
// limit belongs to the listener, admit closes connections of this listener.
func (r *room) admit(a *acceptor) {
	r.turn.Lock()
	defer r.turn.Unlock()
	var cutOwn, cutAny int64
	for {
		own := a.open.Load() - int64(a.limits.Load().connections) + 1
		over := r.open.Load() - r.limit.Load() + 1
		if own <= 0 && over <= 0 {
			a.open.Add(1)
			r.peak.Store(max(r.peak.Load(), r.open.Add(1)))
			return
		}
		why := CutListener
		// The limit for all listeners needs these closings too, so it is the reason.
		if over >= own {
			why = CutFull
		}
		for cutOwn < own && r.cutOldest([]*acceptor{a}, why) {
			cutOwn++
		}
		for cutOwn+cutAny < over && r.cutOldest(r.doors, CutFull) {
			cutAny++
		}
		<-r.left
	}
}

// grow adds bytes, which may be negative, to the total size of tails. It closes a connection if the total is too large.
func (r *room) grow(bytes int) {
	if bytes != 0 && r.tails.Add(int64(bytes)) > maxTails && bytes > 0 {
		r.cutOldest(r.doors, CutMemory)
	}
}

// cutOldest closes the connection with the oldest unfinished line. If no connection has an unfinished line, it closes
// the connection that was idle longest. It considers only connections of the given listeners. It returns false if there
// is no connection to close.
func (r *room) cutOldest(of []*acceptor, why CutReason) bool {
	return r.cutOldestOf(of, (*ages).ofUnfinished, why) || r.cutOldestOf(of, (*ages).ofResting, why)
}

func (r *room) cutOldestOf(of []*acceptor, list func(*ages) *ageList, why CutReason) bool {
	var oldest *lane
	var number int
	since := r.now()
	for _, l := range r.lanes {
		l.shard.Lock()
		for _, a := range of {
			if first := list(&l.parts[a.number].ages).first; first != nil && first.since <= since {
				oldest, number, since = l, a.number, first.since
			}
		}
		l.shard.Unlock()
	}
	// The chosen stream may have received data since it was chosen. In that case cutFirst closes the
	// next stream of the list if it is old enough.
	return oldest != nil && r.cutFirst(oldest, list(&oldest.parts[number].ages), r.now(), why)
}

// cutFirst closes the first connection of a list, if it is older than the given time. Data that the
// client has already sent is still read.
func (r *room) cutFirst(l *lane, list *ageList, before time.Duration, why CutReason) bool {
	l.shard.Lock()
	defer l.shard.Unlock()
	first := list.first
	if first == nil || first.since > before {
		return false
	}
	list.remove(first)
	l.tally.TCPCut[why]++
	_ = first.conn.SetReadDeadline(time.Unix(1, 0))
	return true
}

// cutSilent closes connections whose idle or line timeout is over, until the channel stopped is
// closed.
func (r *room) cutSilent(stopped <-chan struct{}) {
	for last := r.now(); ; {
		period := 5 * time.Second
		for _, a := range r.doors {
			period = min(period, a.limits.Load().period())
		}
		select {
		case <-time.After(clock.UntilTick(time.Now(), period)):
		case <-stopped:
			return
		}
		now := r.now()
		// If the whole process was suspended for a while, the data that arrived in that time must be read
		// first.
		if now-last < 3*period {
			for _, a := range r.doors {
				r.cutSilentOf(a, now)
			}
		}
		last = now
	}
}

func (r *room) cutSilentOf(a *acceptor, now time.Duration) {
	limits := a.limits.Load()
	for _, l := range r.lanes {
		ages := &l.parts[a.number].ages
		for r.cutFirst(l, &ages.unfinished, now-limits.line, CutUnfinished) {
		}
		for limits.idle > 0 && r.cutFirst(l, &ages.resting, now-limits.idle, CutIdle) {
		}
	}
}
