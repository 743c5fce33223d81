package delivery

import (
	"cmp"
	"context"
	"errors"
	"net"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/internal/cputime"
	"github.com/statsd-ops/statsd/sink"
)

const (
	// maxPoint is larger than any encoded point. The name of a point can have 64 KiB.
	maxPoint = 80 << 10
	// These constants limit the batches that wait to be encoded. fewOffered batches may always wait, even if they are
	// large. More batches, up to maxOffered, may wait only while all waiting batches together have fewer than manyUnits
	// units. So many small flushes can wait if the interval is short and the machine is busy.
	fewOffered = 4
	manyUnits  = 100_000
	maxOffered = 1000
)

// outlet feeds a Sink. The encoder turns batches into payloads. The sender sends the payloads in
// order, and repeats each one until the sink accepts it. The method take never blocks, so a slow
// sink does not delay anything else.
type outlet struct {
	*queue
	sink   sink.Sink // the sink that the sender uses
	wanted Destination
	cpu    *cputime.Meter

	// mu guards the fields below.
	offered    []Batch
	encoded    chan struct{} // closed when the encoder has ended
	patience   time.Duration // a send that takes longer is slow
	replayRate float64       // maximum number of points per second from the spool
	pace       float64       // number of points per second that flushes make
	sent       sent
}

// sent holds the results of sending so far.
type sent struct {
	attempts      Attempts
	failingSince  time.Time
	droppedBefore uint64 // number of dropped points when the failure began
	lastError     error
	failed        time.Time // when the last attempt failed
	tries         uint64    // number of failed attempts since the last success
	nextTry       time.Time // start of the next attempt
	published     time.Time // when the last payload was delivered
	last          Sent      // the flush of the last delivered payload
	unconfirmed   int       // number of consecutive attempts that ended with sink.Unconfirmed
	toldRefused   time.Time // time of the last log message about refused points
	untold        int       // number of points refused since the last log message about them
}

func newOutlet(q *queue, d Destination) *outlet {
	return &outlet{queue: q, sink: d.Sink, wanted: d, cpu: &cputime.Meter{}, encoded: make(chan struct{})}
}

// open opens the outlet's spool, if spools are configured.
func (o *outlet) open(cfg *Config, before feed) error {
	o.tune(&cfg.Publish)
	if cfg.CPU != nil {
		o.cpu = cfg.CPU
	}
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

// close closes an outlet that has not run.
func (o *outlet) close() error { return o.closeSpool() }

// tune applies the settings that are the same for all outlets.
func (o *outlet) tune(p *Publish) {
	o.change(func() {
		o.max, o.patience, o.replayRate = p.QueueBytes, p.SpoolAfter, float64(p.ReplayRate)
	})
}

// replace makes the outlet send its queue to another sink of the same format. The running send is
// completed first.
func (o *outlet) replace(d Destination) { o.change(func() { o.wanted = d }) }

// is reports whether d is the outlet's current configuration.
func (o *outlet) is(d *Destination) bool {
	if d.Config == nil {
		return d.Sink == o.wanted.Sink
	}
	return reflect.DeepEqual(d.Config, o.wanted.Config)
}

// batchOf returns the batch that encodes a snapshot.
func (o *outlet) batchOf(sn *aggregate.Snapshot) Batch {
	units := sn.Len()
	if o.wanted.takesRows() {
		units = sn.RowCount()
	}
	return Batch{Time: sn.Time, Units: units, Encode: func(emit func([]byte, int)) {
		o.mu.Lock()
		s := o.sink
		o.mu.Unlock()
		o.encodeSnapshot(sn, s, emit)
	}}
}

// take queues a batch for sending. The parameter number is the number of the batch: the Delivery numbers all its
// batches.
func (o *outlet) take(b Batch, interval time.Duration, number uint64) {
	o.change(func() {
		for o.crowded() {
			o.withdraw(len(o.coming) - len(o.offered))
			o.offered = slices.Delete(o.offered, 0, 1)
		}
		o.announce(announcement{flush: b.Time, since: cmp.Or(b.since, b.Time), number: number, units: b.Units})
		o.offered = append(o.offered, b)
		o.pace = float64(b.Units) / interval.Seconds()
	})
}

// crowded reports whether too many batches wait. In that case the method take drops the oldest
// batch. The caller holds mu.
func (o *outlet) crowded() bool {
	units := 0
	for _, b := range o.offered {
		units += b.Units
	}
	n := len(o.offered)
	return n >= fewOffered && units >= manyUnits || n == maxOffered
}

// run encodes and sends until the outlet's life ends and the queue is empty, or until ctx ends. It
// then moves undelivered payloads to the spool.
func (o *outlet) run(ctx context.Context) {
	var encoding sync.WaitGroup
	encoding.Go(o.encode)
	o.send(ctx)
	encoding.Wait()
	o.spill() // move the payloads that were encoded after the last send
	o.closeSink(o.sink)
	o.logLeft()
	if err := o.closeSpool(); err != nil {
		o.log.Error().Err(err).Msg("closing the spool failed")
	}
	o.abandon()
}

// encode turns batches into payloads until the outlet's life ends and no batch is left.
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
		b := o.offered[0]
		o.offered = slices.Delete(o.offered, 0, 1)
		o.mu.Unlock()
		o.encodeBatch(&b)
		o.pushed()
	}
}

