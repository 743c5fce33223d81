package delivery

import (
	"context"
	"fmt"
	"time"

	"github.com/rs/zerolog"
)

// feed brings flushes to a destination: an outlet to a Sink, a recording to a Recorder.
type feed interface {
	// open takes what can be missing. It continues the counts of a feed of the same
	// kind and name that has ended, if there is one.
	open(cfg *Config, before feed) error
	// close undoes open. It is for a feed that does not run.
	close() error
	// run returns when the life of the destination ends, or ctx.
	run(ctx context.Context)
	state() State
	// is reports whether the feed has that configuration already.
	is(d *Destination) bool
}

// destination is one that runs, or has run.
type destination struct {
	*life
	feed
	name, address, format string
	records               bool // it has a Recorder
	log                   zerolog.Logger
}

func newDestination(d Destination, log zerolog.Logger) *destination {
	l := newLife()
	log = log.With().Str("sink", d.Name).Logger()
	n := &destination{life: l, name: d.Name, address: d.Address, format: d.Format, records: d.Recorder != nil, log: log}
	if n.records {
		n.feed = &recording{life: l, log: log, wanted: d}
	} else {
		n.feed = newOutlet(newQueue(l, &d, log), d)
	}
	return n
}

// fits reports an error if d cannot take the place, and the figures, of a destination of the same name.
func (n *destination) fits(d *Destination) error {
	switch {
	case n.records != (d.Recorder != nil):
		return fmt.Errorf("sink %s: was %s until now, and its figures cannot go on as those of %s; give the new one another name, or restart", d.Name, n.address, d.Address)
	case n.format != d.Format:
		return fmt.Errorf("sink %s: cannot change format: queued data is in the old one; give the new sink another name, or restart", d.Name)
	}
	return nil
}

// closePatience is how long a reload waits for a destination that is closing.
const closePatience = 2 * time.Second

// awaitEnd waits for a destination that ends.
func (n *destination) awaitEnd() error {
	select {
	case <-n.gone:
		return nil
	case <-time.After(closePatience):
		return fmt.Errorf("sink %s: was removed, and is still being closed: try again", n.name)
	}
}

// serve runs the destination until its life ends, or ctx.
func (n *destination) serve(ctx context.Context) {
	defer n.over()
	n.run(ctx)
}
