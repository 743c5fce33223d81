package collect

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/link/linktest"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/partial"
)

const (
	interval = 10 * time.Second
	lateAt   = 5 * time.Second
)

func testSettings(partitions int) link.Settings {
	return link.Settings{Version: 1, Partitions: partitions, Interval: interval, Horizon: 20 * time.Minute, MemberKey: [16]byte{7}}
}

func testTable() aggregate.Config {
	return aggregate.Config{
		Shards: 1, MaxNames: 10000, MaxNameLength: 100, MaxSetMembers: 10000, MaxTimerSamples: 10000, MemberKey: [16]byte{7},
		Expire: [metric.Kinds]uint32{metric.Counter: 3, metric.Gauge: 12, metric.Timer: 2, metric.Set: 4},
	}
}

// points maps the paths of a window to their values.
type points map[string]float64

// published holds the points that all receivers have received. For each path and time it keeps the
// value that was published last.
type published struct {
	layout aggregate.Layout

	mu      sync.Mutex
	windows map[int64]points
	calls   map[int64]int // number of publications of each window
	tickets uint64
	settled uint64
	dead    bool // true while the receivers accept nothing
}

func newPublished(layout aggregate.Layout) *published {
	return &published{layout: layout, windows: map[int64]points{}, calls: map[int64]int{}}
}

// receivers is the Publisher of one owner. A window is settled when the receivers have accepted it.
// If the owner is killed, the windows that are not settled are lost.
type receivers struct {
	*published
	waiting []func() // each function delivers a window that is not settled yet
}

func (r *receivers) Publish(_ context.Context, iv *aggregate.Interval, w Window) (uint64, error) {
	sn := iv.Summarize(r.layout, w.End.Unix())
	r.mu.Lock()
	defer r.mu.Unlock()
	deliver := func() {
		at := w.End.UnixNano()
		r.calls[at]++
		if r.windows[at] == nil {
			r.windows[at] = points{}
		}
		for p := range sn.Points() {
			r.windows[at][string(p.Path)] = p.Value
		}
	}
	r.tickets++
	if r.dead {
		r.waiting = append(r.waiting, deliver)
		return r.tickets, nil
	}
	for _, f := range r.waiting {
		f()
	}
	r.waiting = nil
	deliver()
	r.settled = r.tickets
	return r.tickets, nil
}

func (r *receivers) Settled() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) > 0 {
		return 0
	}
	return r.settled
}

// edge forwards the samples in its table.
type edge struct {
	table   *aggregate.Table
	encoder *partial.Encoder
	rows    *partial.Rows
	name    string
	number  uint64
	samples uint64
	newer   bool  // the messages of this edge have the next version of the format
	next    *edge // edge that forwards the later windows; nil if this edge forwards all windows
	from    int64 // next forwards the windows that end after this time

	mu    sync.Mutex
	queue []link.Message
	mute  bool
}

func newEdge(name string) *edge {
	e := &edge{name: name, table: aggregate.NewTable(testTable())}
	return e
}

// start begins a new epoch, as after a restart. Queued messages remain.
func (e *edge) start(partitions int) {
	e.encoder, _ = partial.NewEncoder(e.name, time.Now().UnixNano(), partitions)
	e.rows = partial.NewRows(partitions)
	e.number = 0
}

func (e *edge) flush(end int64) {
	iv := e.table.Drain(nil)
	to := e
	if e.next != nil && end > e.from {
		to = e.next
	}
	to.rows.Begin(end)
	iv.Rows(to.rows.Add)
	to.number++
	to.mu.Lock()
	to.encoder.Encode(partial.Interval{Number: to.number, End: end, Samples: e.samples}, to.rows, func(h partial.Header, b []byte) {
		b = slices.Clone(b)
		if to.newer {
			setVersion(b, partial.Version+1)
		}
		to.queue = append(to.queue, link.Message{Partition: h.Partition, ID: h.ID(), Data: b})
	})
	to.mu.Unlock()
	e.samples = 0
	iv.Summarize(silent, 0)
}

// send sends queued messages in order until ctx ends.
func (e *edge) send(ctx context.Context, s link.Sender) {
	for ctx.Err() == nil {
		e.mu.Lock()
		n, mute := len(e.queue), e.mute
		var m link.Message
		if n > 0 {
			m = e.queue[0]
		}
		e.mu.Unlock()
		if n == 0 || mute || s.Send(ctx, m) != nil {
			time.Sleep(150 * time.Millisecond)
			continue
		}
		e.mu.Lock()
		e.queue = e.queue[1:]
		e.mu.Unlock()
	}
}

