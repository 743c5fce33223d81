package plural

import "testing"

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
