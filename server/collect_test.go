package server

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/collect"
	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/link/linktest"
	"github.com/statsd-ops/statsd/meta"
)

// owning configures the daemon to own all partitions of a cluster, whose engine is in memory.
func owning(cfg *Config, engine **linktest.Engine) {
	cfg.Cluster = collect.Cluster{
		CollectFrom: "statsd://:8127", CollectID: "central", CollectPartitions: 4, CollectReplicas: 1, CollectBytes: 1 << 20,
		Lateness: 2 * time.Second, Late: collect.LateCorrect, LateHorizon: time.Hour,
		OpenCluster: func() (*collect.Connection, error) {
			e := linktest.New(link.Settings{
				Version: link.SettingsVersion, Partitions: 4, Interval: cfg.FlushInterval, Horizon: time.Hour, MemberKey: [16]byte{7}, Tags: cfg.Tags.String(),
			}, 1)
			*engine = e
			return &collect.Connection{
				Remote: true, Engine: e.Connect(), Sender: func() (link.Sender, error) { return e.Sender(), nil },
				Members: func(string) link.Members {
					m := linktest.NewMembers()
					m.Want(0, 1, 2, 3)
					return m
				},
			}, nil
		},
	}
}

// An owner forwards the lines that it receives to its cluster. The cluster publishes them once,
// with the time of their interval. The owner publishes its own figures at its own flushes. Windows
// that a sink has not received are saved in the engine.
func TestCollect(t *testing.T) {
	cfg, r := every10s()
	var engine *linktest.Engine
	owning(&cfg, &engine)
	inVirtualTime(t, cfg, func(v *virtual) {
		t := v.t
		v.wait(10 * time.Second)
		v.receive("hits:3|c\ntemp:5|g\nt:7|ms\nu:a|s")
		v.wait(20 * time.Second)
		hits := 0
		for _, p := range r.Points() {
			if p.Path == "counters.hits" {
				hits++
			}
		}
		if hits != 1 {
			t.Errorf("hits was published %d times, want 1", hits)
		}
		if _, known := v.values.Path("gauges.temp"); !known {
			t.Error("the monitor does not show gauges.temp")
		}
		check(t, v.Server, "collect.owned 4", "collect.unowned 0", "collect.edges 1", "collect.samples 4", "collect.samples.lost 0", "collect.undelivered 0")

		r.Fail(errors.New("down"))
		v.receive("hits:1|c")
		v.wait(30 * time.Second)
		if q := v.member.Answer(v.Server.out.States()); q.Partitions[0].Undelivered+q.Partitions[1].Undelivered+q.Partitions[2].Undelivered+q.Partitions[3].Undelivered == 0 {
			t.Error("nothing is noted as undelivered")
		}
		r.Recover()
		v.wait(30 * time.Second)
		check(t, v.Server, "collect.undelivered 0")
		if q := v.member.Answer(v.Server.out.States()); q.Ledger.Difference != 0 || q.Ledger.Samples != 5 || len(q.Edges) != 1 {
			t.Errorf("%+v", q.Ledger)
		}
	})
}

// If the engine is unreachable for a long time, the daemon's health reports it.
func TestCollectWithoutEngine(t *testing.T) {
	cfg, _ := every10s()
	var engine *linktest.Engine
	owning(&cfg, &engine)
	inVirtualTime(t, cfg, func(v *virtual) {
		t := v.t
		v.receive("hits:3|c")
		v.wait(40 * time.Second)
		if h := v.Health(); h.Has(meta.PartitionUnowned) || h.Has(meta.CollectBehind) {
			t.Errorf("%v", h.Reasons)
		}
		engine.Down(true)
		v.wait(2 * time.Minute)
		if h := v.Health(); !h.Has(meta.PartitionUnowned) {
			t.Errorf("no partition is unowned: %v", h.Reasons)
		}
		engine.Down(false)
		v.wait(time.Minute)
		if h := v.Health(); h.Has(meta.PartitionUnowned) {
			t.Errorf("%v", h.Reasons)
		}
	})
}

// An owner is ready as soon as it has joined its cluster. It stays ready when the engine becomes
// unreachable later.
func TestCollectReady(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.FlushInterval, cfg.MonitorPort = 100*time.Millisecond, 0
	var engine *linktest.Engine
	owning(&cfg, &engine)
	open := cfg.OpenCluster
	cfg.OpenCluster = func() (*collect.Connection, error) {
		c, err := open()
		engine.Down(true)
		return c, err
	}
	d := start(t, cfg)
	code, body := d.browse("/readyz")
	if code != 503 || !strings.Contains(body, "the cluster cannot be joined: --collect statsd://:8127: the engine has trouble") {
		t.Errorf("/readyz: %d %s", code, body)
	}
	if h := d.Health(); len(h.Reasons) != 1 {
		t.Errorf("one fault has several reasons: %v", h.Reasons)
	}
	engine.Down(false)
	eventually(t, "the owner is ready", func() bool { code, _ := d.browse("/readyz"); return code == 200 })
	engine.Down(true)
	if code, body := d.browse("/readyz"); code != 200 {
		t.Errorf("/readyz: %d %s", code, body)
	}
	engine.Down(false) // otherwise the daemon tries to forward until the shutdown timeout
}
