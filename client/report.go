package client

import (
	"fmt"
	"time"
)

// reporter tells Config.Log what goes wrong, from a goroutine of its own. Nil
// if there is no Config.Log.
type reporter struct {
	cfg      Config
	queue    *queue
	lines    chan string
	failures throttle  // only the sender's goroutine uses these two
	latest   time.Time // failure
	told     Stats     // when drops were last told; only run uses it
}

func startReporter(cfg Config, q *queue) *reporter {
	if cfg.Log == nil {
		return nil
	}
	r := &reporter{
		cfg:      cfg,
		queue:    q,
		lines:    make(chan string, 16),
		failures: throttle{every: cfg.LogEvery},
	}
	q.dropped = make(chan struct{}, 1)
	go r.run()
	return r
}

// stop ends the reporter, after it has told what it was given.
func (r *reporter) stop() {
	if r != nil {
		close(r.lines)
	}
}

// failed tells of a connection that failed. Nothing says that a UDP server is
// back, so there a minute without a failure ends the series.
func (r *reporter) failed(err error) {
	if r == nil {
		return
	}
	now := time.Now()
	if r.cfg.Network == "udp" && now.Sub(r.latest) > time.Minute {
		r.failures.count = 0
	}
	r.latest = now
	if !r.failures.allow() {
		return
	}
	r.say(fmt.Sprintf("statsd client: %v (failure %d, %d lines queued)", err, r.failures.count, r.queue.snapshot().Queued))
}

// recovered tells of a connection made after failures.
func (r *reporter) recovered() {
	if r == nil || r.failures.count == 0 {
		return
	}
	r.say(fmt.Sprintf("statsd client: connected to %s after %d failures", r.cfg.target(), r.failures.count))
	r.failures.count = 0
}

func (r *reporter) say(line string) {
	select {
	case r.lines <- line:
	default:
		r.queue.logLost()
	}
}

// run calls Config.Log. Drops can come by the million, so it looks at them once
// a second.
func (r *reporter) run() {
	drops := throttle{every: r.cfg.LogEvery}
	dropped := r.queue.dropped
	rest := time.NewTimer(0)
	for {
		select {
		case line, ok := <-r.lines:
			if !ok {
				r.tellDrops()
				return
			}
			r.cfg.Log(line)
		case <-dropped:
			if drops.allow() {
				r.tellDrops()
			}
			dropped = nil
			rest.Reset(time.Second)
		case <-rest.C:
			dropped = r.queue.dropped
			if len(dropped) == 0 {
				drops.count = 0
			}
		}
	}
}

// tellDrops tells what was dropped, if that was not told yet.
func (r *reporter) tellDrops() {
	s := r.queue.snapshot()
	if s.QueueFull > r.told.QueueFull {
		r.cfg.Log(fmt.Sprintf("statsd client: the queue to %s is full (%d packets): %d lines dropped so far",
			r.cfg.target(), r.cfg.QueueSize, s.QueueFull))
	}
	if s.TooLong > r.told.TooLong {
		r.cfg.Log(fmt.Sprintf("statsd client: lines longer than Config.MaxPacketSize (%d bytes): %d dropped so far",
			r.cfg.MaxPacketSize, s.TooLong))
	}
	if s.Invalid > r.told.Invalid {
		r.cfg.Log(fmt.Sprintf("statsd client: samples with an empty name, or a value that is empty or not finite: %d dropped so far", s.Invalid))
	}
	r.told = s
}

// throttle allows the first events of a series, then one in every, like
// sprockets' ThrottleGuard. Setting count to 0 begins another series.
type throttle struct {
	every, count int
}

func (t *throttle) allow() bool {
	t.count++
	return t.count <= t.every || t.count%t.every == 0
}
