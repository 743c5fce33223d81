package collect

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestBatches checks when late messages are merged: soon after the first message, less often while late messages go on, and
// soon again afterwards. A batch that takes long is followed by a long pause.
func TestBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b batches
		batch := func(took time.Duration) (waited time.Duration) {
			b.note()
			begun := time.Now()
			time.Sleep(b.wait())
			waited = time.Since(begun)
			b = b.begin()
			time.Sleep(took)
			b.ended = time.Now()
			return waited
		}
		for i, want := range []time.Duration{time.Second, time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second, 5 * time.Second} {
			if got := batch(0); got != want {
				t.Errorf("batch %d comes after %v, want %v", i, got, want)
			}
		}
		time.Sleep(time.Minute)
		for _, want := range []time.Duration{time.Second, time.Second, 2 * time.Second} {
			if got := batch(0); got != want {
				t.Errorf("after a minute without late messages a batch comes after %v, want %v", got, want)
			}
		}
		time.Sleep(time.Minute)
		batch(time.Second)
		if got := batch(0); got != correctionShare*time.Second {
			t.Errorf("after a batch of a second, the next comes after %v", got)
		}
	})
}
