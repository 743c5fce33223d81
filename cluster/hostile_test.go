package cluster

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/wait"
	"github.com/statsd-ops/statsd/link/tcp"
)

// hostile is a cluster whose central daemon requires a key and has a small disk. Peers without the
// key open many connections, to prevent the edges from connecting.
type hostile struct {
	*central
	keys    string // path of the file with the key
	garbage uint64 // number of samples in messages that must be ignored
}

// writeKey writes a key to a file.
func writeKey(t *testing.T, key string) string {
	path := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(path, []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const goodKey = "0123456789abcdef0123456789abcdef"

func newHostile(t *testing.T, edges int) *hostile {
	h := &hostile{&central{&world{t: t, graphite: newGraphite(t)}, counterpart.SmallDisk(t), counterpart.FreeAddress(t).String()}, writeKey(t, goodKey), 0}
	h.owners = append(h.owners, newDaemon(t, "central", h.flags(h.dir, h.addr+"?keys="+h.keys)...))
	h.owners[0].await()
	for i := range edges {
		name, p := fmt.Sprintf("edge%d", i), newProxy(t, []string{h.addr})
		h.proxies = append(h.proxies, p)
		h.edges = append(h.edges, newDaemon(t, name, "--spool-dir", counterpart.SmallDisk(t), "--spool-max-bytes", "4MiB",
			"--forward", "statsd://"+p.addr+"?keys="+h.keys, "--forward-id", name))
	}
	h.load = newLoad(t)
	t.Cleanup(h.explain)
	for _, d := range h.edges {
		d.await()
		h.load.add(d)
	}
	return h
}

// besiege tries to keep this number of connections to the central daemon open until the test ends. Some of the
// connections send nothing, others send a part of a frame.
func (h *hostile) besiege(t *testing.T, connections int) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for i := range connections {
		all.Go(func() {
			for ctx.Err() == nil {
				h.hold(ctx, i)
			}
		})
	}
	t.Cleanup(func() { cancel(); all.Wait() })
}

// hold connects to the central daemon, and waits until the daemon closes the connection.
func (h *hostile) hold(ctx context.Context, i int) {
	conn, err := net.DialTimeout("tcp", h.addr, time.Second)
	if err == nil {
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		defer stop()
		switch i % 3 {
		case 1:
			_, _ = conn.Write([]byte{0, 0, 0})
		case 2:
			_, _ = conn.Write(binary.BigEndian.AppendUint32(nil, 1<<20))
		}
		_, _ = conn.Read(make([]byte, 1))
		_ = conn.Close()
	}
	select {
	case <-ctx.Done():
	case <-time.After(rand.N(2 * time.Second)):
	}
}

// act is a fault that a test causes in a hostile cluster.
type act struct {
	name string
	run  func(h *hostile, t *testing.T)
}

// moreActs are used only in the soak test, because other tests also cause these faults.
var moreActs = []act{
	{"nothing", func(*hostile, *testing.T) { windows(2) }},
	{"kills", func(h *hostile, _ *testing.T) { h.kills(4) }},
	{"an edge mute, and killed", func(h *hostile, _ *testing.T) {
		h.proxies[0].set(true)
		windows(6)
		h.killThis(h.edges[0])
		windows(1)
		h.proxies[0].set(false)
	}},
	{"full disk of the central", func(h *hostile, t *testing.T) { fill(t, h.dir, func() { windows(4) }) }},
	{"two centrals", func(h *hostile, t *testing.T) { h.secondCentral(t) }},
}

var acts = []act{
	{"central frozen", func(h *hostile, _ *testing.T) {
		h.owners[0].freeze()
		time.Sleep(12 * time.Second) // wait longer than an edge waits for an answer
		h.owners[0].thaw()
	}},
	{"full disk of the central, killed", func(h *hostile, t *testing.T) {
		fill(t, h.dir, func() {
			windows(2)
			h.owners[0].kill()
			h.owners[0].start()
			windows(2)
		})
	}},
	{"full disk of an edge", func(h *hostile, t *testing.T) {
		fill(t, h.edges[1].flag("--spool-dir"), func() {
			h.proxies[1].set(true)
			windows(4)
			h.proxies[1].set(false)
		})
	}},
	{"another central at the address", (*hostile).otherCentral},
	{"wrong times and garbage", func(h *hostile, t *testing.T) {
		s := tcp.NewSender(tcp.SenderConfig{Address: h.addr, Keys: func() ([][]byte, error) { return [][]byte{[]byte(goodKey)}, nil }})
		defer s.Close()
		h.garbage += sendGarbage(t, s)
	}},
	{"wrong key", (*hostile).wrongKey},
}

// flag returns the value of one of the daemon's flags.
func (d *daemon) flag(name string) string {
	for i, arg := range d.args {
		if arg == name {
			return d.args[i+1]
		}
	}
	return ""
}

// fill fills a disk, calls during(), and then frees the disk.
func fill(t *testing.T, disk string, during func()) {
	hog, err := os.Create(filepath.Join(disk, "hog"))
	if err != nil {
		t.Fatal(err)
	}
	defer hog.Close()
	for err == nil {
		_, err = hog.Write(make([]byte, 4096))
	}
	during()
	if err := os.Remove(hog.Name()); err != nil {
		t.Fatal(err)
	}
}

// otherCentral replaces the central daemon for some time with a different central daemon, which has
// its own directory. This happens if a host name has the addresses of two machines. The edges must
// not send their rows to the other central daemon.
func (h *hostile) otherCentral(t *testing.T) {
	h.owners[0].kill()
	other := newDaemon(t, "other", h.flags(t.TempDir(), h.addr+"?keys="+h.keys)...)
	other.await()
	windows(4)
	if c, err := other.cluster(); err != nil || len(c.Edges) > 1 { // the only edge of the other central daemon is this daemon itself
		t.Errorf("another central has %+v: %v", c.Edges, err)
	}
	other.stop()
	h.owners[0].start()
	h.owners[0].await()
}

// wrongKey starts an edge with another key. The central daemon refuses it. The edge is not ready,
// and its health says why.
func (h *hostile) wrongKey(t *testing.T) {
	d := newDaemon(t, "stranger", "--spool-dir", t.TempDir(), "--forward-id", "stranger",
		"--forward", "statsd://"+h.addr+"?keys="+writeKey(t, "another key that is long enough"))
	wait.Until(t, "the edge does not say why", func() bool {
		return strings.Contains(d.health(), "not among the central daemon's keys")
	})
	if d.ready() {
		t.Error("an edge without the key is ready")
	}
	windows(1)
	d.stop()
}

// TestSoakCentral causes one fault after another in a central daemon and its edges under load. At the same time, peers
// without the key try to keep more connections open than the daemon allows. With SOAK, the test continues with random
// faults. It compares every point with the point that a single aggregate.Table computes from all samples.
func TestSoakCentral(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	ends := time.Now().Add(soak.Duration(t, 0))
	h := newHostile(t, 3)
	h.besiege(t, soak.Pick(300, 1500))
	for _, a := range acts {
		h.scenario(a.name, func(t *testing.T) { a.run(h, t) })
	}
	all := slices.Concat(moreActs, acts)
	for time.Now().Before(ends) {
		a := all[rand.IntN(len(all))]
		h.scenario(a.name, func(t *testing.T) { a.run(h, t) })
	}
	h.ledger(t, h.garbage)
	for _, d := range append(h.owners, h.edges...) {
		checkLedger(t, d)
	}
	if out, err := command(t, "statsdmonitor", "--at", h.owners[0].monitor, "cluster", "--ledger", h.edges[0].monitor, h.edges[1].monitor, h.edges[2].monitor); err != nil {
		t.Errorf("%v\n%s", err, out)
	} else {
		t.Log(out)
	}
}
