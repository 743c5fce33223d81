package cluster

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
)

// windows lets some windows pass.
func windows(n int) { time.Sleep(time.Duration(n) * interval) }

// TestFaults breaks one thing after the other under load. Every point is compared with the ones of one table that got all
// samples.
func TestFaults(t *testing.T) {
	soak.Slow(t)
	s := size{owners: 3, edges: 5, partitions: 8, bytes: "256MiB"}
	w := newWorld(t, s)
	w.scenario("nothing", func(*testing.T) { windows(3) })
	w.scenario("owners killed", func(*testing.T) {
		w.owners[0].kill()
		windows(2)
		w.owners[1].kill()
		windows(2)
		w.owners[0].start()
		w.owners[1].start()
	})
	w.scenario("owner frozen", func(*testing.T) {
		w.owners[2].freeze()
		time.Sleep(soak.Pick(13*time.Second, 40*time.Second)) // longer than its announcement lasts
		w.owners[2].thaw()
	})
	w.scenario("edges killed", func(*testing.T) {
		for range soak.Pick(3, 12) {
			i := rand.IntN(len(w.edges))
			e := w.edges[i]
			time.Sleep(rand.N(interval))
			e.kill()
			w.load.set(e.name, false)
			w.load.killed(e.name)
			e.start()
			e.await()
			w.load.set(e.name, true)
			windows(1)
		}
	})
	w.scenario("edge mute", func(*testing.T) {
		w.proxies[4].set(true)
		time.Sleep(soak.Pick(20*time.Second, time.Minute))
		w.proxies[4].set(false)
	})
	w.scenario("receiver dead, then an owner killed", func(*testing.T) {
		w.graphite.stop()
		windows(3)
		w.owners[1].kill()
		windows(1)
		w.graphite.start()
		windows(1)
		w.owners[1].start()
	})
	w.scenario("leaders killed", func(t *testing.T) {
		for _, stream := range []string{"SD_W", "SD_P_0"} {
			n := w.leader(t, stream)
			n.Kill()
			windows(3)
			n.Start()
			windows(1)
		}
	})
	w.scenario("leader frozen", func(t *testing.T) {
		n := w.leader(t, "SD_W")
		n.Freeze()
		time.Sleep(soak.Pick(12*time.Second, 30*time.Second))
		n.Thaw()
	})
	w.scenario("no quorum", func(*testing.T) {
		w.nats.Nodes[0].Freeze()
		w.nats.Nodes[1].Freeze()
		time.Sleep(soak.Pick(15*time.Second, 30*time.Second))
		w.nats.Nodes[0].Thaw()
		w.nats.Nodes[1].Thaw()
	})
	w.scenario("all nodes killed", func(*testing.T) {
		for _, n := range w.nats.Nodes {
			n.Kill()
		}
		windows(1)
		for _, n := range w.nats.Nodes {
			n.Start()
		}
	})
	w.scenario("owner added and removed", func(*testing.T) {
		added := w.addOwner(s)
		windows(4)
		added.stop()
		windows(1)
	})
}
