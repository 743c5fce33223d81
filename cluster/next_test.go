package cluster

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/cluster/nodes"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/wait"
)

// twoPrefixes returns the users of contrib/nats with the same rights for the prefix sd2.
func twoPrefixes(t *testing.T) string {
	t.Helper()
	sample, err := os.ReadFile(filepath.Join(nodes.Tree(), "contrib", "nats", "statsd.conf"))
	if err != nil {
		t.Fatal(err)
	}
	_, users, _ := strings.Cut(string(sample), "authorization {")
	users = regexp.MustCompile(`"[^"]*(sd\.|SD_|sd_)[^"]*"`).ReplaceAllStringFunc(users, func(right string) string {
		return right + ", " + strings.NewReplacer("sd.", "sd2.", "SD_", "SD2_", "sd_", "sd2_").Replace(right)
	})
	return "authorization {" + users
}

// restartWith restarts a daemon without some of its flags, and with others.
func (w *world) restartWith(d *daemon, kill bool, without []string, flags ...string) {
	w.t.Helper()
	w.load.set(d.name, false)
	if kill {
		w.load.killed(d.name)
		d.kill()
	} else {
		windows(1)
		d.stop()
	}
	var kept []string
	for i := 0; i < len(d.args); i += 2 {
		if !slices.Contains(without, d.args[i]) {
			kept = append(kept, d.args[i], d.args[i+1])
		}
	}
	d.args = append(kept, flags...)
	d.start()
	d.await()
	w.load.set(d.name, true)
}

// gauge sends a gauge to a daemon.
func gauge(t *testing.T, d *daemon, text string) {
	t.Helper()
	conn, err := net.Dial("udp", d.addr.String())
	if err == nil {
		_, err = conn.Write([]byte(text + "|g\n"))
		_ = conn.Close()
	}
	if err != nil {
		t.Error(err)
	}
}

// TestNextCluster changes the number of partitions under load, as docs/cluster.md says: a cluster with 2 partitions is followed by one
// with 8. No point is missing or wrong, also not those of gauges that only the old cluster has seen, and of an
// edge that cannot reach the old cluster while they change.
func TestNextCluster(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	w := newWorld(t, size{owners: 2, edges: 3, partitions: 2, bytes: "16MiB", users: twoPrefixes(t)})
	at := time.Now().Truncate(interval).Add(soak.Pick(time.Minute, 2*time.Minute))
	next := func(role, key string) string {
		return natsURL(w.nats.Servers(), role) + "&prefix=sd2&" + key + "=" + at.UTC().Format(time.RFC3339)
	}
	old := w.owners
	var owners []*daemon
	w.scenario("next cluster", func(t *testing.T) {
		gauge(t, w.edges[0], "test.idle:42")
		gauge(t, w.edges[1], "test.adjusted:+5")
		w.owners = nil
		for i := range 2 {
			name := fmt.Sprintf("next%d", i)
			owners = append(owners, newDaemon(w.t, name, "--collect", next("owner", "from"), "--forward", natsURL(w.nats.Servers(), "edge"),
				"--forward-id", name, "--collect-id", name, "--spool-dir", w.t.TempDir(), "--collect-partitions", "8", "--collect-bytes", "16MiB",
				"--lateness", "1s", "--late-horizon", "10m", "--sink", "graphite://"+w.graphite.addr))
		}
		for _, d := range owners {
			d.await()
		}
		for _, d := range old {
			w.restartWith(d, false, []string{"--collect"}, "--collect", natsURL(w.nats.Servers(), "owner")+"&until="+fmt.Sprint(at.Unix()), "--forward", next("edge", "from"))
		}
		for i, d := range w.edges {
			w.restartWith(d, i == 1, []string{"--forward"}, "--forward", natsURL([]string{w.proxies[i].addr}, "edge"), "--forward", next("edge", "from"))
		}
		if time.Now().After(at.Add(-2 * interval)) {
			t.Fatal("the machine is too busy: the daemons were not ready before the clusters change")
		}
		time.Sleep(time.Until(at.Add(-2 * interval)))
		w.proxies[0].set(true)
		time.Sleep(time.Until(at.Add(3 * interval)))
		gauge(t, w.edges[2], "test.adjusted:+2")
		windows(2)
		w.proxies[0].set(false)
	})
	w.owners = owners
	w.check(t, end(at.Add(-10*interval)), end(at.Add(4*interval)), time.Now())
	for _, want := range []struct {
		path  string
		after time.Duration
		value float64
	}{{"idle", interval, 42}, {"idle", 5 * interval, 42}, {"adjusted", interval, 5}, {"adjusted", 5 * interval, 7}} {
		wait.Until(t, fmt.Sprintf("test.%s is not %v, %v after the clusters change", want.path, want.value, want.after), func() bool {
			return w.graphite.at(at.Add(want.after).Unix())["stats.gauges.test."+want.path] == want.value
		})
	}
	for _, d := range old {
		wait.Until(t, d.name+" has not handed over its partitions, or messages wait", func() bool {
			c, err := d.cluster()
			for _, p := range c.Partitions {
				if p.Here && (!p.HandedOver || p.Lag > 0 || p.Held > 0 || p.Undelivered > 0) {
					return false
				}
			}
			return err == nil && c.Ledger.Lost == 0 && c.Ledger.Foreign == 0
		})
	}
	w.scenario("the old cluster ends", func(t *testing.T) {
		for _, d := range w.edges {
			c, err := d.cluster()
			if err != nil || c.Forward.Waiting() > 0 || c.Next == nil || c.Forward.Dropped > 0 {
				t.Errorf("%s: %v, %+v", d.name, err, c.Forward)
			}
			w.restartWith(d, false, []string{"--forward"}, "--forward", next("edge", "from"))
		}
		for _, d := range old {
			d.stop()
		}
		for _, d := range owners {
			w.restartWith(d, false, []string{"--forward", "--forward-id"})
		}
		windows(2)
	})
	if c, err := owners[0].cluster(); err != nil || c.Ledger.Lost > 0 || c.Ledger.Missing > 0 || c.Ledger.Foreign > 0 || c.Ledger.Difference != 0 {
		t.Errorf("%v: %+v", err, c.Ledger)
	}
}
