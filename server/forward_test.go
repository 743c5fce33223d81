package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/internal/glob"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/partial"
)

// cluster is a Sender that merges the rows that it gets, like an owner.
type cluster struct {
	mu       sync.Mutex
	settings link.Settings
	silent   error // if set, Settings waits until its context ends, and fails with this error
	down     error // if set, Send fails with this error
	table    *aggregate.Table
	samples  uint64
	ids      map[string]bool
	ends     []int64 // the ends of the intervals of all messages
}

func newCluster(cfg *Config) *cluster {
	c := &cluster{ids: map[string]bool{}, settings: link.Settings{
		Version: link.SettingsVersion, Partitions: 4, Interval: cfg.FlushInterval, Horizon: time.Hour, MemberKey: [16]byte{7}, Tags: cfg.Tags.String(),
	}}
	table := cfg.table()
	table.Shards, table.MemberKey = 1, c.settings.MemberKey
	c.table = aggregate.NewTable(table)
	cfg.ForwardTo, cfg.ForwardID = "statsd://central:8127", "web1"
	cfg.Connect = func() (link.Sender, error) { return c, nil }
	return c
}

func (c *cluster) Settings(ctx context.Context) (link.Settings, error) {
	c.mu.Lock()
	silent := c.silent
	c.mu.Unlock()
	if silent != nil {
		<-ctx.Done()
		return link.Settings{}, silent
	}
	return c.settings, nil
}

func (c *cluster) Send(_ context.Context, m link.Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down != nil || c.ids[m.ID] {
		return c.down
	}
	if m.Partition >= c.settings.Partitions {
		return &link.RefusedError{Reason: fmt.Sprintf("partition %d of a cluster with %d", m.Partition, c.settings.Partitions)}
	}
	c.ids[m.ID] = true
	h, body, err := partial.Open(m.Data)
	if err != nil {
		return err
	}
	c.samples += h.Samples
	c.ends = append(c.ends, h.End)
	shard := c.table.Shard(0)
	shard.Lock()
	defer shard.Unlock()
	return partial.NewDecoder().Rows(&body, func(r *aggregate.Row) { shard.Merge(r) })
}

func (c *cluster) Close() error { return nil }

func (c *cluster) set(silent, down error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.silent, c.down = silent, down
}

// flush returns the points of all data that was merged since its last call.
func (c *cluster) flush(cfg *Config) map[string]float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	points := map[string]float64{}
	for p := range c.table.Drain(nil).Summarize(cfg.layout(), 1).Points() {
		points[string(p.Path)] = p.Value
	}
	return points
}

// If a daemon forwards its samples, the cluster publishes the same points as a daemon without a
// cluster. The forwarding daemon itself publishes only the names that it does not forward.
func TestForward(t *testing.T) {
	web, _ := glob.Parse("web.*")
	lines := "web.hits:3|c\nweb.hits:2|c|@0.5\nweb.g:5|g\nweb.g:-1|g\nweb.t:7|ms\nweb.t:9|ms\nweb.users:a|s\nweb.users:b|s\nown.hits:1|c"
	for name, tt := range map[string]struct {
		match     []glob.Glob
		sink      bool
		forwarded []string
		published []string
	}{
		"all":           {forwarded: []string{"web.hits", "own.hits"}},
		"all, and sink": {sink: true, forwarded: []string{"web.hits", "own.hits"}, published: []string{"web.hits", "own.hits"}},
		"some":          {match: []glob.Glob{web}, sink: true, forwarded: []string{"web.hits"}, published: []string{"own.hits"}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, r := every10s()
			cfg.SpoolDir = t.TempDir()
			cfg.ForwardMatch = tt.match
			c := newCluster(&cfg)
			if !tt.sink {
				cfg.Sinks = nil
			}
			inVirtualTime(t, cfg, func(v *virtual) {
				t := v.t
				c.set(nil, errors.New("down"))
				time.Sleep(time.Second)
				v.in.Inject([]byte(lines))
				time.Sleep(20 * time.Second)
				if waiting := figureOf(t, v.Server, "forward.rows.spooled"); waiting == 0 || figureOf(t, v.Server, "forward.up") != 0 {
					t.Errorf("%v rows wait on disk while the cluster is down", waiting)
				}
				c.set(nil, nil)
				time.Sleep(20 * time.Second)
				got := c.flush(&v.cfg)
				checkNames(t, "forwarded", got, tt.forwarded)
				if _, all := got["counters.web.hits"]; all && got["counters.web.hits"] != 0.7 || got["gauges.web.g"] != 4 || got["sets.web.users"] != 2 || got["timers.web.t.upper"] != 9 {
					t.Errorf("the cluster has %v", got)
				}
				published := map[string]float64{}
				for _, p := range r.Points() {
					published[p.Path] = p.Value
				}
				checkNames(t, "published", published, tt.published)
				if c.samples != 9 || figureOf(t, v.Server, "forward.samples") != 9 {
					t.Errorf("%d samples came, %v were forwarded, want 9", c.samples, figureOf(t, v.Server, "forward.samples"))
				}
				balances(t, v.Server)
			})
		})
	}
}

