package probe

import (
	"testing"
	"time"
)

// drive runs a pace over n batches with equal work and equal cost of examining, and with a pause
// between batches. It returns the fraction of examined batches, and the cost as a fraction of the
// work.
func drive(p *pace, now *time.Time, n int, work, cost, pause time.Duration) (looked, share float64) {
	spent := time.Duration(0)
	for range n {
		*now = now.Add(pause)
		if p.begin(*now) {
			*now = now.Add(work + cost)
			p.end(*now, 1_000_000, work, cost)
			spent += cost
			looked++
			continue
		}
		*now = now.Add(work)
	}
	return looked / float64(n), float64(spent) / float64(work*time.Duration(n))
}

func TestPace(t *testing.T) {
	now := time.Unix(1000, 0)
	p := newPace(now, 12345)
	for _, tt := range []struct {
		name                string
		n                   int
		work, cost, pause   time.Duration
		least, most, atMost float64
	}{
		{"idle", 1000, 10 * time.Microsecond, 10 * time.Microsecond, 20 * time.Millisecond, 1, 1, 1},
		{"flooded", 100_000, 10 * time.Microsecond, 10 * time.Microsecond, 0, 0.03, 0.045, 0.045},
		{"flooded, cheap", 100_000, 10 * time.Microsecond, 380 * time.Nanosecond, 0, 0.8, 1, 0.041},
		{"flooded, dear", 100_000, 10 * time.Microsecond, 100 * time.Microsecond, 0, 0.003, 0.005, 0.045},
		{"half idle", 100_000, 10 * time.Microsecond, 10 * time.Microsecond, 10 * time.Microsecond, 0.03, 0.045, 0.045},
		{"idle again", 1000, 10 * time.Microsecond, 10 * time.Microsecond, 20 * time.Millisecond, 0.9, 1, 1},
		{"as dear as can be", 200_000, 10 * time.Microsecond, time.Second, 0, 0, 0.0011, 110},
		{"idle for the last time", 1000, 10 * time.Microsecond, 10 * time.Microsecond, 20 * time.Millisecond, 0, 1, 1},
	} {
		looked, share := drive(&p, &now, tt.n, tt.work, tt.cost, tt.pause)
		if looked < tt.least || looked > tt.most || share > tt.atMost {
			t.Errorf("%s: %.4f of the batches were inspected, want %.4f to %.4f; that cost %.3f of the work", tt.name, looked, tt.least, tt.most, share)
		}
	}
}

// Traffic that repeats in a fixed rhythm is measured correctly, because the batches to examine are
// chosen at random.
func TestPaceHasNoRhythm(t *testing.T) {
	for _, period := range []int{2, 3, 8, 16, 20} {
		now := time.Unix(1000, 0)
		p := newPace(now, 1)
		first, looked := 0, 0
		for i := range 100_000 {
			if p.begin(now) {
				p.end(now.Add(20*time.Microsecond), 1, 10*time.Microsecond, 10*time.Microsecond)
				looked++
				if i%period == 0 {
					first++
				}
			}
			now = now.Add(10 * time.Microsecond)
		}
		want := float64(looked) / float64(period)
		if got := float64(first); got < want*0.9 || got > want*1.1 {
			t.Errorf("the first of every %d batches was inspected %v times, want about %.0f", period, got, want)
		}
	}
}
