package intake

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/intake/probe"
)

const (
	// maxProbes limits the number of running probes. At most one of each type runs at a time.
	maxProbes = 2
	// collectEvery is the time between two collections of lines from the lanes.
	collectEvery = 100 * time.Millisecond
)

// ErrEnding is returned for a query to an Intake that has ended.
var ErrEnding = errors.New("the daemon is ending")

// probes runs the probes of an Intake. Each probe has a goroutine. The goroutine waits until the
// time of the probe is over, removes the Looks from the lanes, and makes the answer.
type probes struct {
	in *Intake

	mu      sync.Mutex
	running []*asked
	ended   chan struct{} // closed by the method end
	ending  bool
	looking sync.WaitGroup
}

// asked is a running probe and the query that it answers.
type asked struct {
	plan
	looks   []*probe.Look // indexed by lane
	span    probe.Span    // while the probe runs, Until is the planned end
	done    chan struct{} // closed after answer is set
	gone    chan struct{} // closed when the last client has left
	answer  any
	askers  int
	readers []*probe.Tail
	over    bool // true when the readers have got the last line
}

// plan describes a probe before it starts.
type plan struct {
	kind, name string // kind is for example "top", name is for example "top by name"
	query      any    // the query without its duration and its limit; two equal queries share a probe
	lasts      time.Duration
	looks      func(lanes int, ends time.Time) ([]*probe.Look, error)
	// answer makes the answer at the end of the probe. It is nil for Tail, which returns lines while
	// the probe runs.
	answer func(*asked) any
}

// Top returns the names, prefixes, senders or kinds of metrics with the most samples. If a probe with the same
// query already runs, Top returns the result of that probe. The error is a *probe.Busy if another
// probe must end first.
func (in *Intake) Top(ctx context.Context, q probe.TopQuery) (*probe.Top, error) {
	answer, err := in.probes.ask(ctx, plan{
		kind: "top", name: "top by " + string(q.By), query: [2]string{string(q.By), q.Match}, lasts: q.For,
		looks: func(lanes int, ends time.Time) ([]*probe.Look, error) {
			return probe.NewTop(q, in.cfg.NameForm(), lanes, ends)
		},
		answer: func(r *asked) any { return probe.TopOf(q, r.looks, in.cfg.NameForm(), r.span) },
	})
	if err != nil {
		return nil, err
	}
	return answer.(*probe.Top), nil
}

// Senders returns the senders of the names that match the query. It shares probes and returns errors as Top does.
func (in *Intake) Senders(ctx context.Context, q probe.SendersQuery) (*probe.Senders, error) {
	answer, err := in.probes.ask(ctx, plan{
		kind: "senders", name: "senders of " + q.Match, query: q.Match, lasts: q.For,
		looks: func(lanes int, ends time.Time) ([]*probe.Look, error) {
			return probe.NewSenders(q, in.cfg.NameForm(), lanes, ends)
		},
		answer: func(r *asked) any { return probe.SendersOf(r.looks, in.cfg.NameForm(), r.span) },
	})
	if err != nil {
		return nil, err
	}
	return answer.(*probe.Senders), nil
}

// Tail returns matching lines as they arrive. The caller must close the result. Tail shares probes
// and returns errors as Top does.
func (in *Intake) Tail(q probe.TailQuery) (*probe.Tail, error) {
	key := q
	key.For, key.Limit = 0, 0
	r, err := in.probes.join(plan{
		kind: "tail", name: "tail of " + q.Match, query: key, lasts: q.For,
		looks: func(lanes int, ends time.Time) ([]*probe.Look, error) {
			return probe.NewTailLooks(q, in.cfg.NameForm(), lanes, ends)
		},
	})
	if err != nil {
		return nil, err
	}
	return in.probes.read(r, min(max(q.Limit, 1), probe.MaxLimit)), nil
}

