package server

import "testing"

// A timer with too many samples keeps its count and extremes exact, and says so.
func TestTimersWithTooManySamples(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.MaxTimerSamples = 10
	d := start(t, cfg)
	conn := d.dial("udp")
	d.deliver(conn, "few:1:2:3:4:5:6:7:8:9:10|ms", "many:1:2:3:4:5:6:7:8:9:10:11|ms|@0.5")
	d.stop()
	check(t, d.Server, "timers.sketched 1", "samples.aggregated 21", "samples.refused 0")
	got := d.published()
	for path, want := range map[string]float64{
		"timers.few.upper_90": 9, "timers.many.lower": 1, "timers.many.upper": 11, "timers.many.mean": 6, "timers.many.count": 22,
	} {
		if got[path] != want {
			t.Errorf("%s %v, want %v", path, got[path], want)
		}
	}
	if p := got["timers.many.upper_90"]; p < 9.9 || p > 10.1 {
		t.Errorf("timers.many.upper_90 %v, want 10 to 1 %%", p)
	}
}
