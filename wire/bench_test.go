package wire

import (
	"fmt"
	"testing"

	"github.com/statsd-ops/statsd/metric"
)

// BenchmarkParser parses datagrams of 1432 bytes. One operation is one sample.
func BenchmarkParser(b *testing.B) {
	const counter, tagged = "app.web-03.api.v2.users.get.status_%03d:%d|c\n", "app.web-03.api.v2.users.get.status_%03d:%d|c|#env:prod,host:web-03\n"
	for _, bb := range []struct {
		name, format string
		tags         metric.Tags
	}{
		{"counter", counter, metric.DropTags},
		{"timer", "rpc.web-03.api.v2.users.get.latency_%03d:%d.25|ms\n", metric.DropTags},
		{"rate", "app.web-03.api.v2.users.get.status_%03d:%d|c|@0.1\n", metric.DropTags},
		{"set", "uid.web-03.api.v2.users.get.status_%03d:u%d|s\n", metric.DropTags},
		{"tags", tagged, metric.DropTags},
		{"tags=graphite/none", counter, metric.GraphiteTags},
		{"tags=graphite/same", tagged, metric.GraphiteTags},
		{"tags=graphite/differ", "app.api.v2.users.get.status:%[2]d|c|#env:prod,host:web-03,n:%03[1]d\n", metric.GraphiteTags},
		{"tags=graphite/unsorted", "app.web-03.api.v2.users.get.status_%03d:%d|c|#host:web-03,env:prod\n", metric.GraphiteTags},
		{"tags=graphite/in-name", "app.web-03.api.v2.users.get.status_%03d;env=prod;host=web-03:%d|c\n", metric.GraphiteTags},
		{"tags=keep-in-name", tagged, metric.TagsInName},
	} {
		b.Run(bb.name, func(b *testing.B) {
			var datagram []byte
			samples := 0
			for {
				line := fmt.Appendf(nil, bb.format, samples, samples*7%1000)
				if len(datagram)+len(line) > 1432 {
					break
				}
				datagram = append(datagram, line...)
				samples++
			}
			p := Parser{Tagger: NewTagger(bb.tags, 0, metric.Reference)}
			var s metric.Sample
			b.ReportAllocs()
			for n := 0; n < b.N; {
				p.Tagger.Forget()
				p.Reset(datagram)
				found := 0
				for item := p.Next(&s); item != End; item = p.Next(&s) {
					if item == Sample {
						found++
					}
				}
				if found != samples {
					b.Fatalf("%d samples, want %d", found, samples)
				}
				n += found
			}
		})
	}
}
