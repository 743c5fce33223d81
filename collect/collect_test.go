package collect

import (
	"testing"
	"time"

	"github.com/statsd-ops/statsd/link/linktest"
)

// Without faults each window is published once, as soon as all edges have reported it.
func TestQuiet(t *testing.T) {
	for seed := range uint64(8) {
		run(t, seed, func(w *world) {
			w.addEdges(3)
			w.addMember().want(w.all()...)
			w.window(0)
			for range 40 {
				w.window(w.random.IntN(60))
			}
			time.Sleep(time.Second)
			w.check()
			for at, n := range w.got.calls {
				if n != w.settings.Partitions {
					t.Errorf("window %d was published %d times by %d partitions", at, n, w.settings.Partitions)
				}
			}
			if sum := w.ledger(); sum.Duplicates+sum.Late+sum.Corrected+sum.Missing+sum.Refused > 0 {
				t.Errorf("%+v", sum)
			}
		})
	}
}

// Whatever happens, each point is the one that a single table makes of all samples.
func TestChaos(t *testing.T) {
	for seed := range uint64(30) {
		run(t, seed, func(w *world) { chaos(w, 60) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func chaos(w *world, windows int) {
	r := w.random
	w.addEdges(1 + r.IntN(4))
	for range 3 {
		w.addMember()
	}
	w.assign()
	w.engine.Fail(linktest.Faults{
		LoseAck: r.Float64() * 0.2, Refuse: r.Float64() * 0.1, Repeat: r.Float64() * 0.2, Break: r.Float64() * 0.05, StaleOld: r.Float64() * 0.1,
		Delay: time.Duration(1 + r.IntN(300)*int(time.Millisecond)),
	})
	for range windows {
		w.trouble()
		w.window(r.IntN(40))
	}
	w.settle()
	w.check()
	if sum := w.ledger(); sum.Lost+sum.Missing+sum.Damaged+sum.Refused > 0 {
		w.t.Errorf("%+v", sum)
	}
}

// assign gives the partitions to random members, some to two.
func (w *world) assign() {
	wanted := make([][]int, len(w.members))
	for _, p := range w.all() {
		m := w.random.IntN(len(w.members))
		wanted[m] = append(wanted[m], p)
		if w.random.IntN(10) == 0 {
			m = (m + 1) % len(w.members)
			wanted[m] = append(wanted[m], p)
		}
	}
	for i, m := range w.members {
		m.want(wanted[i]...)
	}
}

// trouble begins or ends something at random.
func (w *world) trouble() {
	r := w.random
	e, m := w.edges[r.IntN(len(w.edges))], w.members[r.IntN(len(w.members))]
	switch r.IntN(16) {
	case 0:
		m.kill()
		w.start(m)
	case 1:
		w.assign()
	case 2, 3:
		w.later(m.connection.Freeze, m.connection.Thaw, 40)
	case 4:
		w.later(func() { w.engine.Down(true) }, func() { w.engine.Down(false) }, 60)
	case 5, 6:
		mute := func(on bool) func() {
			return func() {
				e.mu.Lock()
				e.mute = on
				e.mu.Unlock()
			}
		}
		w.later(mute(true), mute(false), 120)
	case 7:
		e.start(w.settings.Partitions)
	}
}

// later begins something now, and ends it after some seconds.
func (w *world) later(begin, end func(), seconds int) {
	begin()
	d := time.Duration(w.random.IntN(seconds)+1) * time.Second
	w.sending.Go(func() {
		select {
		case <-time.After(d):
		case <-w.ctx.Done():
		}
		end()
	})
}
