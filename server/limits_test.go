package server

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/meta"
)

// If a timer has too many samples, its count, minimum and maximum stay exact, and the daemon logs a
// warning.
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

// Refused samples are counted separately for each limit. The daemon shows the prefix that most of their names share.
// Samples of known names are still aggregated.
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
		{Limit: "max-names", Prefix: "a-b_c.d.", Min: 30, Max: 30},
		{Limit: "max-names", Prefix: "web.hits.", Min: 30, Max: 30},
		{Limit: "max-set-members", Prefix: "users", Min: 29, Max: 29},
		{Limit: "max-names", Prefix: "solo", Min: 2, Max: 2},
		{Limit: "max-names", Prefix: "web.other", Min: 1, Max: 1},
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

// For each limit, the daemon logs a warning before the limit is reached.
func TestLimitWarnings(t *testing.T) {
	cfg := config()
	cfg.FlushInterval, cfg.Receivers = time.Second, 1
	cfg.MaxNames, cfg.MaxSetMembers, cfg.MaxTimerSamples = 10, 10, 10
	inVirtualTime(t, cfg, func(v *virtual) {
		for n := 8; n <= 10; n++ {
			for round := range 3 {
				for i := range n {
					v.receive(fmt.Sprintf("set.name:%d|s\ntimer.name:1|ms", i))
					if i < n-2 {
						v.receive(fmt.Sprintf("name%d:1|c", i))
					}
				}
				v.wait(time.Second)
				for _, flag := range []string{"--max-set-members", "--max-timer-samples"} {
					near, reached := warnings(v.out.String(), flag), strings.Count(v.out.String(), flag+" is reached")
					if near != min(n-8, 1) || reached != max(n-9, 0) {
						t.Errorf("%d of 10, flush %d: %s is said to be nearly reached %d times, reached %d times", n, round, flag, near, reached)
					}
				}
			}
		}
		if got := strings.Count(v.out.String(), "9 of --max-names=10 names are known (90 %)"); got != 1 {
			t.Errorf("%d warnings of --max-names:\n%s", got, v.out)
		}
		if !strings.Contains(v.out.String(), `"name":"set.name"`) || !strings.Contains(v.out.String(), `"name":"timer.name"`) {
			t.Errorf("the log does not name the set and the timer:\n%s", v.out)
		}
	})
}

// warnings returns the number of warnings about a limit.
func warnings(log, flag string) int { return strings.Count(log, flag+" is nearly reached") }

// The daemon also warns about the limit on connections.
func TestConnectionWarnings(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.FlushInterval, cfg.GaugeExpire = 50*time.Millisecond, time.Hour
	cfg.MaxTCPConnections = 10
	d := start(t, cfg)
	for n := 1; n <= 10; n++ {
		d.dial("tcp")
		if n < 8 {
			continue
		}
		eventually(t, "the connection is not counted", func() bool { return figureOf(t, d.Server, "tcp.open") == float64(n) })
		// A flush computes its figures before it logs its warnings, so the test waits for the next flush.
		counted := figureOf(t, d.Server, "ledger.time")
		eventually(t, "no further flush", func() bool { return figureOf(t, d.Server, "ledger.time") > counted })
		want := 1
		if n == 8 {
			want = 0
		}
		if got := warnings(d.out.String(), "--max-tcp-connections"); got != want {
			t.Errorf("%d of 10: %d warnings, want %d", n, got, want)
		}
	}
}

// A reload can allow fewer connections than are open. A new client can then connect, and older
// connections are closed.
func TestReloadAllowsFewerConnections(t *testing.T) {
	t.Parallel()
	d := start(t, config())
	for range 20 {
		send(t, d.dial("tcp"), "hits:1|c\n")
	}
	eventually(t, "not all connections are open", func() bool { return d.in.Live().TCPConnections == 20 })
	fewer := d.cfg
	fewer.MaxTCPConnections = 10
	if _, err := d.Reload(fewer); err != nil {
		t.Fatal(err)
	}
	send(t, d.dial("tcp"), "hits:1|c\n")
	eventually(t, "the new connection is not served", func() bool { return figureOf(t, d.Server, "pending_stats") == 21 })
	d.stop()
	check(t, d.Server, "tcp.connections 21", "tcp.cut.full 11", "samples.aggregated 21")
}
