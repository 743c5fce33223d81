// Package delivery brings flushes to their destinations, and owns what all of them have in
// common: the queue, the order, the retries, the spool, and the counts.
//
//	d, err := delivery.Open(cfg) // opens all destinations, or undoes what it did
//	d.Start(ctx)
//	d.Show(interval)             // at each flush: what names collected, to Recorders
//	d.Offer(snapshot, interval)  // the points, to Sinks
//	d.End()                      // delivers the rest
//	d.Close()                    // ends the Recorders
//
// Nothing here waits for a slow or dead destination: no flush, and no other destination. A
// reload changes destinations by Plan and Apply.
//
// Delivery knows nothing of receiving or of the daemon. All that it has to tell is in States.
package delivery

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink"
	"github.com/statsd-ops/statsd/spool"
)

// Delivery is all destinations. Make it with Open. One goroutine flushes and applies changes; States may be called by any.
type Delivery struct {
	cfg Config

	mu      sync.RWMutex   // only the flushing goroutine changes what follows, and need not lock to read
	current []*destination // in the order of the configuration
	removed []*destination // by a reload, for their figures

	running   bool
	sending   sync.WaitGroup  // outlets
	recording sync.WaitGroup  // recordings
	until     context.Context // of recordings
	grace     context.Context // of outlets
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

// Start runs all destinations. Recorders end with ctx, at the latest.
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
	group, parent, doing := &d.sending, d.grace, "publishing"
	if n.records {
		group, parent, doing = &d.recording, d.until, "serving"
	}
	ctx, cancel := context.WithCancel(parent)
	n.change(func() { n.cancel = cancel })
	n.log.Info().Str("address", n.address).Msg(doing)
	group.Go(func() {
		defer cancel()
		n.serve(ctx)
	})
}

// Show lets the Recorders see an interval when it is summarised.
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

// EndInterval tells the Recorders that they have seen the whole interval.
func (d *Delivery) EndInterval(i sink.Interval) {
	for _, r := range d.recorders() {
		r.EndInterval(i)
	}
}

// recorders returns those of the current configuration.
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

// Offer gives a flush of that interval to all Sinks.
func (d *Delivery) Offer(sn *aggregate.Snapshot, interval time.Duration) {
	for _, n := range d.current {
		if o, ok := n.feed.(*outlet); ok {
			o.offer(sn, interval)
		}
	}
}

// CutOff ends the grace period: what is undelivered goes to the spool, or is lost.
func (d *Delivery) CutOff() { d.cutOff() }

// End delivers what Sinks were offered, until CutOff. It returns when they have ended.
func (d *Delivery) End() {
	for _, n := range slices.Concat(d.current, d.removed) {
		if !n.records {
			n.end()
		}
	}
	d.sending.Wait()
}

// Close ends what End leaves. Without Start it closes what Open has opened.
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

// States returns the state of each destination: those of the current configuration in its
// order, then those removed.
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
		return // the queues have logged it
	}
	for _, entry := range entries {
		dir := filepath.Join(d.cfg.SpoolDir, entry.Name())
		wanted := slices.ContainsFunc(d.cfg.Sinks, func(s Destination) bool { return s.spoolName() == entry.Name() })
		if bytes := spool.Bytes(dir); !wanted && bytes > 0 {
			d.cfg.Log.Warn().Str("dir", dir).Int64("bytes", bytes).
				Msg("undelivered points wait in a spool that has no sink: give a sink its name and format, or remove the directory")
		}
	}
}