// member is an owner that a test can kill and freeze.
type member struct {
	connection *linktest.Connection
	members    *linktest.Members
	owner      *Owner
	stop       func()
	stopped    sync.WaitGroup
	wanted     []int
}

// world is a cluster, and a single table that gets the same samples.
type world struct {
	t        *testing.T
	ctx      context.Context
	random   *rand.Rand
	settings link.Settings
	layout   aggregate.Layout
	engine   *linktest.Engine
	edges    []*edge
	members  []*member
	correct  bool
	change   func(*Config) // changes the configuration of each owner; may be nil
	only     *edge         // if not nil, this edge gets all samples
	apart    bool          // if true, the single table gets no samples

	one      *aggregate.Table
	expected map[int64]points
	samples  uint64
	got      *published
	sending  sync.WaitGroup
}

// run runs a cluster in virtual time. When f has returned, it waits until the cluster is idle.
func run(t *testing.T, seed uint64, f func(*world)) {
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(seed, 1))
		namings := aggregate.Namings()
		layout := namings[random.IntN(len(namings))].Layout()
		layout.Counters = []string{"rate", "count"}
		layout.Interval = interval
		settings := testSettings(1 << random.IntN(3))
		ctx, cancel := context.WithCancel(t.Context())
		w := &world{
			t: t, ctx: ctx, random: random, settings: settings, layout: layout, engine: linktest.New(settings, seed), correct: true,
			one: aggregate.NewTable(testTable()), expected: map[int64]points{}, got: newPublished(layout),
		}
		f(w)
		for _, m := range w.members {
			m.kill()
		}
		cancel()
		w.sending.Wait()
	})
}

func (w *world) addEdges(n int) {
	for range n {
		e := newEdge(fmt.Sprintf("edge-%d", len(w.edges)))
		e.start(w.settings.Partitions)
		w.edges = append(w.edges, e)
		w.sending.Go(func() { e.send(w.ctx, w.engine.Sender()) })
	}
}

// addMember starts an owner.
func (w *world) addMember() *member {
	m := &member{}
	w.members = append(w.members, m)
	w.start(m)
	return m
}

func (w *world) start(m *member) {
	m.connection, m.members = w.engine.Connect(), linktest.NewMembers()
	cfg := Config{
		ID: fmt.Sprintf("owner-%p", m), Lateness: lateAt, Correct: w.correct, Settings: w.settings, Table: testTable,
		Publisher: &receivers{published: w.got}, Log: zerolog.New(zerolog.NewTestWriter(w.t)),
	}
	if w.change != nil {
		w.change(&cfg)
	}
	m.owner = NewOwner(cfg, m.connection)
	ctx, cancel := context.WithCancel(w.ctx)
	m.stop = cancel
	m.stopped.Go(func() { _ = m.owner.Run(ctx, m.members) })
	m.members.Want(m.wanted...)
}

func (m *member) want(partitions ...int) {
	m.wanted = partitions
	m.members.Want(partitions...)
}

// kill stops an owner, even if it is frozen.
func (m *member) kill() {
	m.stop()
	m.stopped.Wait()
}

// all returns the numbers of all partitions.
func (w *world) all() (all []int) {
	for p := range w.settings.Partitions {
		all = append(all, p)
	}
	return all
}

// sample adds a sample to a random edge, and to the single table.
func (w *world) sample() {
	time.Sleep(time.Duration(1+w.random.IntN(200)) * time.Microsecond)
	r := w.random
	s := metric.Sample{
		Kind: metric.Kind(r.IntN(metric.Kinds)), Value: float64(r.IntN(4000)-1000) / 8, Weight: float64(int(1) << r.IntN(3)),
	}
	s.Name = fmt.Appendf(nil, "%c%d", "cgts"[s.Kind], r.IntN(12))
	switch s.Kind {
	case metric.Gauge:
		s.Weight, s.At, s.Delta = 1, time.Now().UnixNano(), r.IntN(3) > 0
	case metric.Set:
		s.Member = fmt.Appendf(nil, "m%d", r.IntN(30))
	}
	e := w.edges[r.IntN(len(w.edges))]
	if w.only != nil {
		e = w.only
	}
	e.samples++
	w.samples++
	tables := []*aggregate.Table{e.table, w.one}
	if w.apart {
		tables = tables[:1]
	}
	for _, table := range tables {
		shard := table.Shard(0)
		shard.Lock()
		if reason := shard.Add(&s); reason != metric.None {
			w.t.Errorf("%s: %v", s.Name, reason)
		}
		shard.Unlock()
	}
}

