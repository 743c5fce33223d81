package intake

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/wire"
)

// If many samples wait to be added together, each sample keeps its own name.
func TestTaggedBatches(t *testing.T) {
	table := aggregate.NewTable(aggregate.Config{Shards: 1, MaxNames: 1000, MaxNameLength: 100, Tagged: true})
	l := &lane{part: &part{}, shard: table.Shard(0), tagger: wire.NewTagger(metric.GraphiteTags, 0, metric.Reference)}
	datagram, stream := wire.Parser{Tagger: l.tagger}, wire.Parser{Tagger: l.tagger}
	var all []byte
	l.shard.Lock()
	for i := range 100 {
		line := fmt.Appendf(nil, "hits:1|c|#n:%d", i)
		l.takeDatagram(&datagram, line, origin{})
		all = append(append(all, line...), '\n')
	}
	l.take(&stream, all, origin{})
	l.shard.Unlock()
	series := 0
	for p := range table.Drain(nil).Summarize(aggregate.Layout{Counters: []string{"rate"}, Interval: time.Second}, 0).Points() {
		if series++; !strings.HasPrefix(string(p.Path), "hits;n=") || p.Value != 2 {
			t.Errorf("%s counts %v, want 2", p.Path, p.Value)
		}
	}
	if series != 100 {
		t.Errorf("%d series, want 100", series)
	}
}

// All values in a line have the line's name and tags, even if other samples are added between them.
func TestTaggedPacks(t *testing.T) {
	table := aggregate.NewTable(aggregate.Config{Shards: 1, MaxNames: 1000, MaxNameLength: 100, MaxTimerSamples: 1000, Tagged: true})
	l := &lane{part: &part{}, shard: table.Shard(0), tagger: wire.NewTagger(metric.GraphiteTags, 0, metric.Reference)}
	p := wire.Parser{Tagger: l.tagger}
	l.shard.Lock()
	for _, values := range []int{31, 32, 33, 100} {
		first := fmt.Sprintf("pack%d%s|ms|#of:first", values, strings.Repeat(":1", values))
		l.take(&p, []byte(first+"\nanother.series:1|ms|#in:between\n"), origin{})
	}
	l.shard.Unlock()
	got := map[string]float64{}
	for p := range table.Drain(nil).Summarize(aggregate.Layout{TimerStats: []string{"count"}, Interval: time.Second}, 0).Points() {
		got[string(p.Path)] = p.Value
	}
	if want := (map[string]float64{"pack31.count;of=first": 31, "pack32.count;of=first": 32, "pack33.count;of=first": 33,
		"pack100.count;of=first": 100, "another.series.count;in=between": 4}); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
