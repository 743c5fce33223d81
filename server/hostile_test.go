package server

import (
	"fmt"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/server/hostile"
	"github.com/statsd-ops/statsd/wire"
)

// The test puts broken lines directly into the table. After each hundred, it adds a good line (the
// canary), which is always counted. Every sample is accounted for, and all results are finite.
func TestSoakBrokenInputs(t *testing.T) {
	n, seed := soak.Pick(20_000, 10_000_000), soak.Pick(2, uint64(time.Now().UnixNano()))
	t.Logf("seed %d", seed)
	cfg := config()
	cfg.FlushInterval, cfg.GaugeExpire, cfg.Receivers, cfg.MaxNames, cfg.Expire = time.Second, time.Second, 1, 10_000, 1
	inVirtualTime(t, cfg, func(v *virtual) {
		inputs := hostile.New(seed)
		var parser wire.Parser
		var sample metric.Sample
		samples, canaries := uint64(0), 0.0
		for i := 1; i <= n; i++ {
			input := inputs.Next()
			parser.Reset(input)
			for item := parser.Next(&sample); item != wire.End; item = parser.Next(&sample) {
				if item != wire.Event {
					samples++
				}
			}
			v.receive(string(input))
			if i%100 == 0 {
				v.receive("canary:1|c")
				samples++
			}
			if i%10_000 == 0 {
				v.wait(time.Second)
				for _, value := range v.values.Last() {
					if value.Value-value.Value != 0 {
						t.Fatalf("%s is %v", value.Path, value.Value)
					}
					if value.Path == "counters.canary" && value.Time == time.Now().Unix() {
						canaries += value.Value
					}
				}
			}
		}
		if canaries != float64(n/100) {
			t.Errorf("the canary came to %v, want %d", canaries, n/100)
		}
		check(t, v.Server, fmt.Sprint("samples.received ", float64(samples)), "samples.refused 0")
		soak.Row(t, fmt.Sprintf("%d broken inputs, without sockets", n), "0 panics, canary exact, all published values finite", "the same")
		if total := &v.flushes.total; total.Aggregated+total.DiscardedSamples() != samples || total.Aggregated < samples/10 {
			t.Errorf("%d samples, %d aggregated, %d discarded", samples, total.Aggregated, total.DiscardedSamples())
		}
	})
}
