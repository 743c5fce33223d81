package delivery

import (
	"context"
	"errors"
	"net"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/sink"
)

const (
	// maxPoint is more than an encoded point takes, whose name may have 64 KiB.
	maxPoint = 80 << 10
	// maxOffered is how many snapshots may wait to be encoded.
	maxOffered = 4
)

// outlet feeds a Sink. Its encoder makes payloads of snapshots, and its
// sender sends these in order, and again until they are taken. Offering never
// waits: no receiver, flush or other sink notices a slow one.
type outlet struct {
	*queue
	sink   sink.Sink // in use
	wanted Destination

	// mu guards what follows.
	offered    []*aggregate.Snapshot
	encoded    chan struct{} // closed when the encoder has ended
	patience   time.Duration // a send that takes longer is not prompt
	replayRate float64       // points per second from the spool
	pace       float64       // points per second that flushes make
	sent       sent
}

// sent is the outcome of sending.
type sent struct {
	attempts      Attempts
	failingSince  time.Time
	droppedBefore uint64 // points, when failing began
	lastError     error
	failed        time.Time // when an attempt failed last
	published     time.Time // when a payload was last delivered
	last          Sent      // of its flush, until then
	unconfirmed   int       // attempts in a row that ended so: see sink.Unconfirmed
}

func newOutlet(q *queue, d Destination) *outlet {
	return &outlet{queue: q, sink: d.Sink, wanted: d, encoded: make(chan struct{})}
}

// open opens the outlet's spool.
func (o *outlet) open(cfg *Config, before feed) error {
	o.tune(&cfg.Publish)
	if err := o.openSpool(&cfg.Spool, o.wanted.spoolName()); err != nil {
		return err
	}
	if before, ok := before.(*outlet); ok {
		before.mu.Lock()
		ledger, attempts := before.sums(), before.sent.attempts
		before.mu.Unlock()
		o.takeOver(ledger)
		o.sent.attempts = attempts
	}
	return nil
}

// close is for an outlet that does not run: it has written nothing.
func (o *outlet) close() error { return o.closeSpool() }

// tune takes over the settings that all outlets share.
func (o *outlet) tune(p *Publish) {
	o.change(func() {
		o.max, o.patience, o.replayRate = p.QueueBytes, p.SpoolAfter, float64(p.ReplayRate)
	})
}

// replace lets another sink of the same format take over all that waits, after the
// send at hand.
func (o *outlet) replace(d Destination) { o.change(func() { o.wanted = d }) }

// is reports whether the outlet has the sink d already.
func (o *outlet) is(d *Destination) bool {
	if d.Config == nil {
		return d.Sink == o.wanted.Sink
	}
	return reflect.DeepEqual(d.Config, o.wanted.Config)
}

// offer gives the outlet a snapshot to send.
func (o *outlet) offer(sn *aggregate.Snapshot, interval time.Duration) {
	o.change(func() {
		if len(o.offered) == maxOffered {
			o.withdraw(len(o.coming) - len(o.offered))
			o.offered = slices.Delete(o.offered, 0, 1)
		}
		o.announce(sn.Time, sn.Len())
		o.offered = append(o.offered, sn)
		o.pace = float64(sn.Len()) / interval.Seconds()
	})
}

// run encodes and sends until the outlet's life ends and nothing is left that can
// be sent, or ctx ends. What is left then goes to the spool.
func (o *outlet) run(ctx context.Context) {
	var encoding sync.WaitGroup
	encoding.Go(o.encode)
	o.send(ctx)
	encoding.Wait()
	o.spill() // what was encoded after the last send
	o.closeSink(o.sink)
	o.logLeft()
	if err := o.closeSpool(); err != nil {
		o.log.Error().Err(err).Msg("closing the spool failed")
	}
	o.abandon()
}

// encode turns snapshots into payloads until there are no more.
func (o *outlet) encode() {
	defer close(o.encoded)
	for {
		o.mu.Lock()
		for len(o.offered) == 0 && o.phase < ending {
			o.changed.Wait()
		}
		if len(o.offered) == 0 {
			o.mu.Unlock()
			return
		}
		sn, s := o.offered[0], o.sink
		o.offered = slices.Delete(o.offered, 0, 1)
		o.mu.Unlock()
		o.encodeSnapshot(sn, s)
		o.pushed()
	}
}

func (o *outlet) encodeSnapshot(sn *aggregate.Snapshot, s sink.Sink) {
	p := &payload{data: o.buffer(), flush: sn.Time}
	for point := range sn.Points() {
		before := len(p.data)
		if p.data = s.AppendPoint(p.data, point); len(p.data) == before {
			continue // the format cannot carry it: pushed counts it
		}
		p.units++
		if len(p.data) >= payloadBytes-maxPoint {
			o.push(p)
			p = &payload{data: o.buffer(), flush: sn.Time}
		}
	}
	o.push(p)
}

// current returns the sink to send to, and how long a prompt one takes at most.
// It is for the sending goroutine.
func (o *outlet) current() (sink.Sink, time.Duration) {
	o.mu.Lock()
	before := o.sink
	o.sink = o.wanted.Sink
	now, patience := o.sink, o.patience
	o.mu.Unlock()
	if now != before {
		o.log.Info().Msg("the sink's settings have changed: sending to the new one from now on")
		o.closeSink(before)
	}
	return now, patience
}

func (o *outlet) closeSink(s sink.Sink) {
	if err := s.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		o.log.Warn().Err(err).Msg("closing the sink failed")
	}
}

// state returns the state as it is now.
func (o *outlet) state() State {
	o.mu.Lock()
	defer o.mu.Unlock()
	return State{
		Ledger:   o.sums(),
		Attempts: o.sent.attempts, Failing: o.failing, FailingSince: o.sent.failingSince, LastError: o.sent.lastError,
		Unconfirmed: o.sent.unconfirmed, Failed: o.sent.failed, Published: o.sent.published, Last: o.sent.last,
		Oldest: o.oldestWaiting(), QueueBytes: o.bytes, MaxQueueBytes: o.max,
		SpoolBytes: o.stored.Bytes, MaxSpoolBytes: o.maxSpool, SpoolFault: o.fault(),
	}
}

// logLeft says at the end what was not delivered.
func (o *outlet) logLeft() {
	st := o.state()
	if st.Queued > 0 {
		o.log.Error().Uint64("points", st.Queued).AnErr("last_error", st.LastError).Msg("ended with points undelivered: they are lost (--spool-dir keeps them)")
	}
	if st.Spooled > 0 {
		o.log.Warn().Uint64("points", st.Spooled).AnErr("last_error", st.LastError).Msg("ended with points in the spool: the next start sends them")
	}
}