// encodeBatch pushes the payloads of a batch.
func (o *outlet) encodeBatch(b *Batch) {
	defer o.cpu.Start()()
	b.Encode(func(data []byte, units int) {
		o.push(&payload{data: data, units: units, flush: b.Time})
	})
}

// encodeSnapshot emits the payloads of a flush. A unit that the format cannot represent adds no bytes; o.pushed counts
// such units later.
func (o *outlet) encodeSnapshot(sn *aggregate.Snapshot, s sink.Sink, emit func([]byte, int)) {
	data, units := o.buffer(0), 0
	add := func(longer []byte) {
		if len(longer) > len(data) {
			units++
		}
		data = longer
		if len(data) >= payloadBytes-maxPoint {
			emit(data, units)
			data, units = o.buffer(payloadBytes), 0 // more units may follow, so the next buffer has the size of a full payload
		}
	}
	switch s := s.(type) {
	case sink.RowSink:
		for row := range sn.Rows() {
			add(s.AppendRow(data, row))
		}
	case sink.PointSink:
		for point := range sn.Points() {
			add(s.AppendPoint(data, point))
		}
	}
	emit(data, units)
}

// current returns the sink to use, and the duration after which a send is slow. Only the sender
// calls it.
func (o *outlet) current() (sink.Sink, time.Duration) {
	o.mu.Lock()
	before := o.sink
	o.sink = o.wanted.Sink
	now, patience := o.sink, o.patience
	o.mu.Unlock()
	if now != before {
		o.log.Info().Msg("the sink's settings have changed: the sink now sends with the new settings")
		o.closeSink(before)
	}
	return now, patience
}

func (o *outlet) closeSink(s sink.Sink) {
	if err := s.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		o.log.Warn().Err(err).Msg("closing the sink failed")
	}
}

// state returns the state of the destination: the queue, the counts, and the results of sending.
func (o *outlet) state() State {
	o.mu.Lock()
	defer o.mu.Unlock()
	return State{
		Address: o.wanted.Address, Forwards: o.wanted.Forwards,
		Ledger:   o.sums(),
		Attempts: o.sent.attempts, Failing: o.failing, FailingSince: o.sent.failingSince, LastError: o.sent.lastError,
		Unconfirmed: o.sent.unconfirmed, Failed: o.sent.failed, Tries: o.sent.tries, NextTry: o.sent.nextTry, Published: o.sent.published, Last: o.sent.last,
		Oldest: o.oldestWaiting(), QueueBytes: o.bytes, MaxQueueBytes: o.max,
		SpoolBytes: o.stored.Bytes, MaxSpoolBytes: o.maxSpool, SpoolFault: o.fault(),
	}
}

// logLeft logs the number of undelivered points when the outlet ends.
func (o *outlet) logLeft() {
	st := o.state()
	if st.Queued > 0 {
		o.log.Error().Uint64(o.unit, st.Queued).AnErr("last_error", st.LastError).Msgf("ended with undelivered %[1]s: these %[1]s are lost (set --spool-dir to keep undelivered %[1]s)", o.unit)
	}
	if st.Spooled > 0 {
		o.log.Warn().Uint64(o.unit, st.Spooled).AnErr("last_error", st.LastError).Msgf("ended with %[1]s in the spool: the daemon sends these %[1]s after its next start", o.unit)
	}
}
