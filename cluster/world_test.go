package cluster

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/statsd-ops/statsd/cluster/nodes"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/wait"
)

// world is a cluster of NATS servers and daemons under load.
type world struct {
	t        *testing.T
	nats     *nodes.Cluster
	graphite *graphite
	load     *load
	owners   []*daemon
	edges    []*daemon
	proxies  []*proxy // one proxy for each edge, in the same order
}

type size struct {
	owners, edges, partitions int
	bytes                     string // value of --collect-bytes
	users                     string // NATS users that replace the users in contrib/nats
}

func newWorld(t *testing.T, s size) *world {
	t.Helper()
	w := &world{t: t, nats: nodes.Start(t, nodes.Options{Users: s.users}), graphite: newGraphite(t)}
	for range s.owners {
		w.addOwner(s)
	}
	for i := range s.edges {
		name, p := fmt.Sprintf("edge%d", i), newProxy(t, w.nats.Servers())
		w.proxies = append(w.proxies, p)
		w.edges = append(w.edges, newDaemon(t, name, "--spool-dir", t.TempDir(),
			"--forward", natsURL([]string{p.addr}, "edge"), "--forward-id", name))
	}
	for _, d := range append(w.owners, w.edges...) {
		d.await()
	}
	for _, d := range append(w.owners, w.edges...) {
		wait.Until(t, d.name+" does not join the cluster", func() bool { return strings.Contains(d.said(), "joined the cluster") })
	}
	w.load = newLoad(t)
	t.Cleanup(w.explain)
	for _, d := range w.edges {
		w.load.add(d)
	}
	return w
}

// explain logs the daemons' own metrics after a test failed.
func (w *world) explain() {
	if !w.t.Failed() {
		return
	}
	for _, d := range append(w.edges, w.owners...) {
		answer, err := http.Get("http://" + d.monitor + "/metrics")
		if err != nil {
			continue
		}
		text, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "statsd_") && (strings.Contains(line, "forward") || strings.Contains(line, "collect") || strings.Contains(line, "sink") || strings.Contains(line, "samples")) {
				w.t.Log(d.name, strings.TrimSpace(line))
			}
		}
	}
}

func (w *world) addOwner(s size) *daemon {
	w.t.Helper()
	name := fmt.Sprintf("owner%d", len(w.owners))
	d := newDaemon(w.t, name, "--collect", natsURL(w.nats.Servers(), "owner"), "--collect-id", name, "--spool-dir", w.t.TempDir(),
		"--collect-partitions", fmt.Sprint(s.partitions), "--collect-bytes", s.bytes, "--lateness", "1s", "--late-horizon", "10m",
		"--sink", "graphite://"+w.graphite.addr)
	w.owners = append(w.owners, d)
	return d
}

// scenario causes a fault. It checks all windows from the start of the fault until some time after
// its end.
func (w *world) scenario(name string, fault func(t *testing.T)) {
	w.t.Helper()
	w.t.Run(name, func(t *testing.T) {
		from := end(time.Now().Add(interval))
		fault(t)
		healed := time.Now()
		w.check(t, from, end(healed.Add(interval)), healed)
	})
	if w.t.Failed() {
		w.t.FailNow() // the next scenario would begin in an unknown state
	}
}

// check waits until all points of the windows that end in [from, to] are correct.
func (w *world) check(t *testing.T, from, to int64, healed time.Time) {
	t.Helper()
	time.Sleep(time.Until(time.Unix(to, 0)))
	var differs []string
	points := 0
	for deadline := time.Now().Add(soak.Pick(wait.Patience/2, wait.Patience)); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if points, differs = w.load.difference(w.graphite, from, to); len(differs) == 0 {
			took := time.Since(healed)
			t.Logf("%d points of %d windows are right %.1f s after the heal", points, (to-from)/int64(interval/time.Second)+1, took.Seconds())
			if soak.On() && took > 10*time.Second+2*interval {
				t.Errorf("it took %v", took)
			}
			if points == 0 {
				t.Error("nothing was compared")
			}
			return
		}
	}
	t.Errorf("%d of %d points are missing or wrong, such as\n%s", len(differs), points, strings.Join(differs[:min(len(differs), 10)], "\n"))
}

// leader returns the node that is the leader of a stream.
func (w *world) leader(t testing.TB, stream string) *nodes.Node {
	t.Helper()
	option, err := natsgo.NkeyOptionFromSeed(nodes.Key("owner"))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := natsgo.Connect("nats://"+strings.Join(w.nats.Servers(), ",nats://"), option, natsgo.CustomInboxPrefix("_INBOX.sd.owner"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), wait.Patience)
	defer cancel()
	for ctx.Err() == nil {
		try, cancel := context.WithTimeout(ctx, 2*time.Second)
		s, err := js.Stream(try, stream)
		cancel()
		if err == nil && s.CachedInfo().Cluster != nil && s.CachedInfo().Cluster.Leader != "" {
			return w.nats.Named(s.CachedInfo().Cluster.Leader)
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("stream %s has no leader", stream)
	return nil
}