// window runs one window: samples arrive until its end, then all edges flush.
func (w *world) window(samples int) {
	end := (time.Now().UnixNano()/int64(interval) + 1) * int64(interval)
	for range samples {
		w.sample()
	}
	time.Sleep(time.Until(time.Unix(0, end)))
	all := points{}
	for p := range w.one.Drain(nil).Summarize(w.layout, end/int64(time.Second)).Points() {
		all[string(p.Path)] = p.Value
	}
	w.expected[end] = all
	for _, e := range w.edges {
		e.flush(end)
	}
}

// windowOf does the same as window, but all samples go to one edge. The single table gets the
// samples only if counts is true.
func (w *world) windowOf(e *edge, samples int, counts bool) {
	w.only, w.apart = e, !counts
	w.window(samples)
	w.only, w.apart = nil, false
}

// setMute stops or resumes sending of an edge.
func (e *edge) setMute(on bool) {
	e.mu.Lock()
	e.mute = on
	e.mu.Unlock()
}

// settle ends all faults, and waits until the cluster is idle.
func (w *world) settle() {
	w.engine.Down(false)
	w.engine.Fail(linktest.Faults{})
	for _, e := range w.edges {
		e.setMute(false)
	}
	for range 12 {
		time.Sleep(interval)
	}
}

// check compares every published point with the point of the single table.
func (w *world) check() {
	w.t.Helper()
	wrong, missing, extra, all := 0, 0, 0, 0
	tell := func(n int, format string, args ...any) {
		if n < 5 {
			w.t.Errorf(format, args...)
		}
	}
	w.got.mu.Lock()
	defer w.got.mu.Unlock()
	for at, want := range w.expected {
		got := w.got.windows[at]
		for path, v := range want {
			all++
			switch g, found := got[path]; {
			case !found:
				tell(missing, "window %d: %s is missing, want %v", at/int64(interval), path, v)
				missing++
			case g != v:
				tell(wrong, "window %d: %s = %v, want %v", at/int64(interval), path, g, v)
				wrong++
			}
		}
		for path := range got {
			if _, found := want[path]; !found {
				tell(extra, "window %d: %s should not be there", at/int64(interval), path)
				extra++
			}
		}
	}
	if missing+wrong+extra > 0 {
		w.t.Errorf("%s, %d partitions: %d of %d points are missing, %d wrong, %d too many", w.layout.Naming, w.settings.Partitions, missing, all, wrong, extra)
	}
}

// ledger checks that all messages and samples are accounted for. It returns the sums of the counts
// of all partitions.
func (w *world) ledger() (sum Counts) {
	w.t.Helper()
	sum = w.messages()
	if sum.Samples+sum.Lost != w.samples {
		w.t.Errorf("%d samples were sent, %d are merged and %d lost", w.samples, sum.Samples, sum.Lost)
	}
	return sum
}

// over returns the owner's state of a partition if the last window of the partition is closed, and
// nil otherwise. After its last window, a partition makes no commit for messages that change
// nothing. Only the owner's state counts these messages; the last commit does not count them.
func (w *world) over(partition int) *Status {
	for _, m := range w.members {
		if st := m.owner.Partitions()[partition]; st.Owned && st.Over {
			return &st
		}
	}
	return nil
}

// messages checks that all messages are accounted for. It returns the sums of the counts of all
// partitions.
func (w *world) messages() (sum Counts) {
	w.t.Helper()
	c := &codec{}
	for p := range w.settings.Partitions {
		var h Head
		if _, err := c.decodeHead(w.engine.Head(p).Record, &h); err != nil {
			w.t.Fatal(err)
		}
		held := len(h.Held)
		if st := w.over(p); st != nil {
			h.Applied, h.Counts, held = st.Applied, st.Counts, st.Held
		}
		last := w.engine.Last(p)
		if dealt := h.Counts.Messages() + uint64(held); h.Applied != last || dealt != last {
			w.t.Errorf("partition %d has %d messages, %d are read, %d are accounted for: %+v", p, last, h.Applied, dealt, h.Counts)
		}
		for i, n := range h.Counts.all() {
			*sum.all()[i] += *n
		}
	}
	return sum
}
