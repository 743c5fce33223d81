package cluster

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
)

// upgrade replaces a daemon with a daemon that uses the next version of the message format. The
// daemon gets no samples while it is replaced.
func (w *world) upgrade(d *daemon) {
	w.t.Helper()
	dir, err := next()
	if err != nil {
		w.t.Fatal(err)
	}
	w.load.set(d.name, false)
	windows(1)
	d.stop()
	d.program = filepath.Join(dir, "statsd")
	d.start()
	d.await()
	w.load.set(d.name, true)
	windows(2)
}

// TestUpgrade upgrades a central daemon and its edges one by one, once in the right order and once
// in a wrong order. At each step, all daemons of both versions must work together.
func TestUpgrade(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	for name, order := range map[string]func(c *central) []*daemon{
		"the central first": func(c *central) []*daemon { return []*daemon{c.owners[0], c.edges[0], c.edges[1]} },
		"an edge first":     func(c *central) []*daemon { return []*daemon{c.edges[0], c.owners[0], c.edges[1]} },
	} {
		c := newCentral(t, t.TempDir(), 2)
		c.load.add(c.owners[0]) // the central daemon is also an edge
		c.scenario(name, func(*testing.T) {
			windows(2)
			for _, d := range order(c) {
				c.upgrade(d)
			}
		})
		c.ledger(t, 0)
	}
}

// TestUpgradeOwners upgrades the owners of a cluster over NATS one by one, and then the edges. The
// owners receive samples too, so old owners get messages from new daemons. A new owner is killed
// while other owners are still old. The old owners cannot read what the new owner has committed, so
// they wait until it is back.
func TestUpgradeOwners(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	w := newWorld(t, size{owners: 3, edges: 2, partitions: 8, bytes: "256MiB"})
	for _, d := range w.owners {
		w.load.add(d)
	}
	w.scenario("upgrade", func(*testing.T) {
		w.upgrade(w.owners[0])
		w.owners[0].kill()
		w.load.set("owner0", false)
		w.load.killed("owner0")
		time.Sleep(14 * time.Second) // wait until the announcement of the daemon has expired
		w.owners[0].start()
		w.owners[0].await()
		w.load.set("owner0", true)
		for _, d := range append(w.owners[1:], w.edges...) {
			w.upgrade(d)
		}
	})
	w.ledger(t, 0)
}
