package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// reporter passes failures and drops to Config.Log and Config.Logger, in a separate goroutine. If neither is set,
// there is no goroutine, and there are no events.
type reporter struct {
	cfg    Config
	queue  *queue
	events chan event
	quit   chan struct{} // closed when the method run must send the last reports and end
	once   sync.Once
	done   chan struct{} // closed when the method run has ended

	mu       sync.Mutex
	failures throttle  // for failures of the connection
	latest   time.Time // time of the last failure
	reports  throttle  // for errors from Client.Report

	told   Drops // the counts that were already reported; only the method run uses this field
	broken error // error of Log or Logger; valid after done is closed
}

type event struct {
	level slog.Level
	text  string
}

func startReporter(cfg Config, q *queue) *reporter {
	r := &reporter{
		cfg:      cfg,
		queue:    q,
		quit:     make(chan struct{}),
		done:     make(chan struct{}),
		failures: throttle{every: cfg.LogEvery},
		reports:  throttle{every: cfg.LogEvery},
	}
	if cfg.Log == nil && cfg.Logger == nil {
		close(r.done)
		return r
	}
	r.events = make(chan event, 16)
	q.dropped = make(chan struct{}, 1)
	go r.run()
	return r
}

// end waits for a limited time until everything is reported.
func (r *reporter) end() error {
	r.once.Do(func() { close(r.quit) })
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-r.done:
		return r.broken
	case <-timer.C:
		err := fmt.Errorf("Config.Log or Logger has not returned after %v", grace)
		r.queue.note(func(s *Stats) { s.LogLost += uint64(len(r.events)) + 1; s.LastError = err })
		return err
	}
}

// failed counts and reports a failed connection. With UDP, nothing shows that the server works
// again, so a minute without failures ends the series of failures.
func (r *reporter) failed(err error) {
	r.queue.failed(err)
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if r.cfg.Network == "udp" && now.Sub(r.latest) > time.Minute {
		r.failures.count = 0
	}
	r.latest = now
	if r.failures.allow() {
		r.say(slog.LevelWarn, fmt.Sprintf("%v (failure %d, %d lines queued)", err, r.failures.count, r.queue.snapshot().Queued))
	}
}

// recovered reports a successful connection after failures.
func (r *reporter) recovered() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failures.count > 0 {
		r.say(slog.LevelInfo, fmt.Sprintf("connected to %s after %d failures", r.cfg.target(), r.failures.count))
		r.failures.count = 0
	}
}

// reported is like failed, for errors from Client.Report.
func (r *reporter) reported(err error) {
	r.queue.failed(err)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reports.allow() {
		r.say(slog.LevelWarn, fmt.Sprintf("%v (error %d)", err, r.reports.count))
	}
}

func (r *reporter) say(level slog.Level, text string) {
	if r.events == nil {
		return
	}
	select {
	case r.events <- event{level, text}:
	default:
		r.queue.note(func(s *Stats) { s.LogLost++ })
	}
}

// run calls Log and Logger. Millions of lines can be dropped, so run checks only once a second whether lines were
// dropped.
func (r *reporter) run() {
	defer close(r.done)
	drops := throttle{every: r.cfg.LogEvery}
	dropped := r.queue.dropped
	rest := time.NewTimer(0)
	defer rest.Stop()
	for {
		select {
		case e := <-r.events:
			r.tell(e)
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
		case <-r.quit:
			for len(r.events) > 0 {
				r.tell(<-r.events)
			}
			r.tellDrops()
			return
		}
	}
}

// tellDrops reports the samples that were dropped since its last call.
func (r *reporter) tellDrops() {
	now, told := r.queue.snapshot().DroppedSamples, r.told
	for _, c := range []struct {
		now, told uint64
		why       string
	}{
		{now.QueueFull, told.QueueFull, fmt.Sprintf("the queue to %s is full (%d packets)", r.cfg.target(), r.cfg.QueueSize)},
		{now.TooLong, told.TooLong, fmt.Sprintf("lines are longer than Config.MaxPacketSize (%d bytes)", r.cfg.MaxPacketSize)},
		{now.Invalid, told.Invalid, "the name is empty, or the value is empty or not finite"},
		{now.Unsent, told.Unsent, fmt.Sprintf("%s did not accept the samples in time or at all", r.cfg.target())},
	} {
		if c.now > c.told {
			r.tell(event{slog.LevelWarn, fmt.Sprintf("%s: %d samples dropped so far", c.why, c.now)})
		}
	}
	r.told = now
}

// tell passes a line to Config.Log and Config.Logger.
func (r *reporter) tell(e event) {
	err := errors.New("Config.Log or Logger ended the goroutine that called it (runtime.Goexit)")
	defer func() {
		if err != nil {
			r.broken = err
			r.queue.note(func(s *Stats) { s.LogLost++; s.LastError = err })
		}
	}()
	defer caught(&err, "Config.Log or Logger")
	if r.cfg.Log != nil {
		r.cfg.Log("statsd client: " + e.text)
	}
	if r.cfg.Logger != nil {
		r.cfg.Logger.LogAttrs(context.Background(), e.level, "statsd client: "+e.text, slog.String("server", r.cfg.target()))
	}
	err = nil
}

// throttle allows the first t.every events of a series, and then each event whose number is a
// multiple of t.every, like ThrottleGuard in sprockets. If count is set to 0, a new series starts.
type throttle struct {
	every, count int
}

func (t *throttle) allow() bool {
	t.count++
	return t.count <= t.every || t.count%t.every == 0
}
