package intake

import (
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/internal/descriptors"
)

// maxTails limits the total bytes of unfinished lines, over all connections.
const maxTails = 64 << 20

// room limits the connections and their memory, and closes connections at a limit.
type room struct {
	lanes   []*lane
	log     zerolog.Logger
	started time.Time
	limits  atomic.Pointer[streamLimits]
	open    atomic.Int64
	peak    atomic.Int64  // peak of open
	left    chan struct{} // signals that a connection has ended
	tails   atomic.Int64  // total bytes of all tails
}

// streamLimits are the limits of connections.
type streamLimits struct {
	connections int           // maximum of open connections
	idle, line  time.Duration // idle is the limit since the last line, 0 for none; line is the limit for completing a line
}

func newRoom(lanes []*lane, cfg *Config) *room {
	r := &room{lanes: lanes, log: cfg.Log, started: time.Now(), left: make(chan struct{}, 1)}
	r.follow(&cfg.Limits)
	return r
}

// follow applies new limits.
func (r *room) follow(l *Limits) {
	r.limits.Store(&streamLimits{r.possible(l), l.TCPIdleTimeout, l.TCPLineTimeout})
}

// possible returns the number of connections that the limit of open files allows.
func (r *room) possible(l *Limits) int {
	possible := max(descriptors.Limit()-l.Reserved, 1)
	if l.MaxTCPConnections <= possible {
		return l.MaxTCPConnections
	}
	if is := r.limits.Load(); is == nil || is.connections != possible {
		r.log.Info().Int("asked", l.MaxTCPConnections).Int("possible", possible).
			Msg("too few open files are allowed for --max-tcp-connections; raise LimitNOFILE or ulimit -n")
	}
	return possible
}

// now returns the time since intake started. Changes of the clock do not affect it.
func (r *room) now() time.Duration { return time.Since(r.started) }

// enter counts an accepted connection.
func (r *room) enter() { r.peak.Store(max(r.peak.Load(), r.open.Add(1))) }

// leave counts an ended connection.
func (r *room) leave() {
	r.open.Add(-1)
	select {
	case r.left <- struct{}{}:
	default:
	}
}

// make waits for room for another connection. It closes one connection, or more if a reload has
// lowered the limit.
func (r *room) make() {
	for cut := int64(0); ; {
		over := r.open.Load() - int64(r.limits.Load().connections) + 1
		if over <= 0 {
			return
		}
		for cut < over && r.cutOldest(CutFull) {
			cut++
		}
		<-r.left
	}
}

// grow counts bytes of tails and closes a connection when there are too many.
func (r *room) grow(bytes int) {
	if bytes != 0 && r.tails.Add(int64(bytes)) > maxTails && bytes > 0 {
		r.cutOldest(CutMemory)
	}
}

// cutOldest closes the connection with the oldest unfinished line, or else the one that was idle
// longest. It returns false if there is no connection to close.
func (r *room) cutOldest(why CutReason) bool {
	return r.cutOldestOf((*ages).ofUnfinished, why) || r.cutOldestOf((*ages).ofResting, why)
}

func (r *room) cutOldestOf(list func(*ages) *ageList, why CutReason) bool {
	var oldest *lane
	since := r.now()
	for _, l := range r.lanes {
		l.shard.Lock()
		if first := list(&l.ages).first; first != nil && first.since <= since {
			oldest, since = l, first.since
		}
		l.shard.Unlock()
	}
	// The stream may have changed meanwhile. Then the next one is old enough.
	return oldest != nil && r.cutFirst(oldest, list(&oldest.ages), r.now(), why)
}

// cutFirst closes the first connection of a list, if its age is before the given time. Data that it
// has sent is still read.
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

// period returns the time between two checks of the connections.
func (l *streamLimits) period() time.Duration {
	shortest := l.line
	if l.idle > 0 {
		shortest = min(l.idle, l.line)
	}
	return min(max(shortest/8, 10*time.Millisecond), 5*time.Second)
}

// cutSilent closes connections that are silent for too long, until stopped is closed.
func (r *room) cutSilent(stopped <-chan struct{}) {
	for last := r.now(); ; {
		limits := r.limits.Load()
		idle, line, period := limits.idle, limits.line, limits.period()
		select {
		case <-time.After(period):
		case <-stopped:
			return
		}
		now := r.now()
		// After a pause of the process, first read the data that came meanwhile.
		if now-last < 3*period {
			for _, l := range r.lanes {
				for r.cutFirst(l, &l.ages.unfinished, now-line, CutUnfinished) {
				}
				for idle > 0 && r.cutFirst(l, &l.ages.resting, now-idle, CutIdle) {
				}
			}
		}
		last = now
	}
}
