package server

import (
	"fmt"
	"reflect"
	"slices"
)

// plan is what becomes of the outlets.
type plan struct {
	outlets  []*outlet // all that there will be
	begun    []*outlet // the new ones among them
	replaced map[*outlet]NamedSink
	retired  []*outlet
}

// planOutlets works out what a configuration makes of the outlets there are, and
// opens the new ones' spools.
func planOutlets(cfg *Config, old []*outlet) (*plan, error) {
	p := &plan{replaced: map[*outlet]NamedSink{}}
	for _, n := range cfg.Sinks {
		o, err := p.place(n, cfg, old)
		if err != nil {
			p.undo()
			return nil, err
		}
		p.outlets = append(p.outlets, o)
	}
	for _, o := range old {
		if !slices.Contains(p.outlets, o) {
			p.retired = append(p.retired, o)
		}
	}
	return p, nil
}

// place returns the outlet for a sink.
func (p *plan) place(n NamedSink, cfg *Config, old []*outlet) (*outlet, error) {
	for _, o := range old {
		switch {
		case o.name != n.Name:
			continue
		case o.has(n):
		case reflect.TypeOf(n.Sink) != reflect.TypeOf(o.wanted.Sink):
			return nil, fmt.Errorf("sink %s: was of another kind until now, and what waits for it is written for that; "+
				"give the new one a name of its own, or restart", n.Name)
		default:
			p.replaced[o] = n
		}
		return o, nil
	}
	o, err := newOutlet(n, cfg)
	if err == nil {
		p.begun = append(p.begun, o)
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
}

// changeOutlets carries the plan out.
func (s *Server) changeOutlets(p *plan) {
	s.outletsMu.Lock()
	s.outlets = p.outlets
	s.outletsMu.Unlock()
	for _, o := range p.retired {
		o.retire(s.cfg.Grace)
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