func checkNames(t *testing.T, what string, points map[string]float64, want []string) {
	t.Helper()
	for _, name := range []string{"web.hits", "own.hits"} {
		_, is := points["counters."+name]
		if wanted := strings.Contains(fmt.Sprint(want), name); is != wanted {
			t.Errorf("%s: %s is %v, want %v", what, name, is, wanted)
		}
	}
}

// balances checks that all rows that an edge made are delivered, queued, spooled or dropped.
func balances(t *testing.T, s *Server) {
	t.Helper()
	of := map[string]float64{}
	for _, f := range s.Figures() { // use the values of one call, because the counts change while rows are sent
		of[strings.TrimPrefix(f.Name, "forward.rows.")] = f.Value
	}
	if in, out := of["made"]+of["recovered"], of["delivered"]+of["queued"]+of["spooled"]+of["dropped"]; in != out || in <= 0 {
		t.Errorf("%v rows in, %v out", in, out)
	}
}

// At its first start, the daemon takes no samples until it has the cluster's settings. It logs that
// it waits. Datagrams wait in the sockets. The daemon is ready when it takes samples. At its second
// start, the daemon is ready at once, even without the cluster.
func TestForwardWaitsForCluster(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	cfg := config()
	cfg.FlushInterval = 20 * time.Millisecond
	cfg.SpoolDir, cfg.MonitorPort = t.TempDir(), 0
	c := newCluster(&cfg)
	c.set(errors.New("connection refused"), nil)
	d := start(t, cfg)
	send(t, d.dial("udp"), "web.hits:1|c")
	eventually(t, "the daemon's health names the reason", func() bool {
		h := d.Health()
		return h.State == meta.Failing && len(h.Reasons) == 1 && h.Reasons[0].ID == meta.ClusterUnknown && strings.Contains(h.Reasons[0].Text, "connection refused")
	})
	if in := figureOf(t, d.Server, "samples.received"); in > 0 {
		t.Errorf("%v samples are taken before the member key is known", in)
	}
	if code, body := d.browse("/readyz"); code != 503 || !strings.Contains(body, "connection refused") {
		t.Errorf("/readyz: %d %s", code, body)
	}
	c.set(nil, nil)
	eventually(t, "the sample comes to the cluster", func() bool { _, there := c.flush(&d.cfg)["counters.web.hits"]; return there })
	eventually(t, "the daemon's health is good", func() bool { return d.Health().State == meta.OK })
	if code, body := d.browse("/readyz"); code != 200 {
		t.Errorf("/readyz: %d %s", code, body)
	}
	d.stop()

	c.set(errors.New("connection refused"), errors.New("connection refused"))
	d = start(t, cfg)
	eventually(t, "the daemon is ready", func() bool { code, _ := d.browse("/readyz"); return code == 200 })
	send(t, d.dial("udp"), "web.hits:1|c")
	eventually(t, "the sample is kept", func() bool { return figureOf(t, d.Server, "samples.received") == 1 })
	c.set(nil, nil) // otherwise the daemon tries to forward until the shutdown timeout
}

// If the settings of the daemon and the cluster differ, the daemon ends with an error that names
// the flag. The daemon can be stopped even if the cluster does not answer. Then it warns that samples are lost.
func TestForwardMismatch(t *testing.T) {
	cfg := config()
	c := newCluster(&cfg)
	c.settings.Interval *= 2
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "--flush-interval") {
		t.Errorf("ended with %v", err)
	}
	c = newCluster(&cfg)
	c.set(errors.New("silent"), nil)
	var log strings.Builder
	cfg.Log = zerolog.New(zerolog.SyncWriter(&log))
	if s, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := s.Run(ctx); err != nil {
		t.Errorf("ended with %v", err)
	}
	if !strings.Contains(log.String(), "samples that wait in its sockets are lost") || strings.Contains(log.String(), "it reads the data") {
		t.Errorf("logged %s", log.String())
	}
}

// The rows in an edge's spool are assigned to the partitions that the cluster had when the rows
// were made. If the cluster now has fewer partitions, it refuses the rows of the missing
// partitions. The refused rows are counted, and the daemon's health reports them.
func TestForwardOtherPartitions(t *testing.T) {
	cfg := config()
	cfg.FlushInterval, cfg.SpoolDir = 20*time.Millisecond, t.TempDir()
	c := newCluster(&cfg)
	c.set(nil, errors.New("connection refused"))
	before := cfg
	d := start(t, before)
	send(t, d.dial("udp"), "a:1|c\nb:1|c\nc:1|c\nd:1|c\ne:1|c\nf:1|c")
	eventually(t, "rows wait", func() bool {
		return figureOf(t, d.Server, "forward.rows.spooled")+figureOf(t, d.Server, "forward.rows.queued") > 6
	})
	d.stop()

	fewer := newCluster(&cfg)
	fewer.settings.Partitions, cfg.ForwardTo = 1, "statsd://other:8127"
	d = start(t, cfg)
	eventually(t, "rows are refused", func() bool { return figureOf(t, d.Server, "forward.rows.dropped.refused") > 0 })
	balances(t, d.Server)
	eventually(t, "the daemon's health says why", func() bool {
		return slices.ContainsFunc(d.Health().Reasons, func(r meta.Reason) bool { return r.ID == meta.PointsDropped && r.Subject == "forward" })
	})
}
