package nats

import (
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/statsd-ops/statsd/link"
)

// Tests that need NATS servers are in the module in the directory cluster.

// TestShare checks that all owners calculate the same owner for each partition, and that each owner
// gets a fair share. If an owner starts or stops, only its own partitions change their owner.
func TestShare(t *testing.T) {
	const partitions = 64
	owners := func(names ...string) map[int]string {
		of := map[int]string{}
		for _, name := range names {
			m := &members{partitions: partitions, key: name}
			for _, p := range m.share(append([]string{name}, names...)) {
				if of[p] != "" {
					t.Errorf("%s and %s want partition %d", of[p], name, p)
				}
				of[p] = name
			}
		}
		if len(of) != partitions {
			t.Errorf("%d of %d partitions are wanted", len(of), partitions)
		}
		return of
	}
	before, after := owners("own.a", "own.b", "own.c"), owners("own.a", "own.b", "own.c", "own.d")
	count := map[string]int{}
	for p, name := range after {
		count[name]++
		if before[p] != name && name != "own.d" {
			t.Errorf("partition %d moves from %s to %s", p, before[p], name)
		}
	}
	for name, n := range count {
		if n < 6 || n > 28 {
			t.Errorf("%s wants %d of %d partitions", name, n, partitions)
		}
	}
}

func TestToken(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{"web-1", "web_1", "web.1", "web 1", "web=2e1", "web>", "web*", "wéb", "", "=", "WEB-1"} {
		key := token(name)
		for _, c := range key {
			if c == '.' || c == ' ' || c == '*' || c == '>' || c > 'z' {
				t.Errorf("%q becomes %q", name, key)
			}
		}
		if other, ok := seen[key]; ok {
			t.Errorf("%q and %q become %q", name, other, key)
		}
		seen[key] = name
	}
}

func TestOlder(t *testing.T) {
	for version, want := range map[string]bool{"2.11.9": true, "1.99.0": true, "2": true, "2.12.0": false, "2.15.2-RC.1": false, "3.0.0": false} {
		if older(version, leastVersion) != want {
			t.Errorf("%s: older is not %v", version, want)
		}
	}
}

// TestCheck changes the settings of streams. The function check must refuse changes that could
// cause a loss of data.
func TestCheck(t *testing.T) {
	e := &Engine{session: &session{cfg: Config{Prefix: "sd", Replicas: 3, MaxBytes: 1 << 30}}}
	settings := link.Settings{Partitions: 4}
	for name, c := range map[string]struct {
		change func(*jetstream.StreamConfig)
		ok     bool
	}{
		"nothing":           {func(*jetstream.StreamConfig) {}, true},
		"more copies":       {func(c *jetstream.StreamConfig) { c.Replicas = 5 }, true},
		"less room":         {func(c *jetstream.StreamConfig) { c.MaxBytes = 1 << 20 }, true},
		"the oldest go":     {func(c *jetstream.StreamConfig) { c.Discard = jetstream.DiscardOld }, false},
		"old ones go":       {func(c *jetstream.StreamConfig) { c.MaxAge = 1 }, false},
		"a limit of number": {func(c *jetstream.StreamConfig) { c.MaxMsgs = 10 }, false},
		"in memory":         {func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage }, false},
		"a queue of work":   {func(c *jetstream.StreamConfig) { c.Retention = jetstream.WorkQueuePolicy }, false},
		"other subjects":    {func(c *jetstream.StreamConfig) { c.Subjects = []string{"x"} }, false},
	} {
		got := e.messages(1, settings)
		c.change(&got)
		if err := check(got, e.messages(1, settings)); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	commits := e.commits()
	commits.MaxBytes = 1 << 30
	if check(commits, e.commits()) == nil {
		t.Error("commits that are discarded are accepted")
	}
}

func TestConfigFiles(t *testing.T) {
	for _, cfg := range []Config{{NKey: "/nowhere"}, {CA: "/nowhere"}, {Cert: "/nowhere", Key: "/nowhere"}} {
		cfg.Servers = []string{"127.0.0.1:4222"}
		if s, err := NewSender(cfg); err == nil {
			t.Errorf("%+v is accepted", cfg)
			_ = s.Close()
		}
	}
	s, err := NewSender(Config{Servers: []string{"127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Send(t.Context(), link.Message{Data: []byte("x")}); err == nil {
		t.Error("sent after Close")
	}
}
