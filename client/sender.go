package client

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// sender takes packets from the queue to the server. Its goroutine alone dials,
// writes and closes.
type sender struct {
	cfg    Config
	queue  *queue
	agg    *aggregator // may be nil
	report *reporter

	ctx     context.Context // ends when Close has waited long enough
	cancel  context.CancelCauseFunc
	closing chan struct{} // closed when Close begins
	once    sync.Once
	done    chan struct{} // closed when the goroutine has ended
	left    int           // lines dropped at the end; read after done

	conn     net.Conn
	unwatch  func() bool
	lost     chan struct{} // closed when the server ends conn; nil for datagrams
	again    chan net.Conn // gives another, since its name was looked up again; may be nil
	since    time.Time     // when conn was made
	failures int           // connections in a row that failed or soon broke
	hurried  bool          // closing has cut a wait short

	hand       *packet // being sent
	flushTimer *time.Timer
	flushSet   bool
	flushDue   bool
	merged     <-chan time.Time // ticks when the aggregator is to be drained
	round      uint64           // of the aggregator, until it is drained; else 0
}

func startSender(cfg Config, q *queue, agg *aggregator) *sender {
	s := &sender{
		cfg:        cfg,
		queue:      q,
		agg:        agg,
		closing:    make(chan struct{}),
		done:       make(chan struct{}),
		report:     startReporter(cfg, q),
		flushTimer: time.NewTimer(time.Hour),
	}
	s.flushTimer.Stop()
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	go s.run()
	return s
}

// hasten cuts the pauses before further attempts to connect short, once.
func (s *sender) hasten() { s.once.Do(func() { close(s.closing) }) }

// close lets the sender finish until ctx ends. It returns how many lines were
// dropped for want of time, and why.
func (s *sender) close(ctx context.Context) (left int, why error) {
	s.hasten()
	s.queue.close()
	if s.queue.ended() {
		s.cancel(nil) // an attempt to connect would be of no use
	}
	select {
	case <-s.done:
	case <-ctx.Done():
		s.cancel(ctx.Err())
		<-s.done
	}
	return s.left, context.Cause(s.ctx)
}

// run sends packets until the queue has ended or ctx has. A packet stays in
// hand until it is wholly sent or refused for good.
func (s *sender) run() {
	defer close(s.done)
	defer s.cancel(nil)
	defer s.report.stop()
	if s.agg != nil {
		tick := time.NewTicker(s.cfg.Aggregate)
		defer tick.Stop()
		s.merged = tick.C
	}
	for s.connect() {
		if s.hand == nil && !s.next() {
			break
		}
		if s.hand != nil {
			s.write()
		}
	}
	s.hangUp()
	s.flushTimer.Stop()
	s.left = s.queue.discard()
}

// next waits for a packet to take in hand. It returns true without one when the
// connection was lost, and false when there will be no more.
func (s *sender) next() bool {
	select {
	case <-s.merged: // it may be long until there is a wait
		s.round = s.agg.round()
	default:
	}
	for {
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
			return false
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
		case <-s.lost:
			return true
		case conn := <-s.again:
			s.replace(conn)
		case <-s.ctx.Done():
			return false
		}
	}
}

// pause waits before another attempt to connect. The first end of waiting
// comes early when Close begins.
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
	return s.ctx.Err() == nil && !s.queue.ended()
}

// delay is ReconnectDelay doubled with each failure after the first, at most
// ReconnectMax, less up to a half by chance, so that the clients of a restarted
// server do not come back all at once.
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
