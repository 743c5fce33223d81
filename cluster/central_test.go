package cluster

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/forward"
	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/link/tcp"
	"github.com/statsd-ops/statsd/metric"
)

// central is a cluster without NATS. Its only owner is a central daemon, which stores the rows in
// its own directory.
type central struct {
	*world
	dir, addr string
}

func newCentral(t *testing.T, dir string, edges int) *central {
	t.Helper()
	c := &central{&world{t: t, graphite: newGraphite(t)}, dir, counterpart.FreeAddress(t).String()}
	c.owners = append(c.owners, newDaemon(t, "central", c.flags(dir, c.addr)...))
	c.owners[0].await()
	for i := range edges {
		name, p := fmt.Sprintf("edge%d", i), newProxy(t, []string{c.addr})
		c.proxies = append(c.proxies, p)
		c.edges = append(c.edges, newDaemon(t, name, "--spool-dir", t.TempDir(), "--forward", "statsd://"+p.addr, "--forward-id", name))
	}
	c.load = newLoad(t)
	for _, d := range c.edges {
		d.await()
		c.load.add(d)
	}
	return c
}

func (c *central) flags(dir, addr string) []string {
	return []string{
		"--collect", "statsd://" + addr, "--collect-bytes", "16MiB", "--spool-dir", dir, "--lateness", "1s", "--late-horizon", "10m",
		"--sink", "graphite://" + c.graphite.addr,
	}
}

// killThis kills an edge and starts it again. The samples of the current interval are lost.
func (w *world) killThis(e *daemon) {
	e.kill()
	w.load.set(e.name, false)
	w.load.killed(e.name)
	e.start()
	e.await()
	w.load.set(e.name, true)
}

// kills kills the central daemon and edges at random times.
func (c *central) kills(times int) {
	for range times {
		time.Sleep(rand.N(interval))
		if e := rand.IntN(len(c.edges) + 2); e < len(c.edges) {
			c.killThis(c.edges[e])
			windows(1)
		} else {
			c.owners[0].kill()
			time.Sleep(rand.N(interval))
			c.owners[0].start()
		}
	}
	c.owners[0].await()
}

// TestOneCentral causes faults in a cluster that has a central daemon instead of NATS. It compares
// every point with the point that a single aggregate.Table computes from all samples.
func TestOneCentral(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	c := newCentral(t, t.TempDir(), 3)
	c.scenario("nothing", func(*testing.T) { windows(3) })
	c.scenario("killed at random moments", func(*testing.T) { c.kills(soak.Pick(8, 200)) })
	c.scenario("an edge cut off", func(*testing.T) {
		c.proxies[0].set(true)
		time.Sleep(soak.Pick(20*time.Second, time.Minute))
		c.proxies[0].set(false)
	})
	c.scenario("an edge killed while it is cut off", func(*testing.T) {
		c.proxies[1].set(true)
		windows(3)
		c.killThis(c.edges[1])
		windows(1)
		c.proxies[1].set(false)
	})
	c.scenario("the receiver dead, then the central killed", func(*testing.T) {
		c.graphite.stop()
		windows(3)
		c.owners[0].kill()
		windows(1)
		c.owners[0].start()
		c.graphite.start()
	})
	c.scenario("a second central", func(t *testing.T) {
		c.secondCentral(t)
		windows(1)
	})
	for _, d := range append(c.owners, c.edges...) {
		checkLedger(t, d)
	}
}

// secondCentral starts a second central daemon, once in the same directory and once at the same
// address. Both must exit with an error that says why.
func (c *central) secondCentral(t *testing.T) {
	for want, flags := range map[string][]string{
		"another central daemon uses this directory": c.flags(c.dir, "127.0.0.1:0"),
		"address already in use":                     c.flags(t.TempDir(), c.addr),
	} {
		second := newDaemon(t, "second", flags...)
		select {
		case <-second.exited:
		case <-time.After(wait.Patience):
			t.Fatalf("a second central goes on:\n%s", second.said())
		}
		if said := second.said(); !strings.Contains(said, want) {
			t.Errorf("a second central does not say %q:\n%s", want, said)
		}
	}
}

