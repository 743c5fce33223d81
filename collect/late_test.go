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
		expect := func(when string, took time.Duration, want ...time.Duration) {
			for i, want := range want {
				if got := batch(took); got != want {
					t.Errorf("%s: batch %d comes after %v, want %v", when, i, got, want)
				}
			}
		}
		expect("at first", 0, time.Second, time.Second, 2*time.Second, 4*time.Second, 5*time.Second, 5*time.Second)
		time.Sleep(time.Minute)
		expect("after a minute without late messages", 0, time.Second, time.Second, 2*time.Second)
		time.Sleep(time.Minute)
		const long = 3 * time.Second
		expect("batches that take long", long, time.Second, long, 2*long, 4*long, 8*long, 10*long, 10*long)
	})
}
