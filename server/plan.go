package server

import (
	"fmt"
	"reflect"
	"slices"
	"time"
)

const (
	// closePatience is how long a reload waits for an outlet that is closing.
	closePatience = 2 * time.Second
	// mostRetired bounds how many removed sinks the figures know.
	mostRetired = 100
)

// plan is what becomes of the outlets.
type plan struct {
	outlets  []*outlet // all that there will be
	begun    []*outlet // the new ones among them
	revived  []*outlet // those among them that were retired
	replaced map[*outlet]NamedSink
	retired  []*outlet
	grace    time.Duration // of the retired
}

// planOutlets works out what a configuration makes of the outlets there are, and
// opens the new ones' spools.
func (s *Server) planOutlets(cfg *Config) (*plan, error) {
	s.outletsMu.RLock()
	current, retired := s.outlets, s.retired
	s.outletsMu.RUnlock()
	p := &plan{replaced: map[*outlet]NamedSink{}, grace: cfg.Grace}
	for _, n := range cfg.Sinks {
		o, err := p.place(n, cfg, slices.Concat(current, retired))
		if err != nil {
			p.undo()
			return nil, err
		}
		p.outlets = append(p.outlets, o)
	}
	for _, o := range current {
		if !slices.Contains(p.outlets, o) {
			p.retired = append(p.retired, o)
		}
	}
	return p, nil
}

// place returns the outlet for a sink: one there is, or a new one.
func (p *plan) place(n NamedSink, cfg *Config, old []*outlet) (*outlet, error) {
	was := slices.IndexFunc(old, func(o *outlet) bool { return o.name == n.Name })
	if was < 0 {
		return p.begin(n, cfg)
	}
	o := old[was]
	if n.Format != o.wanted.Format {
		return nil, fmt.Errorf("sink %s: was one of another format until now, and what waits for it is written in that; "+
			"give the new one a name of its own, or restart", n.Name)
	}
	alive, revived := o.revive()
	if !alive {
		return p.succeed(o, n, cfg)
	}
	if revived {
		p.revived = append(p.revived, o)
	}
	if !o.has(n) {
		p.replaced[o] = n
	}
	return o, nil
}

// begin makes a new outlet.
func (p *plan) begin(n NamedSink, cfg *Config) (*outlet, error) {
	o, err := newOutlet(n, cfg)
	if err == nil {
		p.begun = append(p.begun, o)
	}
	return o, err
}

// succeed makes a new outlet in the place of one that ends, or has ended.
func (p *plan) succeed(before *outlet, n NamedSink, cfg *Config) (*outlet, error) {
	select {
	case <-before.ended:
	case <-time.After(closePatience):
		return nil, fmt.Errorf("sink %s: was removed, and is still being closed: try again", n.Name)
	}
	o, err := p.begin(n, cfg)
	if err == nil {
		o.takeOver(before)
	}
	return o, err
}

// has reports whether n is the outlet's sink already.
func (o *outlet) has(n NamedSink) bool {
	if n.Config == nil {
		return n.Sink == o.wanted.Sink
	}
	return reflect.DeepEqual(n.Config, o.wanted.Config)
}

// undo lets go of what the plan has opened.
func (p *plan) undo() {
	for _, o := range p.begun {
		_ = o.closeSpool() // nothing was written
	}
	for _, o := range p.revived {
		o.retire(p.grace)
	}
}

// changeOutlets carries the plan out.
func (s *Server) changeOutlets(p *plan) {
	s.outletsMu.Lock()
	s.outlets = p.outlets
	s.retired = slices.DeleteFunc(slices.Concat(s.retired, p.retired), func(r *outlet) bool {
		return slices.ContainsFunc(p.outlets, func(o *outlet) bool { return o.name == r.name })
	})
	forgotten := s.retired[:max(0, len(s.retired)-mostRetired)]
	s.retired = s.retired[len(forgotten):]
	s.outletsMu.Unlock()
	for _, o := range p.retired {
		o.retire(s.cfg.Grace)
	}
	for _, o := range forgotten {
		o.end()
		o.cancel()
	}
	for o, n := range p.replaced {
		o.replace(n)
	}
	for _, o := range p.outlets {
		o.tune(&s.cfg)
	}
	for _, o := range p.begun {
		s.startOutlet(o)
	}
}

// currentOutlets returns the outlets for others than the flush loop, which alone
// changes them and need not ask.
func (s *Server) currentOutlets() []*outlet {
	s.outletsMu.RLock()
	defer s.outletsMu.RUnlock()
	return s.outlets
}
