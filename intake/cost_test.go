package intake

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/rules"
)

// BenchmarkNames parses packets of 1,432 bytes and adds their samples, of 10,000 series; an operation is a
// sample. The series are the same in all variants, but for how they are written and what rules do.
func BenchmarkNames(b *testing.B) {
	const plain, unclean = "app.web-%02d.api.v2.users.get.status_%d:%d|c", "app.web %02d.api/v2.users.get.status_%d:%d|c"
	const tagged = "app.api.v2.users.get:%[3]d|c|#host:web-%02[1]d,env:prod,region:eu-west-1,zone:b,status:%[2]d,version:2.13.4,team:checkout,canary:false"
	none, some := "mappings:", "mappings:"
	for i := range 50 {
		none += fmt.Sprintf("\n- {match: \"app.other-%d.*.*.*.*.*\", name: other}", i)
		some += fmt.Sprintf("\n- {match: \"*.web-%02d.*.*.*.*.*\", name: \"$1.$2.$3.$4.$5.$6\"}", i)
	}
	for _, bb := range []struct {
		name, format, rules string
		tags                metric.Tags
	}{
		{"plain", plain, "", metric.DropTags},
		{"unclean", unclean, "", metric.DropTags},
		{"rules=unmatched", plain, none, metric.DropTags},
		{"rules=keep", plain, "mappings: [{match: \"app.*.*.*.*.*.*\", action: keep}]", metric.DropTags},
		{"rules=drop10", plain, "mappings: [{match: \"app\\\\.web-0[0-4].*\", match_type: regex, action: drop}]", metric.DropTags},
		{"rules=drop", plain, "mappings: [{match: \"app.*.*.*.*.*.*\", action: drop}]", metric.DropTags},
		{"rules=rename", plain, some, metric.DropTags},
		{"tags=graphite,untagged", plain, "", metric.GraphiteTags},
		{"tags=graphite", tagged, "", metric.GraphiteTags},
		{"tags=graphite,rules=unmatched", tagged, none, metric.GraphiteTags},
		{"tags=drop", tagged, "", metric.DropTags},
	} {
		b.Run(bb.name, func(b *testing.B) {
			cfg := config()
			cfg.Receivers, cfg.Tags = 1, bb.tags
			if bb.rules != "" {
				set, err := rules.Load([]byte(bb.rules), rules.Intake)
				if err != nil {
					b.Fatal(err)
				}
				cfg.Rules = set
			}
			in, err := Open(cfg)
			if err != nil {
				b.Fatal(err)
			}
			defer in.Close()
			packets := packetsOf(bb.format, 10_000)
			l, p := in.lanes[0], in.lanes[0].parser
			take := func(packet []byte) {
				l.shard.Lock()
				l.takeDatagram(&p, packet, origin{})
				l.addPending()
				l.shard.Unlock()
			}
			for _, packet := range packets {
				take(packet)
			}
			before := in.Live().Samples
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; in.lanes[0].tally.Samples-before < uint64(b.N); i++ {
				take(packets[i%len(packets)])
			}
			if t := in.Live(); t.DiscardedSamples() > 0 {
				b.Fatalf("%d samples discarded", t.DiscardedSamples())
			}
		})
	}
}

// packetsOf returns packets with a sample of each of n series.
func packetsOf(format string, n int) (packets [][]byte) {
	const size = 1432
	var packet []byte
	for i := range n {
		at := i * 7919 % n // an order that caches cannot predict
		line := fmt.Appendf(nil, format+"\n", at%50, at, at%1000)
		if len(packet)+len(line) > size {
			packets, packet = append(packets, packet), nil
		}
		packet = append(packet, line...)
	}
	return append(packets, bytes.Clone(packet))
}
