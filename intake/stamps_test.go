package intake

import (
	"sync/atomic"
	"testing"
	"time"
)

// A receiver requests times of arrival, unless its socket gets many datagrams and no gauges. At the
// next gauge it requests them again.
func TestStamps(t *testing.T) {
	var last atomic.Int64
	s := stamps{lastGauge: &last}
	at := time.Unix(1_000_000, 0)
	run := func(seconds, rate int, gauges bool) (want bool) {
		for range seconds * 10 {
			if s.note(rate/10, gauges); gauges && s.off && !s.due() {
				t.Error("after a gauge, the receiver does not check at once whether it needs times of arrival")
			}
			at = at.Add(100 * time.Millisecond)
			want = s.want(at)
		}
		return want
	}
	for _, step := range []struct {
		why           string
		seconds, rate int
		gauges        bool
		want          bool
	}{
		{"at the start", 1, 1_000, false, true},
		{"busy without gauges", 1, 1_000_000, false, false},
		{"a gauge comes", 1, 1_000_000, true, true},
		{"soon after", 50, 1_000_000, false, true},
		{"long after", 20, 1_000_000, false, false},
		{"quiet", 3, 1_000, false, true},
		{"busy again", 3, 1_000_000, false, false},
		{"nothing at all", 3, 0, false, true},
	} {
		if got := run(step.seconds, step.rate, step.gauges); got != step.want {
			t.Errorf("%s: asks %v, want %v", step.why, got, step.want)
		}
	}
}

// If one receiver sees a gauge, all receivers request times of arrival.
func TestStampsOfOthers(t *testing.T) {
	var last atomic.Int64
	s, other := stamps{lastGauge: &last}, stamps{lastGauge: &last}
	at := time.Unix(1_000_000, 0)
	s.want(at)
	s.note(1_000_000, false)
	at = at.Add(time.Second)
	if s.want(at) || s.due() {
		t.Fatal("it asks, though it is busy and there are no gauges")
	}
	other.note(1, true)
	other.want(at.Add(time.Millisecond))
	if !s.due() || !s.want(at.Add(2*time.Millisecond)) {
		t.Error("it does not ask, though another receiver saw a gauge")
	}
}
