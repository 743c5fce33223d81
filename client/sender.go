package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// sender takes packets from the queue and sends them to the server. Only its goroutine uses the connection for
// writing.
type sender struct {
	cfg    Config
	queue  *queue
	agg    *aggregator // may be nil
	own    *ownStats   // nil if Config.StatsInterval is not set
	report *reporter

	ctx     context.Context // ends when the sender must stop
	cancel  context.CancelCauseFunc
	closing chan struct{} // closed when Close starts
	once    sync.Once
	done    chan struct{} // closed when the goroutine has ended

	signer   *signer // nil if Config.HMACKey is not set
	trains   trains  // GSO packets (UDP_SEGMENT); used with Config.OneLine
	conn     net.Conn
	unwatch  func() bool
	lost     chan error  // receives the error when the server closes conn; nil for datagrams
	dialing  chan dialed // receives the result of the running Dial; nil if no Dial is running
	since    time.Time   // time when conn was made
	failures int         // number of consecutive connections that failed or ended quickly
	hurried  bool        // Close has already shortened one pause

	hand       *packet // the packet that is being sent
	flushTimer *time.Timer
	flushSet   bool
	flushDue   bool
	merged     <-chan time.Time // ticks when the aggregator must be drained
	publish    <-chan time.Time // ticks when the client's own stats must be sent
	round      uint64           // number for the next call of agg.drain; 0 if the aggregator is already drained
}

// errDone ends the sender's context when there is nothing more to send.
var errDone = errors.New("nothing more to send")

func startSender(cfg Config, root *Client) *sender {
	s := &sender{
		cfg:        cfg,
		queue:      root.core.queue,
		agg:        root.core.agg,
		report:     startReporter(cfg, root.core.queue),
		closing:    make(chan struct{}),
		done:       make(chan struct{}),
		flushTimer: time.NewTimer(time.Hour),
	}
	s.flushTimer.Stop()
	if len(cfg.HMACKey) > 0 {
		s.signer = newSigner(cfg.HMACKey)
	}
	if cfg.StatsInterval > 0 {
		s.own = &ownStats{client: root.With("statsd_client")}
	}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	go s.run()
	return s
}

// hasten shortens one pause before the next attempt to connect.
func (s *sender) hasten() { s.once.Do(func() { close(s.closing) }) }

// close waits until the sender has sent everything. If ctx ends earlier, close stops the sender, and waits for its end
// at most for the time grace. close returns the error that Client.Close returns.
func (s *sender) close(ctx context.Context) error {
	s.hasten()
	s.queue.close()
	if s.queue.ended() && s.cfg.StatsInterval == 0 {
		s.cancel(errDone) // there is nothing to send, so no connection is needed
	}
	select {
	case <-s.done:
	case <-ctx.Done():
		s.cancel(endOf(ctx))
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-s.done:
		case <-timer.C:
			return s.outcome(fmt.Errorf("%w, and the connection to %s has not returned from Write or Close after %v",
				endOf(ctx), s.cfg.target(), grace), s.report.end())
		}
	}
	cause := context.Cause(s.ctx)
	if errors.Is(cause, errDone) || s.queue.snapshot().Dropped.Unsent == 0 {
		cause = nil // all lines were already sent or refused
	}
	return s.outcome(cause, s.report.end())
}

// outcome returns the error that Client.Close returns. cause is the reason why Close ended early,
// and log is an error of Config.Log. Both may be nil.
func (s *sender) outcome(cause, log error) error {
	stats := s.queue.snapshot()
	e := &DroppedError{Samples: stats.DroppedSamples, Cause: cause, Last: stats.LastError, Log: log, target: s.cfg.target()}
	if e.Last == log { //nolint:errorlint // the same error, not the same kind
		e.Last = nil
	}
	if e.Samples.Total() > 0 {
		return e
	}
	if err := cmp.Or(cause, log); err != nil {
		return fmt.Errorf("statsd client: close: %w", err)
	}
	return nil
}

// run sends packets until the queue or ctx has ended. A packet stays the current packet (s.hand) until all of it
// is sent or permanently refused.
func (s *sender) run() {
	defer close(s.done)
	defer s.end()
	if s.agg != nil {
		tick := time.NewTicker(s.cfg.Aggregate)
		defer tick.Stop()
		s.merged = tick.C
	}
	if s.own != nil {
		tick := time.NewTicker(s.cfg.StatsInterval)
		defer tick.Stop()
		s.publish = tick.C
	}
	for s.connect() {
		if s.hand == nil && !s.next() {
			break
		}
		if s.hand != nil {
			s.write()
		}
	}
}

func (s *sender) end() {
	if !s.finished() {
		s.report.failed(errors.New("a method of the connection ended the goroutine that called it (runtime.Goexit)"))
	}
	s.hangUp()
	s.flushTimer.Stop()
	s.queue.discard()
	s.cancel(errDone)
}

// next waits for a packet and makes it the current packet. If the connection was lost, it returns true without a
// packet. If there are no more packets, it returns false.
func (s *sender) next() bool {
	select { // check now, because the following wait can be long
	case <-s.merged:
		s.round = s.agg.round()
	case <-s.publish:
		s.own.renew()
	default:
	}
	for {
		if s.hand = s.own.next(); s.hand != nil {
			return true
		}
		if s.agg != nil && s.agg.drain(s.round) {
			s.round = 0
		}
		p, state := s.queue.pop(s.flushDue)
		s.flushDue = false
		switch state {
		case queueReady:
			s.hand = p
			return true
		case queueEnded:
			if !s.own.end() {
				return false
			}
			continue
		case queuePartial:
			if !s.flushSet {
				s.flushTimer.Reset(s.cfg.FlushInterval)
				s.flushSet = true
			}
		}
		select {
		case <-s.queue.wake:
		case <-s.flushTimer.C:
			s.flushSet, s.flushDue = false, true
		case <-s.merged:
			s.round = s.agg.round()
		case <-s.publish:
			s.own.renew()
		case err := <-s.lost:
			s.lost <- err // put the error back, because the method connect reads it
			return true
		case d := <-s.dialing:
			s.replace(d)
		case <-s.ctx.Done():
			return false
		}
	}
}

// finished reports whether there is nothing left to do.
func (s *sender) finished() bool {
	return s.ctx.Err() != nil || s.queue.ended() && (s.own == nil || s.own.ended)
}

// pause waits before the next attempt to connect. The start of Close shortens one pause.
func (s *sender) pause() bool {
	closing := s.closing
	if s.hurried {
		closing = nil
	}
	timer := time.NewTimer(s.delay())
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-closing:
		s.hurried = true
	case <-s.ctx.Done():
	}
	return !s.finished()
}

// delay returns the next pause: ReconnectDelay, doubled for each failure after the first one, up to ReconnectMax.
// A random part of up to half is subtracted, so that the clients of a restarted server do not all connect at the
// same time.
func (s *sender) delay() time.Duration {
	d := min(s.cfg.ReconnectDelay, s.cfg.ReconnectMax)
	for range s.failures - 1 {
		if d >= s.cfg.ReconnectMax/2 {
			d = s.cfg.ReconnectMax
			break
		}
		d *= 2
	}
	return d - rand.N(d/2+1)
}