// checkLedger checks with statsdmonitor that the ledger is balanced.
func checkLedger(t *testing.T, d *daemon) {
	t.Helper()
	if out, err := command(t, "statsdmonitor", "--at", d.monitor, "ledger"); err != nil {
		t.Errorf("%s: %v\n%s", d.name, err, out)
	}
}

// While the disk of the central daemon is full, the edges keep the data. They send it when the disk
// has free space again.
func TestCentralDiskFull(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	disk := counterpart.SmallDisk(t)
	c := newCentral(t, disk, 2)
	c.scenario("full disk", func(t *testing.T) { fill(t, disk, func() { windows(4) }) })
}

// Many edges forward their intervals to one central daemon. After the central daemon was killed and
// restarted, all edges connect at the same time.
func TestManyEdges(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	edges := soak.Pick(50, 500)
	c := newCentral(t, t.TempDir(), 0)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	from := end(time.Now().Add(interval))
	last := from + int64(soak.Pick(8, 30))*int64(interval/time.Second)
	for i := range edges {
		e := c.startEdge(t, fmt.Sprintf("many%d", i))
		running.Go(func() { runEdge(ctx, t, e, from, last) })
	}
	time.Sleep(time.Until(time.Unix((from+last)/2, 0)))
	c.owners[0].kill()
	c.owners[0].start()
	running.Wait()
	stop()
	differs := ""
	for deadline := time.Now().Add(wait.Patience); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		differs = ""
		for at := from; at <= last; at += int64(interval / time.Second) {
			got := c.graphite.at(at)
			if n, u := got["stats.counters.test.many.count"], got["stats.sets.test.who.count"]; n != float64(edges) || u != float64(edges) {
				differs += fmt.Sprintf("%d: %v samples of %v edges\n", at, n, u)
			}
		}
		if differs == "" {
			return
		}
	}
	t.Errorf("want %d samples of as many edges:\n%s", edges, differs)
}

// startEdge starts an edge inside the test process.
func (c *central) startEdge(t *testing.T, name string) *forward.Edge {
	t.Helper()
	e, err := forward.New(forward.Config{
		Target: forward.Target{ForwardTo: "statsd://" + c.addr, ForwardID: name, Connect: func() (link.Sender, error) {
			return tcp.NewSender(tcp.SenderConfig{Address: c.addr}), nil
		}},
		Interval: interval, Tags: "drop", Log: zerolog.Nop(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// runEdge forwards the windows that end in [from, to]. Each window contains one sample, whose name
// is the edge's name.
func runEdge(ctx context.Context, t *testing.T, e *forward.Edge, from, to int64) {
	s, err := e.Join(ctx)
	if err != nil {
		t.Error(err)
		return
	}
	table := aggregate.NewTable(aggregate.Config{
		Shards: 1, MaxNames: 100, MaxNameLength: 100, MaxSetMembers: 100, MaxTimerSamples: 100, MemberKey: s.MemberKey,
		Expire: [metric.Kinds]uint32{2, 2, 2, 2},
	})
	for at := from; at <= to; at += int64(interval / time.Second) {
		shard := table.Shard(0)
		shard.Lock()
		shard.Add(&metric.Sample{Kind: metric.Counter, Name: []byte("test.many"), Value: 1, Weight: 1})
		shard.Add(&metric.Sample{Kind: metric.Set, Name: []byte("test.who"), Member: fmt.Appendf(nil, "%p", e), Weight: 1})
		shard.Unlock()
		time.Sleep(time.Until(time.Unix(at, 0)))
		iv := table.Drain(nil)
		f := e.Take(iv, forward.Collected{End: at * int64(time.Second), Samples: 2})
		iv.Summarize(aggregate.Etsy.Layout(), at)
		f.Encode(func(payload []byte, _ int) {
			for err := errors.New("new"); err != nil && ctx.Err() == nil; {
				if err = e.Send(ctx, payload); err != nil {
					time.Sleep(100 * time.Millisecond)
				}
			}
		})
	}
}
