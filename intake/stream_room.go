package intake

import (
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/internal/descriptors"
)

// maxTails is how many bytes the unfinished lines of all connections may
// take.
const maxTails = 64 << 20

// room bounds the connections and the memory that they take, and cuts them.
type room struct {
	lanes   []*lane
	log     zerolog.Logger
	started time.Time
	limits  atomic.Pointer[streamLimits]
	open    atomic.Int64
	peak    atomic.Int64  // of open
	left    chan struct{} // gets one, if there is room, when a connection has ended
	tails   atomic.Int64  // bytes of all tails
}

// streamLimits are those of a Config.
type streamLimits struct {
	connections int           // that may be open
	idle, line  time.Duration // time to complete a line, from the last one and from its start; idle 0 for ever
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

// possible returns how many connections the limit on open files allows.
func (r *room) possible(l *Limits) int {
	allowed := descriptors.Limit()
	possible := max(allowed-l.Reserved, 1)
	if l.MaxTCPConnections <= possible {
		return l.MaxTCPConnections
	}
	is := r.limits.Load()
	switch {
	case is != nil && is.connections == possible: // told
	case allowed <= l.Reserved:
		r.log.Warn().Int("allowed", allowed).Int("needed", l.Reserved+1).
			Msg("too few open files are allowed: publishing may fail while clients connect; raise LimitNOFILE or ulimit -n")
	default:
		r.log.Info().Int("asked", l.MaxTCPConnections).Int("possible", possible).
			Msg("fewer open files are allowed than --max-tcp-connections needs; raise LimitNOFILE or ulimit -n")
	}
	return possible
}

// now is the time since the start of intake: it does not jump with the clock.
func (r *room) now() time.Duration { return time.Since(r.started) }

// enter counts a connection that has been accepted.
func (r *room) enter() { r.peak.Store(max(r.peak.Load(), r.open.Add(1))) }

// leave counts a connection that has ended.
func (r *room) leave() {
	r.open.Add(-1)
	select {
	case r.left <- struct{}{}:
	default:
	}
}

// make waits until there is room for another connection: it cuts one, or
// more of them where a reload has lowered the limit.
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

// grow counts bytes of tails, and cuts a connection when they are too many.
func (r *room) grow(bytes int) {
	if bytes != 0 && r.tails.Add(int64(bytes)) > maxTails && bytes > 0 {
		r.cutOldest(CutMemory)
	}
}

// cutOldest cuts the connection with the oldest unfinished line, or else the
// one that was idle longest. It reports false if there is none to cut.
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
	// It may have moved on meanwhile: then the next one is old enough.
	return oldest != nil && r.cutFirst(oldest, list(&oldest.ages), r.now(), why)
}

// cutFirst cuts the first connection of a list if it is there since before
// a moment. What it has sent is still read.
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

// period is how often connections are checked.
func (l *streamLimits) period() time.Duration {
	shortest := l.line
	if l.idle > 0 {
		shortest = min(l.idle, l.line)
	}
	return min(max(shortest/8, 10*time.Millisecond), 5*time.Second)
}

// cutSilent cuts connections that are silent for too long, until stopped is closed.
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
		// A process that was stopped has to read first what came meanwhile.
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
