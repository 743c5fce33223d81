// Package delivery delivers flushes to their destinations. It manages the queues and the spools, sends flushes in
// order, counts the results, and repeats failed sends.
//
//	d, err := delivery.Open(cfg)     // opens all destinations; if one fails, it closes the others
//	d.Start(ctx)
//	d.Show(interval)                 // at each flush: raw values for Recorders
//	d.Offer(snapshot, interval)      // points for Sinks
//	d.Forward(name, batch, interval) // payloads for a destination that forwards
//	d.End()                          // delivers the queues
//	d.Close()                        // stops the Recorders
//
// A slow or dead destination delays neither the flush nor other destinations. A reload changes the destinations with
// Plan and Apply.
//
// Package delivery depends neither on intake nor on the server. States returns the state of all destinations.
package delivery

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink"
	"github.com/statsd-ops/statsd/spool"
)

// Delivery manages all destinations. Open creates it. Offers and changes of the configuration must
// come from one goroutine. Any goroutine may call States.
type Delivery struct {
	cfg Config

	mu      sync.RWMutex   // guards the fields below; only the flushing goroutine changes them, so it reads them without the lock
	current []*destination // in the order of the configuration
	removed []*destination // removed by a reload; kept because the daemon still publishes their counts

	offered   atomic.Uint64 // number of flushes and batches so far
	running   bool
	sending   sync.WaitGroup  // running outlets
	recording sync.WaitGroup  // running recordings, each of which feeds a Recorder
	until     context.Context // ends when the recordings must end
	grace     context.Context // ends when the grace period is over
	cutOff    context.CancelFunc
}

// Open opens all destinations. If a destination cannot be opened, Open closes the destinations that are already open,
// and returns the error. Call Start to run the destinations.
func Open(cfg Config) (*Delivery, error) {
	d := &Delivery{cfg: cfg}
	c, err := d.Plan(cfg.Publish)
	if err != nil {
		return nil, err
	}
	d.current = c.all
	return d, nil
}

// Start runs all destinations. Recorders end when ctx ends, or when a reload removes them.
func (d *Delivery) Start(ctx context.Context) {
	d.running = true
	d.until = ctx
	d.grace, d.cutOff = context.WithCancel(ctx)
	for _, n := range d.current {
		d.start(n)
	}
	d.warnOfForgotten()
}

func (d *Delivery) start(n *destination) {
	group, parent := &d.sending, d.grace
	if n.records {
		group, parent = &d.recording, d.until
	}
	ctx, cancel := context.WithCancel(parent)
	n.change(func() { n.cancel = cancel })
	n.log.Info().Str("address", n.address).Msg(n.doing)
	group.Go(func() {
		defer cancel()
		n.serve(ctx)
	})
}

// Show connects the Recorders to an interval. Call it before iv.Summarize, which then passes the raw values of each
// name to the Recorders.
func (d *Delivery) Show(iv *aggregate.Interval) {
	recorders := d.recorders()
	switch len(recorders) {
	case 0:
	case 1:
		iv.Record = recorders[0].Record
	default:
		iv.Record = func(c *metric.Collected) {
			for _, r := range recorders {
				r.Record(c)
			}
		}
	}
}

// EndInterval tells the Recorders that the interval is complete.
func (d *Delivery) EndInterval(i sink.Interval) {
	for _, r := range d.recorders() {
		r.EndInterval(i)
	}
}

// recorders returns the Recorders of the current configuration.
func (d *Delivery) recorders() (all []sink.Recorder) {
	for _, n := range d.current {
		if r, ok := n.feed.(*recording); ok {
			all = append(all, r.wanted.Recorder)
		}
	}
	return all
}

// Records reports whether there is a Recorder.
func (d *Delivery) Records() bool { return len(d.recorders()) > 0 }

// Rows reports whether any Sink takes rows. The result expBins is the largest number of bins that one of these Sinks
// wants in a Row's Timer.
func (d *Delivery) Rows() (rows bool, expBins int) {
	for _, n := range d.current {
		if o, ok := n.feed.(*outlet); ok && o.wanted.takesRows() {
			rows, expBins = true, max(expBins, o.wanted.ExpBins)
		}
	}
	return rows, expBins
}

// Offer queues a flush for all Sinks. It returns the flush's number.
func (d *Delivery) Offer(sn *aggregate.Snapshot, interval time.Duration) uint64 {
	return d.offer(sn, interval, sn.Time)
}

