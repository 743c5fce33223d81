// Package delivery brings flushes to their destinations. It owns the queues, the order, the retries,
// the spools and the counts.
//
//	d, err := delivery.Open(cfg)     // opens all destinations, or none
//	d.Start(ctx)
//	d.Show(interval)                 // at each flush: raw values for Recorders
//	d.Offer(snapshot, interval)      // points for Sinks
//	d.Forward(name, batch, interval) // payloads made elsewhere
//	d.End()                          // delivers the queues
//	d.Close()                        // stops the Recorders
//
// A slow or dead destination delays neither the flush nor another destination. A reload changes the
// destinations with Plan and Apply.
//
// Delivery does not know intake or the daemon. It reports in States.
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

// Delivery manages all destinations. Make it with Open. One goroutine flushes and applies changes.
// Any goroutine may call States.
type Delivery struct {
	cfg Config

	mu      sync.RWMutex   // guards the fields below. Only the flushing goroutine changes them, so it reads them without the lock
	current []*destination // in configuration order
	removed []*destination // removed by a reload, but their figures remain

	offered   atomic.Uint64 // number of flushes and batches so far
	running   bool
	sending   sync.WaitGroup  // running outlets
	recording sync.WaitGroup  // running recordings
	until     context.Context // context of recordings
	grace     context.Context // context of outlets
	cutOff    context.CancelFunc
}

// Open opens all destinations, or none. It starts nothing.
func Open(cfg Config) (*Delivery, error) {
	d := &Delivery{cfg: cfg}
	c, err := d.Plan(cfg.Publish)
	if err != nil {
		return nil, err
	}
	d.current = c.all
	return d, nil
}

// Start runs all destinations. Recorders end when ctx ends, or earlier.
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

// Show lets the Recorders see the raw values of an interval, while it is summarised.
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

// Rows reports whether a Sink takes rows, and the maximum number of bins in a Row's Timer.
func (d *Delivery) Rows() (rows bool, expBins int) {
	for _, n := range d.current {
		if o, ok := n.feed.(*outlet); ok && o.wanted.takesRows() {
			rows, expBins = true, max(expBins, o.wanted.ExpBins)
		}
	}
	return rows, expBins
}

// Offer queues a flush for all Sinks, and returns its number.
func (d *Delivery) Offer(sn *aggregate.Snapshot, interval time.Duration) uint64 {
	return d.offer(sn, interval, sn.Time)
}

// OfferPast is Offer for a flush whose time may be long ago. One such flush comes each interval. Call AwaitRoom first
// to wait for room.
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

// Settled returns the number of the newest settled flush whose earlier flushes are settled too. A flush is settled when
// no part of it waits in memory: it is delivered, spooled, or dropped and counted. Any goroutine may call it.
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

// AwaitRoom waits until the working Sinks have taken most of the offered points. Any goroutine may call it.
func (d *Delivery) AwaitRoom(ctx context.Context) {
	d.mu.RLock()
	all := d.outlets()
	d.mu.RUnlock()
	for _, o := range all {
		o.awaitRoom(ctx)
	}
}

// Batch is the part of a flush that a destination gets.
type Batch struct {
	Time  int64 // Unix seconds
	Units int
	// Encode calls emit with each payload and the number of its units, at least 1. A goroutine of the
	// destination calls it once, or never if the destination is too far behind.
	Encode func(emit func(data []byte, units int))

	since int64 // when it was offered, in Unix seconds; 0 means Time
}

// Forward queues a batch for the destination with this name, which forwards.
func (d *Delivery) Forward(name string, b Batch, interval time.Duration) {
	for _, n := range d.current {
		if o, ok := n.feed.(*outlet); ok && o.wanted.Forwards && n.name == name {
			o.take(b, interval, d.offered.Add(1))
		}
	}
}

// CutOff ends the grace period. Undelivered points go to the spool or are lost.
func (d *Delivery) CutOff() { d.cutOff() }

// End delivers the queued flushes until CutOff, and waits for the outlets to end.
func (d *Delivery) End() {
	for _, n := range slices.Concat(d.current, d.removed) {
		if !n.records {
			n.end()
		}
	}
	d.sending.Wait()
}

// Close stops the Recorders after End. Without Start it closes what Open opened.
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

// States returns the state of each destination, first the current ones in configuration order, then
// the removed ones.
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

// warnOfForgotten warns about spools that have no sink.
func (d *Delivery) warnOfForgotten() {
	if d.cfg.SpoolDir == "" {
		return
	}
	entries, err := os.ReadDir(d.cfg.SpoolDir)
	if err != nil {
		return // the queue of a configured sink has already logged its spool
	}
	for _, entry := range entries {
		dir := filepath.Join(d.cfg.SpoolDir, entry.Name())
		wanted := slices.ContainsFunc(d.cfg.Sinks, func(s Destination) bool { return s.spoolName() == entry.Name() })
		if bytes := spool.Bytes(dir); !wanted && bytes > 0 {
			d.cfg.Log.Warn().Str("dir", dir).Int64("bytes", bytes).
				Msg("undelivered points wait in a spool without a sink: configure a sink with its name and format, or remove the directory")
		}
	}
}
