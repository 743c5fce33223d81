package plural

import (
	"testing"
	"time"
)

func TestCounts(t *testing.T) {
	for got, want := range map[string]string{
		Count(0): "0", Count(999): "999", Count(1000): "1,000", Count(94292): "94,292", Count(1<<64 - 1): "18,446,744,073,709,551,615",
		Things(1, "mouse", "mice"): "1 mouse", Things(2000, "mouse", "mice"): "2,000 mice", Things(0, "mouse", "mice"): "0 mice",
		Were(1, "point"): "1 point was", Were(94292, "point"): "94,292 points were",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 420 * time.Millisecond: "0.4s", 99 * time.Millisecond: "99ms", time.Microsecond: "0s", 15600 * time.Millisecond: "15.6s", 59990 * time.Millisecond: "1m",
		time.Minute: "1m", 372 * time.Second: "6m12s", time.Hour: "1h", 125 * time.Minute: "2h5m", 146 * time.Hour: "6d2h", 48 * time.Hour: "2d",
	} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%v) = %q, want %q", d, got, want)
		}
	}
}
