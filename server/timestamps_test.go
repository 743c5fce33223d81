package server

import "testing"

// Timestamps in DogStatsD lines are ignored. They are counted once for each good sample.
func TestTimestampsIgnored(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"udp", "tcp"} {
		d := start(t, config())
		d.deliver(d.dial(network), "a:1|c|T1640995200\na:2:3|ms|#k:v|T1640995200\na:x|c|T1640995200\na:1|c\n", "b:1|g|T1640995200|#k:v\n")
		d.stop()
		check(t, d.Server, "metrics.timestamps_ignored 4", "samples.aggregated 5", "metrics.discarded 1")
	}
}
