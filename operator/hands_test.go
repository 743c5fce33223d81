package operator

import (
	"testing"
	"time"

	"github.com/statsd-ops/statsd/meta/question"
)

// The duration of draining depends on the monotonic time, so a change of the clock does not affect
// it.
func TestDrainKeepsItsTime(t *testing.T) {
	h, now := NewHands(Acts{}), time.Now()
	h.now = func() time.Time { return now }
	if _, err := h.drain(t.Context(), question.Arguments{"seconds": 600}); err != nil {
		t.Fatal(err)
	}
	if until := h.drainUntil.Load(); until.String() == until.Round(0).String() {
		t.Errorf("%s has no monotonic time", until)
	}
	if now = now.Add(599 * time.Second); !h.Draining() {
		t.Error("it does not drain")
	}
	if now = now.Add(time.Second); h.Draining() {
		t.Error("it drains after its time")
	}
}

// The command that searchFor suggests can be pasted into a shell without additional quotes.
func TestSearchFor(t *testing.T) {
	for name, want := range map[string]string{
		"stats.a.b1": "statsdmonitor values '*b1*'", "a.$x": "statsdmonitor values '*$x*'", "a;k=v": "statsdmonitor values '*a*'",
		"": "", "a.": "", "a.[": "", "a.it's": "", "a.b\xc3": "", "a.b c": "", `a.\`: "",
	} {
		if got := searchFor(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

// All answers quote names only if it is necessary.
func TestDeletedNames(t *testing.T) {
	var d question.Deleted
	addDeleted(&d, "web.hits")
	addDeleted(&d, "odd\x1b\xff")
	if d.First[0] != "web.hits" || d.First[1] != `"odd\x1b\xff"` {
		t.Errorf("got %q", d.First)
	}
}

func TestBetween(t *testing.T) {
	for want, b := range map[string][2]uint64{"1 sample": {1, 1}, "6 samples": {6, 6}, "1,000 to 1,200 samples": {1000, 1200}, "0 to 1 sample": {0, 1}} {
		if got := between(b[0], b[1]); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
