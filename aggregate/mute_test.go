package aggregate

import (
	"fmt"
	"strings"
	"testing"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/metric"
)

// starting returns a mute that matches the names with a prefix.
func starting(prefix string) *Mute {
	return &Mute{Match: func(name []byte) bool { return strings.HasPrefix(string(name), prefix) }}
}

// markAll marks all names that a mute matches.
func markAll(table *Table, m *Mute) {
	for kind := range metric.Kind(metric.Kinds) {
		for look := table.Peek(kind, m.Match); look.Next(); {
			table.Mark(kind, look.Names)
		}
	}
}

// A mute refuses the samples of a new name at once. It refuses the samples of a known name only
// after the name was marked. The table keeps no refused sample, even while it is rebuilt.
func TestMutes(t *testing.T) {
	config := Config{Shards: 2, MaxNames: 1000, MaxNameLength: 100, MaxSetMembers: 10, MaxTimerSamples: 10, Expire: [metric.Kinds]uint32{2, 2, 2, 2}}
	table := NewTable(config)
	add := func(shard int, kind metric.Kind, name string) metric.Reason {
		s := table.Shard(shard)
		s.Lock()
		defer s.Unlock()
		return s.Add(&metric.Sample{Kind: kind, Name: []byte(name), Value: 1, Weight: 1, Member: []byte("x"), At: 1})
	}
	want := func(reason metric.Reason, name string) {
		t.Helper()
		for shard := range 2 {
			for kind := range metric.Kind(metric.Kinds) {
				if got := add(shard, kind, name); got != reason {
					t.Errorf("%v %s on shard %d: %v, want %v", kind, name, shard, got, reason)
				}
			}
		}
	}
	want(metric.None, "web.a")
	want(metric.None, "api.a")
	m := starting("web.")
	table.SetMutes([]*Mute{starting("none."), m})
	want(metric.None, "web.a") // the name was not marked yet
	markAll(table, m)
	names := table.Names()
	want(metric.RefusedMuted, "web.a")
	want(metric.RefusedMuted, "web.new")
	want(metric.RefusedMuted, "web.new")
	want(metric.None, "api.a")
	if got := m.Samples.Load(); got != 24 || table.Names() != names {
		t.Errorf("refused %d, names %d, before %d", got, table.Names(), names)
	}
	layout := Reference.Layout()
	layout.Interval = 1e9
	for i := range 200 { // as names come and go, the shards are rebuilt
		for n := range 20 {
			add(i%2, metric.Counter, fmt.Sprintf("other.%d.%d", i, n))
		}
		want(metric.RefusedMuted, "web.a")
		sn := table.Drain(nil).Summarize(layout, int64(i))
		for p := range sn.Points() {
			if i > 0 && strings.Contains(string(p.Path), "web") {
				t.Fatalf("interval %d publishes %s", i, p.Path)
			}
		}
	}
	table.SetMutes([]*Mute{starting("none.")})
	want(metric.None, "web.a")
	table.SetMutes([]*Mute{m})
	markAll(table, m)
	want(metric.RefusedMuted, "web.a")
	table.SetMutes(nil)
	want(metric.None, "web.a")
	want(metric.None, "web.new")
}

// After a record was moved to a new table, its samples are still muted.
func TestMuteMoves(t *testing.T) {
	config := Config{Shards: 1, MaxNames: 100_000, MaxNameLength: 100, MaxSetMembers: 10, MaxTimerSamples: 10, Expire: [metric.Kinds]uint32{2, 100, 2, 2}}
	table := NewTable(config)
	s := table.Shard(0)
	add := func(kind metric.Kind, name string) metric.Reason {
		s.Lock()
		defer s.Unlock()
		return s.Add(&metric.Sample{Kind: kind, Name: []byte(name), Value: 1, Weight: 1, At: 1})
	}
	layout := Reference.Layout()
	layout.Interval = 1e9
	add(metric.Gauge, "web.gauge")
	flush := func(at int) { table.Drain(nil).Summarize(layout, int64(at)) }
	flush(0)
	m := starting("web.")
	table.SetMutes([]*Mute{m})
	markAll(table, m)
	before := s.names
	for i := range 20 {
		for n := range soak.Times(5000) {
			add(metric.Counter, fmt.Sprintf("other.%d.%d", i, n))
		}
		flush(i + 1)
	}
	if s.names == before {
		t.Fatal("the shard was not rebuilt")
	}
	if got := add(metric.Gauge, "web.gauge"); got != metric.RefusedMuted {
		t.Errorf("after a rebuild: %v", got)
	}
}

func TestBitmap(t *testing.T) {
	var b bitmap
	set := []ref{1, 63, 66, 1 << 15, 1<<15 + 7, 1 << 24}
	for _, r := range set {
		if b.has(r) {
			t.Errorf("%d is set", r)
		}
		b.set(r)
	}
	for _, r := range set {
		if !b.has(r) || b.has(r+1) {
			t.Errorf("around %d: %v %v", r, b.has(r), b.has(r+1))
		}
		b.unset(r)
		if b.has(r) {
			t.Errorf("%d is still set", r)
		}
	}
	b.unset(1 << 30)
}

// A muted sample counts once as a hit of its rule. Its position in the batch does not matter.
func TestMutedSamplesAreHits(t *testing.T) {
	table := testTable(1)
	setRules(table, map[string]Resolved{"a": rule(0, "web.a", Effects{})}, nil)
	s, m := table.Shard(0), starting("web.")
	add(t, s, "a c 1", "b c 1")
	table.SetMutes([]*Mute{m})
	markAll(table, m)
	for _, names := range []string{"a a a", "b a b", "a b a"} {
		var batch []metric.Sample
		for name := range strings.FieldsSeq(names) {
			batch = append(batch, metric.Sample{Name: []byte(name), Value: 1, Weight: 1})
		}
		reasons := make([]metric.Reason, len(batch))
		s.AddAll(batch, reasons)
		for i, reason := range reasons {
			if muted := string(batch[i].Name) == "a"; muted != (reason == metric.RefusedMuted) || !muted && reason != metric.None {
				t.Errorf("%s: %s is %v", names, batch[i].Name, reason)
			}
		}
	}
	if iv := table.Drain(nil); iv.Hits[0] != 7 || m.Samples.Load() != 6 {
		t.Errorf("%d hits, %d muted", iv.Hits[0], m.Samples.Load())
	}
}