// ask joins or starts a probe, and waits for its answer.
func (p *probes) ask(ctx context.Context, plan plan) (any, error) {
	r, err := p.join(plan)
	if err != nil {
		return nil, err
	}
	defer p.leave(r)
	select {
	case <-r.done:
		return r.answer, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// join returns the running probe with the same query. If there is none, it starts a probe.
func (p *probes) join(plan plan) (*asked, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ending {
		return nil, ErrEnding
	}
	for _, r := range p.running {
		if r.kind != plan.kind {
			continue
		}
		if r.query != plan.query {
			return nil, busy(r)
		}
		r.askers++
		return r, nil
	}
	if len(p.running) == maxProbes {
		return nil, busy(slices.MinFunc(p.running, func(a, b *asked) int { return a.span.Until.Compare(b.span.Until) }))
	}
	return p.start(plan)
}

func busy(r *asked) error {
	return &probe.Busy{Running: r.name, Left: max(time.Until(r.span.Until), 0)}
}

// start starts a probe. The caller holds p.mu.
func (p *probes) start(plan plan) (*asked, error) {
	now := time.Now()
	ends := now.Add(min(max(plan.lasts, collectEvery), probe.MaxFor))
	looks, err := plan.looks(len(p.in.lanes), ends)
	if err != nil {
		return nil, err
	}
	r := &asked{
		plan: plan, looks: looks, span: probe.Span{From: now, Until: ends}, askers: 1,
		done: make(chan struct{}), gone: make(chan struct{}),
	}
	p.running = append(p.running, r)
	for i, l := range p.in.lanes {
		l.shard.Lock()
		if l.probes == nil {
			l.probes = probe.NewLane(now)
		}
		l.probes.Add(looks[i])
		l.shard.Unlock()
	}
	p.looking.Go(func() { p.run(r) })
	return r, nil
}

// leave is called by each client when it no longer needs the answer. A probe without clients ends.
func (p *probes) leave(r *asked) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.askers--; r.askers == 0 {
		p.remove(r)
		close(r.gone)
	}
}

// remove removes a probe, so that another probe can start. The caller holds p.mu.
func (p *probes) remove(r *asked) {
	p.running = slices.DeleteFunc(p.running, func(o *asked) bool { return o == r })
}

// run waits until a probe ends, and makes its answer.
func (p *probes) run(r *asked) {
	p.wait(r)
	p.mu.Lock()
	p.remove(r)
	if now := time.Now(); now.Before(r.span.Until) {
		r.span.Until = now
	}
	p.mu.Unlock()
	if r.plan.answer == nil {
		p.collect(r)
	}
	for i, l := range p.in.lanes {
		l.shard.Lock()
		if l.probes != nil {
			l.probes.Remove(r.looks[i])
			if l.probes.Empty() {
				l.probes = nil
			}
		}
		l.shard.Unlock()
	}
	if r.plan.answer != nil {
		r.answer = r.plan.answer(r)
	}
	p.mu.Lock()
	r.over = true
	for _, t := range r.readers {
		t.End()
	}
	p.mu.Unlock()
	close(r.done)
}

// wait waits until a probe ends. It collects lines while it waits.
func (p *probes) wait(r *asked) {
	over := time.NewTimer(time.Until(r.span.Until))
	defer over.Stop()
	var tick <-chan time.Time
	if r.plan.answer == nil {
		ticker := time.NewTicker(collectEvery)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		select {
		case <-over.C:
			return
		case <-r.gone:
			return
		case <-p.ended:
			return
		case <-tick:
			p.collect(r)
		}
	}
}

// collect removes the stored lines from the lanes, and offers them to the readers.
func (p *probes) collect(r *asked) {
	lanes := make([]probe.Collected, len(r.looks))
	for i, l := range p.in.lanes {
		l.shard.Lock()
		lanes[i] = r.looks[i].Collect()
		l.shard.Unlock()
	}
	now := time.Now()
	all := probe.TailOf(lanes, p.in.cfg.NameForm(), probe.Span{From: r.span.From, Until: now})
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range r.readers {
		t.Offer(all, now)
	}
}

// read adds a reader of lines to a running probe.
func (p *probes) read(r *asked, limit int) *probe.Tail {
	p.mu.Lock()
	defer p.mu.Unlock()
	var t *probe.Tail
	t = probe.NewTail(limit, func() { p.unread(r, t) })
	r.readers = append(r.readers, t)
	if r.over {
		t.End()
	}
	return t
}

func (p *probes) unread(r *asked, t *probe.Tail) {
	p.mu.Lock()
	r.readers = slices.DeleteFunc(r.readers, func(o *probe.Tail) bool { return o == t })
	p.mu.Unlock()
	t.End()
	p.leave(r)
}

// end ends all probes. The answer of each probe is based on the samples that the probe has seen so
// far.
func (p *probes) end() {
	p.mu.Lock()
	if !p.ending {
		p.ending = true
		close(p.ended)
	}
	p.mu.Unlock()
	p.looking.Wait()
}
