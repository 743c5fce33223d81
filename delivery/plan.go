package delivery

import (
	"errors"
	"fmt"
	"slices"
)

// maxRemoved is the maximum number of removed destinations whose counts are still published.
const maxRemoved = 100

// Change is the effect of a new configuration on the destinations. Plan creates it, and either
// Apply or Undo must be called.
type Change struct {
	of       *Delivery
	publish  Publish
	all      []*destination // the destinations after the change
	begun    []*destination // the new destinations
	revived  []*destination // the retired destinations that return to service
	replaced map[*outlet]Destination
	retired  []*destination
	restart  []string
	reload   []func() // functions that make the unchanged Recorders read their files again
}

// Plan compares a configuration with the current destinations, and opens the new ones. If a new
// destination cannot be opened, Plan closes all new ones and returns the error. Destinations that
// need a restart stay unchanged: see Restart.
func (d *Delivery) Plan(p Publish) (*Change, error) {
	d.mu.RLock()
	current, removed := d.current, d.removed
	d.mu.RUnlock()
	c := &Change{of: d, publish: p, replaced: map[*outlet]Destination{}}
	for _, wanted := range p.Sinks {
		n, err := c.place(wanted, slices.Concat(current, removed))
		if err != nil {
			return nil, errors.Join(err, c.Undo())
		}
		c.all = append(c.all, n)
	}
	for _, n := range current {
		if !slices.Contains(c.all, n) {
			c.retired = append(c.retired, n)
		}
	}
	return c, nil
}

// place returns the destination for a configuration: an existing destination that continues, or a
// new one.
func (c *Change) place(d Destination, old []*destination) (*destination, error) {
	was := slices.IndexFunc(old, func(n *destination) bool { return n.name == d.Name })
	if was < 0 {
		return c.begin(d, nil)
	}
	n := old[was]
	if err := n.fits(&d); err != nil {
		return nil, err
	}
	alive, revived := n.revive()
	if !alive {
		if err := n.awaitEnd(); err != nil {
			return nil, err
		}
		return c.begin(d, n.feed)
	}
	if revived {
		n.log.Info().Msg("the removed sink is configured again: the daemon continues to use it")
		c.revived = append(c.revived, n)
	}
	if r, ok := n.reloads(&d); ok {
		c.reload = append(c.reload, func() { r.Reload(d.Recorder) })
	}
	if o, ok := n.feed.(*outlet); ok && !n.is(&d) {
		c.replaced[o] = d
	} else if !n.is(&d) {
		c.restart = append(c.restart, "--sink of "+n.name) // a changed setting does not fit the history that the Recorder has stored
	}
	return n, nil
}

// begin opens a new destination. If the parameter before is not nil, it is the ended feed whose
// counts the new destination continues.
func (c *Change) begin(d Destination, before feed) (*destination, error) {
	n := newDestination(d, c.of.cfg.Log)
	cfg := c.of.cfg
	cfg.Publish = c.publish
	if err := n.open(&cfg, before); err != nil {
		if n.records {
			err = fmt.Errorf("sink %s: %w", d.Name, err)
		}
		return nil, err
	}
	c.begun = append(c.begun, n)
	return n, nil
}

// Restart returns the changed sinks that need a restart, as "--sink of NAME".
func (c *Change) Restart() []string { return c.restart }

// Undo closes the destinations that Plan has opened.
func (c *Change) Undo() (err error) {
	for _, n := range c.begun {
		err = errors.Join(err, n.close())
	}
	for _, n := range c.revived {
		n.retire(c.publish.Grace)
	}
	return err
}

// Apply starts the new destinations, retires the removed ones, and gives the changed settings to the others. Offer,
// Show and EndInterval must not run at the same time.
func (c *Change) Apply() {
	d := c.of
	d.cfg.Publish = c.publish
	d.mu.Lock()
	d.current = c.all
	d.removed = slices.DeleteFunc(slices.Concat(d.removed, c.retired), func(r *destination) bool {
		return slices.ContainsFunc(c.all, func(n *destination) bool { return n.name == r.name })
	})
	forgotten := d.removed[:max(0, len(d.removed)-maxRemoved)]
	d.removed = d.removed[len(forgotten):]
	d.mu.Unlock()
	for _, n := range c.retired {
		if n.retire(c.publish.Grace) {
			n.log.Info().Stringer("grace", c.publish.Grace).Msg("the sink was removed: delivering its queue")
		}
	}
	for _, n := range forgotten {
		n.expire()
	}
	for o, to := range c.replaced {
		o.replace(to)
	}
	for _, reload := range c.reload {
		reload()
	}
	for _, n := range c.all {
		if o, ok := n.feed.(*outlet); ok {
			o.tune(&c.publish)
		}
	}
	for _, n := range c.begun {
		d.start(n)
	}
}
