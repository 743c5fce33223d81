package server

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
)

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

// What is refused is counted by limit, and shown by what the names have in
// common; known names go on as ever.
func TestRefusalsAreShown(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.Receivers, cfg.MaxNames, cfg.MaxSetMembers = 1, 3, 2
	d := start(t, cfg)
	conn := d.dial("udp")
	d.deliver(conn, "known:1|c", "users:a|s", "short:1|c")
	for i := range 30 {
		d.deliver(conn, fmt.Sprintf("web.hits.page%d:1|c\nknown:1|c\nusers:m%d|s", i, i), fmt.Sprintf("a/b c.d.x%d:1|c", i%2))
	}
	d.deliver(conn, "web.other:1|c", "solo:1|c\nsolo:1|c")
	want := []meta.Refusal{
		{Limit: "max-names", Prefix: "a-b_c.d.", Least: 30, Most: 30},
		{Limit: "max-names", Prefix: "web.hits.", Least: 30, Most: 30},
		{Limit: "max-set-members", Prefix: "users", Least: 29, Most: 29},
		{Limit: "max-names", Prefix: "solo", Least: 2, Most: 2},
		{Limit: "max-names", Prefix: "web.other", Least: 1, Most: 1},
	}
	if got := d.Discards().Refused; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	d.stop()
	check(t, d.Server, "samples.refused 92", "samples.refused.names 63", "samples.refused.members 29", "metrics.discarded 0",
		"samples.aggregated 34", "samples.received 126", "names 3")
	if got := d.totals(); got["counters.known"] != 31 || got["sets.users"] != 2 {
		t.Errorf("known names: %v", got)
	}
}

// A few prefixes that are refused often are found among any number of others, and the
// truth lies between the counts given.
func TestBusiestOffendersAreFound(t *testing.T) {
	o := offenders{seed: maphash.MakeSeed()}
	random := rand.New(rand.NewPCG(1, 2))
	const n = 50_000
	truth := map[string]uint64{}
	for i := range n {
		name := fmt.Sprintf("noise%d.x.y", i)
		if busy := random.IntN(20); busy < 10 {
			name = fmt.Sprintf("busy%d.x.%d", busy, i)
			truth[fmt.Sprintf("busy%d.x.", busy)]++
		}
		o.note(metric.RefusedName, []byte(name))
	}
	s := Server{lanes: []*lane{{shard: aggregate.NewTable(aggregate.Config{Shards: 1}).Shard(0), offenders: o}}}
	got := s.offenders()
	if len(got) != shownOffenders {
		t.Fatalf("%d are shown, want %d", len(got), shownOffenders)
	}
	for _, r := range got[:len(truth)] {
		if count := truth[r.Prefix]; count < r.Least || count > r.Most || r.Most-r.Least > n/mostOffenders {
			t.Errorf("%s: between %d and %d, in truth %d", r.Prefix, r.Least, r.Most, count)
		}
	}
	if n := testing.AllocsPerRun(100, func() { o.note(metric.RefusedMember, []byte("some.set")) }); n != 0 {
		t.Errorf("%v allocations a refusal", n)
	}
}

func BenchmarkRefuse(b *testing.B) {
	o := offenders{seed: maphash.MakeSeed()}
	name := []byte("noise00000000.some.name")
	for i := 0; b.Loop(); i++ {
		binary.LittleEndian.PutUint64(name[5:], uint64(i)|0x8080808080808080)
		o.note(metric.RefusedName, name)
	}
}

// Each limit is warned of once before it is reached, and once when it is.
func TestLimitsAreWarnedOf(t *testing.T) {
	cfg := config()
	cfg.FlushInterval, cfg.Receivers = time.Second, 1
	cfg.MaxNames, cfg.MaxSetMembers, cfg.MaxTimerSamples, cfg.MaxTCPConnections = 10, 10, 10, 10
	inVirtualTime(t, cfg, func(v *virtual) {
		warned := func(flag, how string) int { return strings.Count(v.out.String(), flag+how) }
		for n := 8; n <= 10; n++ {
			for round := range 3 {
				for i := range n {
					v.receive(fmt.Sprintf("set.name:%d|s\ntimer.name:1|ms", i))
					if i < n-2 {
						v.receive(fmt.Sprintf("name%d:1|c", i))
					}
				}
				v.streams.peak.Store(int64(n))
				v.wait(time.Second)
				for _, flag := range []string{"--max-set-members", "--max-timer-samples", "--max-tcp-connections"} {
					near, reached := warned(flag, " is nearly reached"), warned(flag, " is reached")
					if near != min(n-8, 1) || reached != max(n-9, 0) {
						t.Errorf("%d of 10, flush %d: %s is said to be nearly reached %d times, reached %d times", n, round, flag, near, reached)
					}
				}
			}
		}
		if got := warned("9", " of --max-names=10 names are known (90 %)"); got != 1 {
			t.Errorf("%d warnings of --max-names:\n%s", got, v.out)
		}
		if !strings.Contains(v.out.String(), `"name":"set.name"`) || !strings.Contains(v.out.String(), `"name":"timer.name"`) {
			t.Errorf("the log does not name the set and the timer:\n%s", v.out)
		}
	})
}
