package collect

import (
	"testing"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/link/linktest"
)

// successor creates a cluster that replaces the cluster of w at the time in the parameter from. The new cluster has
// the given number of partitions. All edges know the time of the handover, and send to both clusters.
func (w *world) successor(partitions int, from time.Time) *world {
	settings := testSettings(partitions)
	next := &world{
		t: w.t, ctx: w.ctx, random: w.random, settings: settings, layout: w.layout, engine: linktest.New(settings, w.random.Uint64()), correct: w.correct,
		one: aggregate.NewTable(testTable()), expected: w.expected, got: w.got,
	}
	next.change = func(c *Config) { c.From = from }
	w.change = func(c *Config) { c.Until, c.Successor = from, next.engine.Sender }
	for _, e := range w.edges {
		to := newEdge(e.name)
		to.start(partitions)
		e.next, e.from, next.edges = to, from.UnixNano(), append(next.edges, to)
		w.sending.Go(func() { to.send(w.ctx, next.engine.Sender()) })
	}
	for _, m := range w.members { // restart the owners, which read their settings only at the start
		m.kill()
		w.start(m)
	}
	return next
}

// rest waits until both clusters have processed all messages. It then compares all points, and returns the counts of
// both clusters.
func (w *world) rest(next *world) (old, new Counts) {
	w.t.Helper()
	next.settle()
	w.settle()
	for rounds := 0; w.waits()+next.waits() > 0 && rounds < 100; rounds++ { // this takes many rounds, because a slow correction delays the next correction for a long time
		time.Sleep(interval)
	}
	time.Sleep(interval)
	for _, m := range w.members {
		for _, st := range m.owner.Partitions() {
			if st.Owned && (!st.Over || !st.HandedOver) {
				w.t.Errorf("partition %d of the old cluster: over %v, handed over %v", st.Partition, st.Over, st.HandedOver)
			}
		}
	}
	w.check()
	old, new = w.messages(), next.messages()
	if old.Samples+new.Samples != w.samples || old.Lost+new.Lost > 0 {
		w.t.Errorf("%d samples were sent: %d are merged in the old cluster and %d in the new one, lost are %d and %d", w.samples, old.Samples, new.Samples, old.Lost, new.Lost)
	}
	w.members = append(w.members, next.members...) // so that these members are stopped with the others
	return old, new
}

// waits returns the number of messages that are not in a commit yet.
func (w *world) waits() (n int) {
	for _, m := range w.members {
		for _, st := range m.owner.Partitions() {
			if st.Owned {
				n += st.Held
			}
		}
	}
	return n
}

// old configures the cluster to have 2 partitions.
func (w *world) old() {
	w.settings = testSettings(2)
	w.engine = linktest.New(w.settings, w.random.Uint64())
}

// A cluster with 8 partitions follows a cluster with 2. Each point equals the point that a single
// table without a cluster computes from all samples. Each window is published by one of the
// clusters. The new cluster knows the gauges and the idle names of the old cluster.
func TestSuccessor(t *testing.T) {
	for seed := range uint64(8) {
		run(t, seed, func(w *world) {
			w.old()
			w.correct = seed%2 == 0
			w.addEdges(3)
			w.addMember().want(w.all()...)
			for range 15 {
				w.window(w.random.IntN(30))
			}
			from := time.Now().Truncate(interval).Add(4 * interval)
			next := w.successor(8, from)
			next.addMember().want(next.all()...)
			for range 4 + 15 {
				w.window(w.random.IntN(30))
			}
			if _, new := w.rest(next); new.Missing+new.Late+new.Foreign+new.Refused > 0 {
				t.Errorf("%+v", new)
			}
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// TestSuccessorChaos repeats TestSuccessor. During the test, edges and owners of both clusters are killed,
// disconnected and delayed.
func TestSuccessorChaos(t *testing.T) {
	for seed := range chaosSeeds(300) {
		run(t, seed, func(w *world) {
			w.old()
			w.addEdges(1 + w.random.IntN(4))
			for range 2 {
				w.addMember()
			}
			w.assign()
			faults := linktest.Faults{LoseAck: w.random.Float64() * 0.2, Refuse: w.random.Float64() * 0.1, Repeat: w.random.Float64() * 0.2, Delay: 200 * time.Millisecond}
			w.engine.Fail(faults)
			for range 20 {
				w.trouble()
				w.window(w.random.IntN(30))
			}
			next := w.successor(8, time.Now().Truncate(interval).Add(5*interval))
			next.addMember()
			next.addMember()
			next.assign()
			next.engine.Fail(faults)
			for range 30 {
				w.trouble()
				next.trouble()
				w.window(w.random.IntN(30))
			}
			w.rest(next)
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// If a message belongs to a window of another cluster, it is counted as foreign, and its samples as
// lost.
func TestElsewhere(t *testing.T) {
	run(t, 1, func(w *world) {
		w.old()
		w.addEdges(2)
		w.addMember().want(w.all()...)
		w.window(20)
		next := w.successor(4, time.Now().Truncate(interval).Add(3*interval))
		next.addMember().want(next.all()...)
		early, forgotten := next.edges[0], w.edges[1]
		early.samples = 5
		early.flush(time.Now().Truncate(interval).Add(interval).UnixNano())
		forgotten.next = nil
		for range 3 {
			w.window(20)
		}
		w.windowOf(forgotten, 7, false)
		w.windowOf(w.edges[0], 7, true)
		next.settle()
		w.settle()
		w.check()
		// The old cluster has closed its last window, and makes no more commits. The state of its owner has newer
		// counts than the last commit.
		var lost, foreign uint64
		for _, st := range w.members[0].owner.Partitions() {
			lost, foreign = lost+st.Counts.Lost, foreign+st.Counts.Foreign
		}
		if new := next.messages(); lost != 7 || foreign == 0 || new.Lost != 5 || new.Foreign != 1 {
			t.Errorf("lost are %d and %d samples, want 7 and 5; foreign are %d and %d messages", lost, new.Lost, foreign, new.Foreign)
		}
		w.members = append(w.members, next.members...)
	})
}
