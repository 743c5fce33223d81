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

// twoPrefixes returns the NATS users of contrib/nats with the same permissions for a second prefix,
// sd2.
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

// restartWith restarts a daemon with changed flags. It removes the flags that are listed in without, and then adds the
// new flags.
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

// change is the change from one cluster to the next at a fixed time.
type change struct {
	*world
	at        time.Time
	old, next []*daemon // owners of the old and of the next cluster
}

// nextURL returns the URL of the next cluster.
func (c *change) nextURL(role string) string {
	return natsURL(c.nats.Servers(), role) + "&prefix=sd2&from=" + c.at.UTC().Format(time.RFC3339)
}

// prepare configures the time of the change in all daemons, one after the other. On a busy machine
// prepare takes longer, so it chooses a later time.
func (c *change) prepare() {
	for lead := time.Minute; ; lead *= 2 {
		c.at = time.Now().Truncate(interval).Add(lead)
		steps := c.steps()
		for len(steps) > 0 && time.Until(c.at) > 8*interval {
			steps[0]()
			steps = steps[1:]
		}
		if len(steps) == 0 {
			return
		}
	}
}

// steps returns the steps of the change. They are the same as in docs/cluster.md.
func (c *change) steps() (steps []func()) {
	both := []string{"--collect", "--forward"}
	for i := range 2 {
		name := fmt.Sprintf("next%d", i)
		flags := []string{"--collect", c.nextURL("owner"), "--forward", natsURL(c.nats.Servers(), "edge")}
		steps = append(steps, func() {
			if i < len(c.next) {
				c.restartWith(c.next[i], false, both, flags...)
				return
			}
			c.next = append(c.next, newDaemon(c.t, name, append(flags, "--forward-id", name, "--collect-id", name, "--spool-dir", c.t.TempDir(),
				"--collect-partitions", "8", "--collect-bytes", "16MiB", "--lateness", "1s", "--late-horizon", "10m", "--sink", "graphite://"+c.graphite.addr)...))
			c.next[i].await()
		})
	}
	for _, d := range c.old {
		flags := []string{"--collect", natsURL(c.nats.Servers(), "owner") + "&until=" + fmt.Sprint(c.at.Unix()), "--forward", c.nextURL("edge")}
		steps = append(steps, func() { c.restartWith(d, false, both, flags...) })
	}
	for i, d := range c.edges {
		flags := []string{"--forward", natsURL([]string{c.proxies[i].addr}, "edge"), "--forward", c.nextURL("edge")}
		steps = append(steps, func() { c.restartWith(d, i == 1, both[1:], flags...) })
	}
	return steps
}

// over waits until the owner of the old cluster reports that it may be stopped.
func (d *daemon) over(t *testing.T) {
	t.Helper()
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

// TestNextCluster changes the number of partitions under load, in the steps of docs/cluster.md: a
// cluster with 8 partitions replaces a cluster with 2 partitions. No point may be missing or wrong.
// This includes gauges that only the old cluster has received, and an edge that cannot reach the
// old cluster during the change.
func TestNextCluster(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	w := newWorld(t, size{owners: 2, edges: 3, partitions: 2, bytes: "16MiB", users: twoPrefixes(t)})
	c := &change{world: w, old: w.owners}
	w.scenario("next cluster", func(t *testing.T) {
		gauge(t, w.edges[0], "test.idle:42")
		gauge(t, w.edges[1], "test.adjusted:+5")
		c.prepare()
		time.Sleep(time.Until(c.at.Add(-2 * interval)))
		w.proxies[0].set(true)
		time.Sleep(time.Until(c.at.Add(3 * interval)))
		gauge(t, w.edges[2], "test.adjusted:+2")
		windows(2)
		w.proxies[0].set(false)
	})
	w.owners = c.next
	w.check(t, end(c.at.Add(-10*interval)), end(c.at.Add(4*interval)), time.Now())
	for _, want := range []struct {
		path  string
		after time.Duration
		value float64
	}{{"idle", interval, 42}, {"idle", 5 * interval, 42}, {"adjusted", interval, 5}, {"adjusted", 5 * interval, 7}} {
		wait.Until(t, fmt.Sprintf("test.%s is not %v, %v after the clusters change", want.path, want.value, want.after), func() bool {
			return w.graphite.at(c.at.Add(want.after).Unix())["stats.gauges.test."+want.path] == want.value
		})
	}
	for _, d := range c.old {
		d.over(t)
	}
	w.scenario("the old cluster ends", func(t *testing.T) {
		for _, d := range w.edges {
			q, err := d.cluster()
			if err != nil || q.Forward.Waiting() > 0 || q.Next == nil || q.Forward.Dropped > 0 {
				t.Errorf("%s: %v, %+v", d.name, err, q.Forward)
			}
			w.restartWith(d, false, []string{"--forward"}, "--forward", c.nextURL("edge"))
		}
		for _, d := range c.old {
			d.stop()
		}
		for _, d := range c.next {
			w.restartWith(d, false, []string{"--forward", "--forward-id"})
		}
		windows(2)
	})
	if q, err := c.next[0].cluster(); err != nil || q.Ledger.Lost > 0 || q.Ledger.Missing > 0 || q.Ledger.Foreign > 0 || q.Ledger.Difference != 0 {
		t.Errorf("%v: %+v", err, q.Ledger)
	}
}
