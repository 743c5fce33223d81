package server

import (
	"syscall"
	"time"
)

// cutReason says why the daemon closed a connection.
type cutReason int

const (
	cutIdle       cutReason = iota // no line for --tcp-idle-timeout
	cutUnfinished                  // a line did not end within --tcp-line-timeout
	cutFull                        // to make room for another connection
	cutMemory                      // unfinished lines took too much memory
	cutReasons    = 4
)

var cutNames = [cutReasons]string{"idle", "unfinished", "full", "memory"}

const (
	// mostTails is how many bytes the unfinished lines of all connections may
	// take.
	mostTails = 64 << 20
	// lastSweep is how long a connection that is cut is still read: as long as
	// it has something, and not longer.
	lastSweep = 10 * time.Millisecond
	// reservedFiles is how many descriptors are kept for everything else: the
	// monitor, sinks, spools, notifiers.
	reservedFiles = 256
)

// streamLimits are those of a Config.
type streamLimits struct {
	most       int           // connections that may be open
	idle, line time.Duration // that one may take to end a line, at all and from its start; idle 0 for ever
}

// follow makes connections go by the limits of cfg.
func (t *streams) follow(cfg *Config) {
	t.limits.Store(&streamLimits{t.server.mostStreams(cfg), cfg.TCPIdleTimeout, cfg.TCPLineTimeout})
}

// mostStreams returns how many connections may be open, which the operating
// system may make less than what was asked for.
func (s *Server) mostStreams(cfg *Config) int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return cfg.MaxTCPConnections
	}
	files := max(int64(limit.Cur)-reservedFiles, int64(limit.Cur)/2)
	if int64(cfg.MaxTCPConnections) <= files {
		return cfg.MaxTCPConnections
	}
	s.log.Info().Int("asked", cfg.MaxTCPConnections).Int64("possible", files).
		Msg("fewer open files are allowed than --max-tcp-connections needs; raise LimitNOFILE or ulimit -n")
	return int(files)
}

// now is the time since the daemon's start: it does not jump with the clock.
func (t *streams) now() time.Duration { return time.Since(t.server.started) }

// makeRoom waits until there is room for another connection: one makes it, or
// more of them where a reload has lowered the limit.
func (t *streams) makeRoom() {
	for cut := int64(0); ; {
		over := t.open.Load() - int64(t.limits.Load().most) + 1
		if over <= 0 {
			return
		}
		for cut < over && t.cutOldest(cutFull) {
			cut++
		}
		<-t.left
	}
}

// cutOldest cuts the connection with the oldest unfinished line, or else the
// one that has rested longest. It reports false if there is none to cut.
func (t *streams) cutOldest(why cutReason) bool {
	return t.cutOldestOf((*ages).ofUnfinished, why) || t.cutOldestOf((*ages).ofResting, why)
}

func (t *streams) cutOldestOf(list func(*ages) *ageList, why cutReason) bool {
	var oldest *lane
	since := t.now()
	for _, l := range t.server.lanes {
		l.shard.Lock()
		if first := list(&l.ages).first; first != nil && first.age.since <= since {
			oldest, since = l, first.age.since
		}
		l.shard.Unlock()
	}
	// It may have moved on meanwhile: then the next one is old enough.
	return oldest != nil && t.cutFirst(oldest, list(&oldest.ages), t.now(), why)
}

// cutFirst cuts the first connection of a list if it stands there since before
// a moment. What it has sent is still read.
func (t *streams) cutFirst(l *lane, list *ageList, before time.Duration, why cutReason) bool {
	l.shard.Lock()
	defer l.shard.Unlock()
	st := list.first
	if st == nil || st.age.since > before {
		return false
	}
	list.remove(st)
	l.tally.tcpCut[why]++
	_ = st.conn.SetReadDeadline(time.Unix(1, 0))
	return true
}

// period is how often connections are looked at.
func (l *streamLimits) period() time.Duration {
	shortest := l.line
	if l.idle > 0 {
		shortest = min(l.idle, l.line)
	}
	return min(max(shortest/8, 10*time.Millisecond), 5*time.Second)
}

// cutSilent cuts connections that are silent for too long, until stop.
func (t *streams) cutSilent() {
	for last := t.now(); ; {
		limits := t.limits.Load()
		idle, line, period := limits.idle, limits.line, limits.period()
		select {
		case <-time.After(period):
		case <-t.stopped:
			return
		}
		now := t.now()
		// A process that was stopped has to read first what came meanwhile.
		if now-last < 3*period {
			for _, l := range t.server.lanes {
				for t.cutFirst(l, &l.ages.unfinished, now-line, cutUnfinished) {
				}
				for idle > 0 && t.cutFirst(l, &l.ages.resting, now-idle, cutIdle) {
				}
			}
		}
		last = now
	}
}
