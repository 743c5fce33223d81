package wire

import (
	"fmt"
	"testing"

	"github.com/statsd-ops/statsd/metric"
)

// BenchmarkParser reads datagrams of 1432 bytes; an operation is one sample.
func BenchmarkParser(b *testing.B) {
	for _, bb := range []struct{ name, format string }{
		{"counter", "app.web-03.api.v2.users.get.status_%03d:%d|c\n"},
		{"timer", "rpc.web-03.api.v2.users.get.latency_%03d:%d.25|ms\n"},
		{"rate", "app.web-03.api.v2.users.get.status_%03d:%d|c|@0.1\n"},
		{"tags", "app.web-03.api.v2.users.get.status_%03d:%d|c|#env:prod,host:web-03\n"},
		{"set", "uid.web-03.api.v2.users.get.status_%03d:u%d|s\n"},
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
			var p Parser
			var s metric.Sample
			b.ReportAllocs()
			for n := 0; n < b.N; {
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
