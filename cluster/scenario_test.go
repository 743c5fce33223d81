package cluster

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/partial"
)

// windows waits for the duration of n flush intervals.
func windows(n int) { time.Sleep(time.Duration(n) * interval) }

// fault is a fault that a test causes. Its function repairs the damage before it returns.
type fault struct {
	name string
	run  func(w *world, t *testing.T)
}

// faults are the faults that TestFaults causes, in this order.
var faults = []fault{
	{"nothing", func(*world, *testing.T) { windows(3) }},
	{"owners killed", (*world).killOwners},
	{"owner frozen", func(w *world, _ *testing.T) {
		w.owners[2].freeze()
		time.Sleep(soak.Pick(13*time.Second, 40*time.Second)) // wait until the announcement of the daemon has expired
		w.owners[2].thaw()
	}},
	{"edges killed", func(w *world, _ *testing.T) {
		for range soak.Pick(3, 12) {
			time.Sleep(rand.N(interval))
			w.killThis(w.edges[rand.IntN(len(w.edges))])
			windows(1)
		}
	}},
	{"edge mute", func(w *world, _ *testing.T) {
		w.proxies[4].set(true)
		time.Sleep(time.Minute)
		w.proxies[4].set(false)
	}},
	{"clocks and garbage", func(w *world, t *testing.T) { sendGarbage(t, edge(t, w.nats)) }},
	{"receiver dead, then an owner killed", func(w *world, _ *testing.T) {
		w.graphite.stop()
		windows(3)
		w.owners[1].kill()
		windows(1)
		w.graphite.start()
		windows(1)
		w.owners[1].start()
	}},
	{"leaders killed", func(w *world, t *testing.T) {
		for _, stream := range []string{"SD_W", "SD_P_0"} {
			n := w.leader(t, stream)
			n.Kill()
			windows(3)
			n.Start()
			windows(1)
		}
	}},
	{"leader frozen", func(w *world, t *testing.T) {
		n := w.leader(t, "SD_W")
		n.Freeze()
		time.Sleep(30 * time.Second)
		n.Thaw()
	}},
	{"leader cut off", func(w *world, t *testing.T) {
		n := w.leader(t, "SD_W")
		n.CutOff(true)
		time.Sleep(30 * time.Second)
		n.CutOff(false)
	}},
	{"no quorum", func(w *world, _ *testing.T) {
		w.nats.Nodes[0].Freeze()
		w.nats.Nodes[1].Freeze()
		time.Sleep(30 * time.Second)
		w.nats.Nodes[0].Thaw()
		w.nats.Nodes[1].Thaw()
	}},
	{"all nodes killed", func(w *world, t *testing.T) {
		for _, n := range w.nats.Nodes {
			n.Kill()
		}
		windows(1)
		for _, n := range w.nats.Nodes {
			n.Start()
		}
		for p := range ordinary.partitions { // the servers work only after they have elected new leaders
			w.leader(t, fmt.Sprintf("SD_P_%d", p))
		}
	}},
	{"owner added and removed", func(w *world, _ *testing.T) {
		added := w.addOwner(ordinary)
		windows(4)
		added.stop()
		w.owners = w.owners[:len(w.owners)-1]
		windows(1)
	}},
}

var ordinary = size{owners: 3, edges: 5, partitions: 8, bytes: "256MiB"}

// TestFaults causes one fault after another under load. It compares every point with the point that
// a single aggregate.Table computes from all samples.
func TestFaults(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	w := newWorld(t, ordinary)
	for _, f := range faults {
		w.scenario(f.name, func(t *testing.T) { f.run(w, t) })
	}
	w.ledger(t, garbageSamples)
}

// TestSoakFaults causes random faults. It causes a single fault, or continues for the time in
// $SOAK.
func TestSoakFaults(t *testing.T) {
	t.Parallel()
	ends := time.Now().Add(soak.Duration(t, 0))
	seed := uint64(time.Now().UnixNano())
	t.Logf("the seed is %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(t, ordinary)
	for first := true; first || time.Now().Before(ends); first = false {
		f := faults[random.IntN(len(faults))]
		w.scenario(f.name, func(t *testing.T) { f.run(w, t) })
	}
}

func (w *world) killOwners(*testing.T) {
	w.owners[0].kill()
	windows(2)
	w.owners[1].kill()
	windows(2)
	w.owners[0].start()
	w.owners[1].start()
}

// garbageSamples is the number of samples in the messages that sendGarbage sends.
const garbageSamples = 3 * 5 * 40

// sendGarbage sends messages of edges whose clocks are wrong, and bytes that are not messages. They
// must not affect any point. It returns the number of samples in the messages.
func sendGarbage(t *testing.T, s link.Sender) uint64 {
	settings, err := s.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	send := func(m link.Message) {
		ctx := patience(t)
		err := s.Send(ctx, m)
		for errors.Is(err, link.ErrFull) && ctx.Err() == nil { // repeat the message if the stream is full, as an edge does
			time.Sleep(100 * time.Millisecond)
			err = s.Send(ctx, m)
		}
		if err != nil {
			t.Error(err)
		}
	}
	now := time.Now().Truncate(interval)
	for name, at := range map[string]time.Time{"future": now.Add(time.Hour), "past": now.Add(-time.Hour), "long-ago": time.Unix(0, 0)} {
		encoder, err := partial.NewEncoder(name, time.Now().UnixNano(), settings.Partitions)
		if err != nil {
			t.Fatal(err)
		}
		rows := partial.NewRows(settings.Partitions)
		for n := range uint64(5) {
			table := aggregate.NewTable(aggregate.Config{Shards: 1, MaxNames: 100, MaxNameLength: 100, MaxSetMembers: 100, MaxTimerSamples: 100, MemberKey: settings.MemberKey})
			shard := table.Shard(0)
			shard.Lock()
			for i := range 40 {
				shard.Add(&metric.Sample{Kind: metric.Counter, Name: fmt.Appendf(nil, "test.count%d", i), Value: 1, Weight: 1})
			}
			shard.Unlock()
			ends := at.Add(time.Duration(n) * interval).UnixNano()
			rows.Begin(ends)
			table.Drain(nil).Rows(rows.Add)
			encoder.Encode(partial.Interval{Number: n + 1, End: ends, Samples: 40}, rows, func(h partial.Header, b []byte) {
				send(link.Message{Partition: h.Partition, ID: h.ID(), Data: b})
			})
		}
	}
	for p := range settings.Partitions {
		for i, garbage := range [][]byte{{0}, []byte("test.count1:1|c"), make([]byte, partial.MaxMessage), {'s', 'd', partial.Version + 1, 0, 1, 2, 3, 4, 5}} {
			send(link.Message{Partition: p, ID: fmt.Sprintf("garbage-%d-%d", p, i), Data: garbage})
		}
	}
	windows(2)
	return garbageSamples
}
