package aggregate

import (
	"testing"

	"github.com/statsd-ops/statsd/metric"
)

func TestNamesAsSent(t *testing.T) {
	table := NewTable(Config{
		Shards: 2, MaxNames: 100, MaxNameLength: 100, MaxSetMembers: 1, MaxTimerSamples: 1, Tagged: true, NamesAsSent: true,
		Expire: [metric.Kinds]uint32{2, 2, 2, 2},
	})
	for _, tt := range []struct {
		name   string
		reason metric.Reason
	}{
		{"café / x", metric.None},
		{"a\tb\x00;city=Zürich", metric.None},
		{"a_b_;city=Zürich", metric.None},
		{"\u00a0", metric.None},
		{"a\xff", metric.BadName},
		{"", metric.EmptyName},
		{";k=v", metric.EmptyName},
	} {
		for i := range 2 {
			s := table.Shard(i)
			s.Lock()
			if got := s.Add(&metric.Sample{Name: []byte(tt.name), Value: 10, Weight: 1}); got != tt.reason {
				t.Errorf("%q: %v, want %v", tt.name, got, tt.reason)
			}
			s.Unlock()
		}
	}
	expect(t, flush(table), points{"stats.café / x": 2, "stats.a_b_;city=Zürich": 4, "stats.\u00a0": 2})
	s := table.Shard(0)
	s.Lock()
	defer s.Unlock()
	if r := s.Merge(&Row{Kind: metric.Counter, Name: []byte("é x;k=v"), Value: 1}); r != metric.None {
		t.Errorf("merging a name as sent: %v", r)
	}
	if r := s.Merge(&Row{Kind: metric.Counter, Name: []byte("a\x00"), Value: 1}); r != metric.BadValue {
		t.Errorf("merging a name that no table can have: %v", r)
	}
}
