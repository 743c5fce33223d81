package aggregate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/metric"
)

// addGauges adds samples such as "0: 5 @10" or "1: +5 @11". The parts are the shard, the value, and
// the time of arrival.
func addGauges(t *testing.T, table *Table, samples ...string) {
	t.Helper()
	for _, text := range samples {
		var shard int
		var value string
		var at int64
		if _, err := fmt.Sscanf(text, "%d: %s @%d", &shard, &value, &at); err != nil {
			t.Fatal(err)
		}
		s := table.Shard(shard)
		s.Lock()
		s.Add(&metric.Sample{Kind: metric.Gauge, Name: []byte("g"), Value: parse(value), Delta: value[0] == '+' || value[0] == '-', At: at})
		s.Unlock()
	}
}

// The value of a gauge depends on the times of arrival, not on the order in which samples are
// added.
func TestGaugesInOrderOfArrival(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		samples string
		want    float64
	}{
		{"0: 1 @1; 0: 2 @2", 2},
		{"0: 2 @2; 0: 1 @1", 2},
		{"0: 2 @2; 1: 1 @1", 2},
		{"1: 1 @1; 0: 2 @2", 2},
		{"0: 1 @1; 0: +5 @3; 1: 2 @2", 7},
		{"1: 2 @2; 0: 1 @1; 0: +5 @3", 7},
		{"0: +5 @3; 0: 1 @1; 0: 2 @2", 7},
		{"0: +5 @3; 0: +7 @1; 0: 2 @2", 7},
		{"0: +7 @1; 0: +5 @3; 0: 2 @2", 7},
		{"0: +5 @3; 0: 2 @2; 0: +7 @1", 7},
		{"0: 500 @1; 1: -100 @2", 400},
		{"1: -100 @2; 0: 500 @1", 400},
		{"0: -100 @2; 0: 500 @1", 400},
		{"1: -100 @1; 0: 500 @2", 500},
		{"0: +1 @1; 1: +2 @4; 0: 10 @3; 1: +4 @2; 0: 20 @5; 1: +8 @6", 28},
		{"0: +1 @1; 1: 10 @9; 0: +2 @2; 0: +4 @10; 0: +8 @3", 14},
		{"0: +4 @10; 0: +1 @8; 0: +2 @12; 0: 10 @9; 0: +8 @11; 0: 20 @7", 24},
		// The samples of one datagram have the same time of arrival. They are applied in their order in
		// the datagram.
		{"0: 1 @5; 0: +2 @5; 0: 10 @5; 0: +4 @5", 14},
		{"1: 7 @9; 0: 1 @5; 0: +2 @5; 0: 10 @5; 0: +4 @5", 7},
		{"0: +7 @99; 0: 1 @5; 0: +2 @5; 0: 10 @5; 0: +4 @5", 21},
	} {
		table := testTable(2)
		addGauges(t, table, strings.Split(tt.samples, "; ")...)
		if got := values(peek(t, table, metric.Gauge))["g"]; got != tt.want {
			t.Errorf("%s: shown as %v, want %v", tt.samples, got, tt.want)
		}
		if got := flush(table)["stats.g"]; got != tt.want {
			t.Errorf("%s: %v, want %v", tt.samples, got, tt.want)
		}
	}
}

// If a sample that sets a gauge is read after the flush, the sample counts only if it arrived after
// the last sample that set the gauge.
func TestLateGauges(t *testing.T) {
	t.Parallel()
	table := testTable(2)
	for _, tt := range []struct {
		samples string
		want    float64
	}{
		{"0: 5 @10; 0: +1 @20", 6},
		{"1: 7 @9", 6},
		{"1: +7 @8", 6},
		{"1: +7 @11", 13},
		{"1: 3 @12; 0: +1 @11", 3},
		{"0: 4 @8; 0: +1 @30", 4},
		{"0: 8 @25", 8},
	} {
		addGauges(t, table, strings.Split(tt.samples, "; ")...)
		if got := flush(table)["stats.g"]; got != tt.want {
			t.Errorf("%s: %v, want %v", tt.samples, got, tt.want)
		}
	}
	for r := range table.Remembered() {
		if r.Set != 25 {
			t.Errorf("it was last set at %d, want 25", r.Set)
		}
	}
}

// After a restart, the table still knows when a gauge was last set, and ignores samples from before
// this time. A remembered time in the future is replaced with the current time.
func TestRememberedSettings(t *testing.T) {
	t.Parallel()
	for _, set := range []int64{0, 10, time.Now().Add(time.Hour).UnixNano()} {
		table := testTable(2)
		table.Remember(Remembered{Name: []byte("g"), Value: 5, Set: set})
		addGauges(t, table, "0: +1 @20", "1: 7 @9")
		want := map[bool]float64{true: 6, false: 8}[set == 10]
		if set > 10 {
			want = 5 // both samples are older than the start of the table
		}
		if got := flush(table)["stats.g"]; got != want {
			t.Errorf("set at %d: %v, want %v", set, got, want)
		}
		addGauges(t, table, fmt.Sprintf("0: 3 @%d", time.Now().UnixNano()))
		if got := flush(table)["stats.g"]; got != 3 {
			t.Errorf("set at %d: then %v, want 3", set, got)
		}
	}
}

