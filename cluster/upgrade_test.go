package cluster

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
)

// upgrade replaces a daemon by one with the next version of the format. Meanwhile it gets no samples.
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

// TestUpgrade upgrades a central and its edges one by one, in the right order and in a wrong one. Before, between
// and after, all of them work together.
func TestUpgrade(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	for name, order := range map[string]func(c *central) []*daemon{
		"the central first": func(c *central) []*daemon { return []*daemon{c.owners[0], c.edges[0], c.edges[1]} },
		"an edge first":     func(c *central) []*daemon { return []*daemon{c.edges[0], c.owners[0], c.edges[1]} },
	} {
		c := newCentral(t, t.TempDir(), 2)
		c.load.add(c.owners[0]) // it is its own edge
		c.scenario(name, func(*testing.T) {
			windows(2)
			for _, d := range order(c) {
				c.upgrade(d)
			}
		})
		c.ledger(t, 0)
	}
}

// TestUpgradeOwners upgrades owners over NATS one by one, then edges. The owners take samples too, so old owners get
// messages of new edges. A new owner is killed while others are old: they cannot go on with what it has committed,
// and wait for it.
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
		time.Sleep(14 * time.Second) // longer than its announcement lasts
		w.owners[0].start()
		w.owners[0].await()
		w.load.set("owner0", true)
		for _, d := range append(w.owners[1:], w.edges...) {
			w.upgrade(d)
		}
	})
	w.ledger(t, 0)
}