// OfferPast is like Offer, but the timestamp of the flush may be old. The parameter interval is the average time
// between two calls of OfferPast. To avoid full queues, call AwaitRoom first.
func (d *Delivery) OfferPast(sn *aggregate.Snapshot, interval time.Duration) uint64 {
	return d.offer(sn, interval, time.Now().Unix())
}

func (d *Delivery) offer(sn *aggregate.Snapshot, interval time.Duration, since int64) uint64 {
	number := d.offered.Add(1)
	for _, o := range d.outlets() {
		b := o.batchOf(sn)
		b.since = since
		o.take(b, interval, number)
	}
	return number
}

// outlets returns the outlets of the current Sinks.
func (d *Delivery) outlets() (all []*outlet) {
	for _, n := range d.current {
		if o, ok := n.feed.(*outlet); ok && !o.wanted.Forwards {
			all = append(all, o)
		}
	}
	return all
}

// Settled returns the number of the latest flush up to which all flushes are settled. A flush is
// settled when no part of it waits in memory: each part is delivered, spooled, or dropped and
// counted. Any goroutine may call Settled.
func (d *Delivery) Settled() uint64 {
	d.mu.RLock()
	settled, all := d.offered.Load(), d.outlets()
	d.mu.RUnlock()
	last := settled
	for _, o := range all {
		settled = min(settled, o.settled(last))
	}
	return settled
}

// AwaitRoom waits until the queue of each Sink has free capacity. It does not wait for the queues of failing Sinks. Any
// goroutine may call it.
func (d *Delivery) AwaitRoom(ctx context.Context) {
	d.mu.RLock()
	all := d.outlets()
	d.mu.RUnlock()
	for _, o := range all {
		o.awaitRoom(ctx)
	}
}

// Batch is the part of a flush that is meant for a destination.
type Batch struct {
	Time  int64 // Unix seconds
	Units int
	// Encode calls the function emit with each payload, and with the number of units in the payload,
	// which is at least 1. A goroutine of the destination calls Encode once. If the destination is too
	// far behind, the batch is dropped and Encode is not called.
	Encode func(emit func(data []byte, units int))

	since int64 // when the batch was offered, in Unix seconds; if it is 0, the field Time is used
}

// Forward queues a batch for the forwarding destination with this name.
func (d *Delivery) Forward(name string, b Batch, interval time.Duration) {
	for _, n := range d.current {
		if o, ok := n.feed.(*outlet); ok && o.wanted.Forwards && n.name == name {
			o.take(b, interval, d.offered.Add(1))
		}
	}
}

// CutOff ends the grace period. Undelivered points go to the spool or are lost.
func (d *Delivery) CutOff() { d.cutOff() }

// End delivers the queued flushes until CutOff is called. It returns when all outlets have ended.
func (d *Delivery) End() {
	for _, n := range slices.Concat(d.current, d.removed) {
		if !n.records {
			n.end()
		}
	}
	d.sending.Wait()
}

// Close stops the Recorders. Call it after End. If Start was not called, Close also closes everything that Open has
// opened.
func (d *Delivery) Close() (err error) {
	for _, n := range d.current {
		if !d.running {
			err = errors.Join(err, n.close())
		}
		n.end()
	}
	d.recording.Wait()
	return err
}

// States returns the states of the current destinations in the order of the configuration, followed
// by the states of the removed destinations.
func (d *Delivery) States() []State {
	d.mu.RLock()
	current, removed := d.current, d.removed
	d.mu.RUnlock()
	states := make([]State, 0, len(current)+len(removed))
	for i, n := range slices.Concat(current, removed) {
		st := n.state()
		st.Name, st.Removed = n.name, i >= len(current)
		states = append(states, st)
	}
	return states
}

// warnOfForgotten logs a warning about each spool that belongs to no configured sink.
func (d *Delivery) warnOfForgotten() {
	if d.cfg.SpoolDir == "" {
		return
	}
	entries, err := os.ReadDir(d.cfg.SpoolDir)
	if err != nil {
		return // the sink is configured, and its queue has already logged the spool's content
	}
	for _, entry := range entries {
		dir := filepath.Join(d.cfg.SpoolDir, entry.Name())
		wanted := slices.ContainsFunc(d.cfg.Sinks, func(s Destination) bool { return s.spoolName() == entry.Name() })
		if bytes := spool.Bytes(dir); !wanted && bytes > 0 {
			d.cfg.Log.Warn().Str("dir", dir).Int64("bytes", bytes).
				Msg("a spool has undelivered points, but no sink: configure a sink with the name and the format of the spool, or remove the directory")
		}
	}
}
