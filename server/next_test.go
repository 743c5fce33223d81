package server

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/link/linktest"
	"github.com/statsd-ops/statsd/metric"
)

// addNext adds a second cluster. It receives the intervals that end after the time in the parameter "from". It has
// another key for members of sets, and another number of partitions.
func addNext(cfg *Config, from time.Time) *cluster {
	first := cfg.Target
	next := newCluster(cfg)
	next.settings.Partitions, next.settings.MemberKey = 8, [16]byte{9}
	next.table.SetMemberKey(next.settings.MemberKey)
	cfg.NextTo, cfg.NextAfter = "statsd://next:8127", from
	cfg.NextConnect = func() (link.Sender, error) { return next, nil }
	cfg.Target = first
	return next
}

// another adds a member of a set to the cluster, as if another edge had sent it.
func (c *cluster) another(name, member string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	shard := c.table.Shard(0)
	shard.Lock()
	defer shard.Unlock()
	shard.Add(&metric.Sample{Kind: metric.Set, Name: []byte(name), Member: []byte(member), Weight: 1})
}

// Each interval is forwarded completely to the cluster that it belongs to. Rows that wait for the
// first cluster stay in that cluster's spool. The members of sets are hashed with the key of their
// cluster.
func TestNext(t *testing.T) {
	cfg, _ := every10s()
	cfg.SpoolDir, cfg.Sinks = t.TempDir(), nil
	old := newCluster(&cfg)
	from := time.Date(2000, 1, 1, 0, 0, 40, 0, time.UTC) // virtual time begins at midnight
	next := addNext(&cfg, from)
	inVirtualTime(t, cfg, func(v *virtual) {
		t := v.t
		for i := range 7 {
			v.wait(5 * time.Second)
			v.receive("hits:1|c\nusers:a|s")
			if i == 2 { // during the interval that ends at 30 s
				old.set(nil, errors.New("down"))
			}
			v.wait(5 * time.Second)
		}
		if n := figureOf(t, v.Server, "forward.rows.spooled"); n == 0 {
			t.Error("nothing waits for the old cluster")
		}
		old.set(nil, nil)
		v.wait(20 * time.Second)
		second := func(ends []int64) (all []int64) {
			for _, end := range ends {
				all = append(all, time.Unix(0, end).Unix()%60)
			}
			slices.Sort(all)
			return slices.Compact(all)
		}
		if got := second(old.ends); !slices.Equal(got, []int64{10, 20, 30, 40}) {
			t.Errorf("the old cluster has the intervals that end at %v s", got)
		}
		if got := second(next.ends); !slices.Contains(got, 50) || slices.ContainsFunc(next.ends, func(end int64) bool { return end <= from.UnixNano() }) {
			t.Errorf("the next cluster has the intervals that end at %v s", got)
		}
		for _, c := range []*cluster{old, next} {
			c.another("users", "a")
			if got := c.flush(&v.cfg); got["sets.users"] != 1 {
				t.Errorf("a member of two edges counts %v times", got["sets.users"])
			}
		}
		if old.samples != 8 || next.samples != 6 {
			t.Errorf("the clusters have %d and %d samples, want 8 and 6", old.samples, next.samples)
		}
		balances(t, v.Server)
		q := v.member.Answer(v.Server.out.States())
		if q.Forward.Samples != 8 || q.Next == nil || q.Next.Samples != 6 || q.Forward.Waiting() > 0 || q.Next.Acknowledged == 0 {
			t.Errorf("%+v, %+v", q.Forward, q.Next)
		}
	})
}

// The process is stopped while the second cluster takes over. Afterwards, the data collected before
// the stop is forwarded to the first cluster.
func TestNextWhileStopped(t *testing.T) {
	cfg, _ := every10s()
	cfg.Sinks = nil
	old := newCluster(&cfg)
	from := time.Date(2000, 1, 1, 0, 0, 20, 0, time.UTC)
	next := addNext(&cfg, from)
	inVirtualTime(t, cfg, func(v *virtual) {
		v.wait(15 * time.Second)
		v.receive("users:a|s")
		stopped := make(chan bool)
		go func() { _ = v.loop.do(v.t.Context(), func() { <-stopped }) }()
		v.wait(20 * time.Second)
		close(stopped)
		v.wait(20 * time.Second)
		if at := from.UnixNano(); old.samples != 1 || next.samples != 0 || slices.Max(old.ends) != at || slices.Min(next.ends) <= at {
			v.t.Errorf("samples: %d and %d; ends: %v and %v", old.samples, next.samples, old.ends, next.ends)
		}
	})
}

// Each interval must belong to exactly one cluster.
func TestNextTimes(t *testing.T) {
	at := time.Unix(1e9, 0)
	future := time.Now().Add(time.Hour).Truncate(10 * time.Second)
	for want, change := range map[string]func(*Config){
		"": func(c *Config) { c.NextTo, c.NextAfter = "statsd://b:1", at },
		"the nearest ends are 2001-09-09T01:46:40Z and 2001-09-09T01:46:50Z": func(c *Config) { c.NextTo, c.NextAfter = "statsd://b:1", at.Add(3*time.Second) },
		"from=TIME must be earlier than":                                     func(c *Config) { c.ForwardAfter, c.NextTo, c.NextAfter = at, "statsd://b:1", at },
		"nothing would be forwarded before":                                  func(c *Config) { c.ForwardAfter = future },
		"until=TIME needs --forward":                                         func(c *Config) { c.ForwardTo = ""; owning(c, new(*linktest.Engine)); c.CollectUntil = future },
		"from= with the same time": func(c *Config) {
			c.ForwardTo = ""
			owning(c, new(*linktest.Engine))
			c.CollectUntil, c.NextTo, c.NextAfter = future, "statsd://b:1", at
		},
		"the same cluster": func(c *Config) {
			c.ForwardTo = ""
			owning(c, new(*linktest.Engine))
			c.CollectUntil, c.NextTo, c.NextAfter = future, "statsd://:8127", future
		},
		"give only one --forward": func(c *Config) {
			owning(c, new(*linktest.Engine))
			c.CollectUntil, c.NextTo, c.NextAfter = future, "statsd://b:1", future
		},
		"gets the samples of this daemon": func(c *Config) { c.ForwardTo = ""; owning(c, new(*linktest.Engine)); c.CollectAfter = future },
		"one --forward": func(c *Config) {
			owning(c, new(*linktest.Engine))
			c.CollectAfter, c.NextTo, c.NextAfter = at, "statsd://b:1", at
		},
	} {
		cfg, _ := every10s()
		newCluster(&cfg)
		change(&cfg)
		if err := cfg.Validate(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}
