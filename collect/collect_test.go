package collect

import (
	"slices"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/link/linktest"
	"github.com/statsd-ops/statsd/partial"
)

// Without faults, each window is published once, as soon as all edges have sent it.
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

// chaosSeeds returns the number of seeds for a test of chaos: full at full size, and a few otherwise.
func chaosSeeds(full uint64) uint64 {
	if !soak.All() {
		return 2
	}
	return soak.Pick(6, full)
}

// Under random faults, each published point equals the point that a single table without a cluster
// computes from all samples.
func TestChaos(t *testing.T) {
	for seed := range chaosSeeds(500) {
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

// assign assigns the partitions to random members. Some partitions get two members.
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

// trouble begins or ends a random fault.
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
		w.later(func() { e.setMute(true) }, func() { e.setMute(false) }, 120)
	case 7:
		e.start(w.settings.Partitions)
	}
}

// later has two functions as parameters. It calls begin at once, and calls end after a random time
// of at most the given number of seconds.
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

// With --late=count, messages that arrive after their window was closed are only counted.
func TestCount(t *testing.T) {
	run(t, 1, func(w *world) {
		w.correct = false
		w.addEdges(2)
		w.addMember().want(w.all()...)
		for range 3 {
			w.window(20)
		}
		time.Sleep(time.Second)
		w.edges[1].setMute(true)
		for range 2 {
			w.windowOf(w.edges[0], 10, true)
			w.windowOf(w.edges[1], 7, false)
		}
		time.Sleep(lateAt + time.Second)
		w.settle()
		w.check()
		if sum := w.ledger(); sum.Lost != 14 || sum.Late == 0 || sum.Corrected != 0 {
			t.Errorf("%+v", sum)
		}
	})
}

// The owner counts three kinds of messages that it cannot merge: messages older than the horizon,
// messages of an edge whose clock is wrong, and messages that no owner can decode. These messages
// do not affect other data.
func TestHarmless(t *testing.T) {
	run(t, 2, func(w *world) {
		w.addEdges(2)
		w.addMember().want(w.all()...)
		w.window(20)
		time.Sleep(time.Second)
		w.edges[1].setMute(true)
		w.windowOf(w.edges[1], 10, false)
		for range int(w.settings.Horizon/interval) + 2 {
			w.windowOf(w.edges[0], 1, true)
		}
		w.edges[1].setMute(false)
		w.windowOf(w.edges[1], 10, true)
		ahead := newEdge("ahead")
		ahead.start(w.settings.Partitions)
		ahead.flush(time.Now().Truncate(interval).Add(time.Hour).UnixNano())
		ahead.queue = append(ahead.queue, link.Message{ID: "x", Data: []byte("no message")}, foreign(w.settings.Partitions*2))
		w.sending.Go(func() { ahead.send(w.ctx, w.engine.Sender()) })
		w.settle()
		w.check()
		sum := w.ledger()
		if sum.Lost != 10 || sum.Late == 0 || sum.Future != uint64(w.settings.Partitions) || sum.Damaged != 1 || sum.Foreign != 1 {
			t.Errorf("%+v", sum)
		}
	})
}

// foreign returns a message of an edge whose number of partitions is wrong.
func foreign(partitions int) (m link.Message) {
	e, _ := partial.NewEncoder("foreign", 1, partitions)
	rows := partial.NewRows(partitions)
	end := time.Now().Truncate(interval).UnixNano()
	rows.Begin(end)
	e.Encode(partial.Interval{Number: 1, End: end}, rows, func(h partial.Header, b []byte) {
		if h.Partition == 0 {
			m = link.Message{Data: slices.Clone(b)}
		}
	})
	return m
}

// An owner is frozen between its commit and its publication. Another owner corrects the window in
// the meantime. When the first owner continues, it does not publish the old content of the window.
func TestFrozenAfterCommit(t *testing.T) {
	run(t, 3, func(w *world) {
		w.addEdges(2)
		a, b := w.addMember(), w.addMember()
		a.want(w.all()...)
		w.window(20)
		w.window(20)
		time.Sleep(time.Second)
		w.edges[1].setMute(true)
		// The owner closes the window 5 s after its end. The engine, which keeps messages and commits, stores this
		// commit. The owner gets the answer late, because its connection is frozen.
		w.sending.Go(func() {
			time.Sleep(interval + lateAt - 2*time.Second)
			a.connection.FreezeAfter()
			time.Sleep(30 * time.Second)
			a.connection.Thaw()
		})
		w.window(300)
		time.Sleep(lateAt + time.Second)
		b.want(w.all()...)
		time.Sleep(2 * time.Second)
		w.edges[1].setMute(false)
		time.Sleep(40 * time.Second)
		w.settle()
		w.check()
		if sum := w.ledger(); sum.Corrected == 0 {
			t.Errorf("nothing was corrected: %+v", sum)
		}
	})
}