// A gauge sample with a time in the future overrides samples that arrive after it, but only until
// the next flush.
func TestGaugesOfTheFuture(t *testing.T) {
	t.Parallel()
	table := testTable(2)
	now := time.Now().UnixNano()
	addGauges(t, table, fmt.Sprintf("0: 3 @%d", now+int64(time.Hour)), fmt.Sprintf("1: 4 @%d", now))
	if got := flush(table)["stats.g"]; got != 3 {
		t.Errorf("first %v, want 3", got)
	}
	addGauges(t, table, fmt.Sprintf("1: 5 @%d", time.Now().UnixNano()))
	if got := flush(table)["stats.g"]; got != 5 {
		t.Errorf("then %v, want 5", got)
	}
}

// Samples are added to any shard, in any order. The result is the same as if one receiver had
// applied them in the order of their times.
func TestGaugesModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 1))
		table := testTable(1 + rng.IntN(4))
		value, at := 0.0, int64(1)
		for range 4 {
			samples := make([]string, rng.IntN(60))
			for i := range samples {
				at += 1 + int64(rng.IntN(3))
				v := rng.IntN(100)
				if rng.IntN(5) == 0 {
					value = float64(v)
					samples[i] = fmt.Sprintf("%d: %d @%d", rng.IntN(len(table.shards)), v, at)
				} else {
					value += float64(v - 50)
					samples[i] = fmt.Sprintf("%d: %+d @%d", rng.IntN(len(table.shards)), v-50, at)
				}
			}
			rng.Shuffle(len(samples), func(i, j int) { samples[i], samples[j] = samples[j], samples[i] })
			addGauges(t, table, samples...)
			if got := flush(table)["stats.g"]; len(samples) > 0 && got != value {
				t.Fatalf("seed %d: %v, want %v, of %v", seed, got, value, samples)
			}
		}
	}
}

// A gauge stores a limited number of adjustments. The sum still includes all of them.
func TestAdjustmentsAreLimited(t *testing.T) {
	t.Parallel()
	table := testTable(1)
	s := table.Shard(0)
	const n = maxAdjustments + 1000
	for i := range n {
		s.Add(&metric.Sample{Kind: metric.Gauge, Name: []byte("g"), Value: 1, Delta: true, At: int64(n + i*(1-i%2*2))})
	}
	if words := len(s.blocks[s.flush&1].pages) * blockPageWords; words > 2*maxAdjustments*adjustmentWords {
		t.Errorf("%d adjustments take %d words", n, words)
	}
	if got := flush(table)["stats.g"]; got != n {
		t.Errorf("they add up to %v, want %d", got, n)
	}
}

// The system's clock is set back by an hour. The table's clock does not go back: it continues at
// half speed for two hours, until the system's clock has caught up.
func TestClockIsSetBack(t *testing.T) {
	t.Parallel()
	const start, second = int64(1_000_000 * time.Second), int64(time.Second)
	c := &clock{wall: start}
	for _, tt := range []struct{ since, wall, want int64 }{ // all times are in seconds
		{0, 0, 0},
		{10, 10, 10},
		{20, -3580, 20}, // the system's clock is set back by an hour
		{30, -3570, 25},
		{1020, -2580, 520},
		{1030, -2575, 525}, // the system's clock is set back by another 5 s
		{7215, 3610, 3617},
		{7235, 3630, 3630}, // the system's clock has caught up
		{7245, 3640, 3640},
		{7255, 7250, 7250}, // the system's clock is set forward
		{7265, 7260, 7260},
	} {
		c.compare(start+tt.wall*second, tt.since*second)
		if got := (c.at(start+tt.wall*second) - start) / second; got != tt.want {
			t.Errorf("%d s after the start, with the clock at %d: %d, want %d", tt.since, tt.wall, got, tt.want)
		}
	}
	if c.ahead.Load() != nil {
		t.Error("the clock is still taken for wrong")
	}
}

// After the system's clock was set back, new samples still set a gauge.
func TestGaugesWhenTheClockIsSetBack(t *testing.T) {
	t.Parallel()
	table := testTable(2)
	now := time.Now().UnixNano()
	hour := int64(time.Hour)
	table.clock.wall += hour // simulates a system clock that was an hour ahead until now
	addGauges(t, table, fmt.Sprintf("0: 3 @%d", now+hour), fmt.Sprintf("0: 4 @%d", now+1000), fmt.Sprintf("1: 5 @%d", now+2000))
	if got := flush(table)["stats.g"]; got != 5 {
		t.Errorf("%v, want 5", got)
	}
	addGauges(t, table, fmt.Sprintf("1: 6 @%d", time.Now().UnixNano()))
	if got := flush(table)["stats.g"]; got != 6 {
		t.Errorf("then %v, want 6", got)
	}
}

func TestClockNeverGoesBack(t *testing.T) {
	t.Parallel()
	c := newClock()
	ahead := time.Now().Add(time.Hour).UnixNano()
	c.last.Store(ahead)
	if got := []int64{c.now(), c.now()}; !slices.Equal(got, []int64{ahead + 1, ahead + 2}) {
		t.Errorf("%d and %d nanoseconds after a time that lies ahead", got[0]-ahead, got[1]-ahead)
	}
}
