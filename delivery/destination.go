package delivery

import (
	"context"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/sink"
)

// feed feeds a destination: an outlet feeds a Sink, and a recording feeds a Recorder.
type feed interface {
	// open opens the files and connections that the feed needs. If the parameter before is not nil,
	// it is an ended feed of the same kind and name. In this case the new feed continues the counts
	// of the ended feed.
	open(cfg *Config, before feed) error
	// close releases what the method open has opened. Call it only for a feed that does not run.
	close() error
	// run feeds the destination. It returns when the destination's life has ended, or when ctx has
	// ended.
	run(ctx context.Context)
	state() State
	// is reports whether the feed was made from the configuration d.
	is(d *Destination) bool
}

// destination is a destination that runs, or one that has ended. An ended destination is kept because the daemon still
// publishes its counts.
type destination struct {
	*life
	feed
	name, address, format string
	doing                 string // verb for the log: serving, forwarding or publishing
	records               bool   // the destination has a Recorder
	log                   zerolog.Logger
}

func newDestination(d Destination, log zerolog.Logger) *destination {
	l := newLife()
	log = log.With().Str("sink", d.Name).Logger()
	n := &destination{life: l, name: d.Name, address: d.Address, format: d.Format, doing: d.doing(), records: d.Recorder != nil, log: log}
	if n.records {
		n.feed = &recording{life: l, log: log, wanted: d}
	} else {
		n.feed = newOutlet(newQueue(l, &d, log), d)
	}
	return n
}

// reloads returns the running Recorder if it is a sink.Reloader, and if d has the configuration from
// which the Recorder was made. Such a Recorder can read its files again.
func (n *destination) reloads(d *Destination) (r sink.Reloader, ok bool) {
	if recording, records := n.feed.(*recording); records && n.is(d) {
		r, ok = recording.wanted.Recorder.(sink.Reloader)
	}
	return r, ok
}

// fits returns an error if the configuration d cannot replace the configuration of this destination, which has the same
// name.
func (n *destination) fits(d *Destination) error {
	switch {
	case n.records != (d.Recorder != nil):
		return fmt.Errorf("sink %s: cannot change from %s to %s under the same name, because the old and the new counts would mix; choose another name, or restart", d.Name, n.address, d.Address)
	case n.format != d.Format:
		return fmt.Errorf("sink %s: cannot change format: queued data is in the old format; choose another name, or restart", d.Name)
	}
	return nil
}

// closePatience is how long a reload waits for a destination that is still closing.
const closePatience = 2 * time.Second

// awaitEnd waits until the destination has ended.
func (n *destination) awaitEnd() error {
	select {
	case <-n.gone:
		return nil
	case <-time.After(closePatience):
		return fmt.Errorf("sink %s: was removed and is still closing: try again", n.name)
	}
}

// serve runs the destination until its life or ctx ends.
func (n *destination) serve(ctx context.Context) {
	defer n.over()
	n.run(ctx)
}
