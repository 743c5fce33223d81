package page

import (
	"math"
	"slices"
	"strings"
	"time"

	q "github.com/statsd-ops/statsd/meta/question"
)

// This file has the data of a busy daemon, with faults of each kind.

// minutesAgo returns the time m minutes ago, in whole seconds.
func minutesAgo(m float64) time.Time {
	return time.Now().Add(-time.Duration(m * float64(time.Minute))).Truncate(time.Second)
}

func exampleStatus(flush uint64) q.Status {
	return q.Status{
		Host: "metrics-3:8125", Version: "2.4.0", Started: minutesAgo(8892),
		Health:   exampleHealth(),
		Received: q.Received{Samples: 172140, Datagrams: 14310, Connections: 312},
		Lost:     q.Lost{Kernel: 1.3, Bad: 10.5, Refused: 0, Dropped: 0, Sum15m: 10654},
		Names:    q.Names{Held: 1822130, Limit: 2000000, Grown15m: 261840},
		Flush:    q.Flush{Number: flush, At: time.Now().Add(-4 * time.Second), Interval: 10, Took: 0.404, HeldUp: 0.0019},
		Sinks:    exampleSinks(),
		Cost:     q.CostSum{Cores: 0.3, Memory: 412 << 20, MicrosPerSample: 1.7, BytesPerName: 188},
		Muted:    []q.Mute{}, Trends: map[string][]q.Number{},
	}
}

func exampleHealth() q.Health {
	return q.Health{State: "degraded", Since: minutesAgo(13.7), Reasons: []q.Reason{
		{ID: "sink_failing", State: "degraded", Subject: "archive", Text: "sink archive accepted nothing for 6m12s: connection refused; 2,057,160 points wait, none lost",
			Since: minutesAgo(6.2), Effect: "its points wait, and other sinks get theirs; the spool is full in 59m", Next: "statsdmonitor sinks archive", Clears: "when it accepts points"},
		{ID: "kernel_drops", State: "degraded", Text: "the kernel dropped 1,204 datagrams in 15m (0.009 %), the last 40s ago",
			Since: minutesAgo(13.7), Effect: "samples are lost before the daemon sees them", Next: "statsdmonitor history udp.kernel_dropped", Clears: "after 15 minutes without"},
		{ID: "names_near_limit", State: "degraded", Text: "checkout.session. made 261,840 names in 15m; 91 % of --max-names, full in 10m",
			Since: minutesAgo(11.6), Effect: "at the limit new names are refused", Next: "statsdmonitor prefixes checkout.session", Clears: "below 85 %, with an hour or more left"},
	}}
}

func exampleSinks() []q.Sink {
	return []q.Sink{
		{Name: "archive", Address: "graphite://10.20.0.9:2003", State: "FAILING", Accepted: minutesAgo(6.2), Published: minutesAgo(6.3), Behind: 372, Waiting: 2057160,
			Error: "dial tcp 10.20.0.9:2003: connection refused", Attempts: 58, NextIn: 7, FullIn: 3540,
			Queue: q.Store{Points: 55300, Bytes: 3 << 20, MaxBytes: 64 << 20}, Spool: q.Store{Points: 2001860, Bytes: 95 << 20, MaxBytes: 1 << 30}},
		{Name: "main", Address: "graphite://graphite.int:2003", State: "ok", Accepted: minutesAgo(0.07), Published: minutesAgo(0.07), PerSecond: 5530},
		{Name: "load", Address: "load://", State: "ok", Accepted: minutesAgo(0.07), Published: minutesAgo(0.07), PerSecond: 8},
	}
}

func exampleTop(by string) q.Top {
	rows := map[string][]q.TopRow{
		"name": {
			{Name: "api.request.count", Kind: "counter", Rate: 28410, Share: .165}, {Name: "api.request.ms", Kind: "timer", Rate: 28390, Share: .165},
			{Name: "checkout.cart.add", Kind: "counter", Rate: 15930, Share: .093}, {Name: "db.query.ms", Kind: "timer", Rate: 14760, Share: .086},
			{Name: "cache.hit", Kind: "counter", Rate: 12610, Share: .073}, {Name: "cache.miss", Kind: "counter", Rate: 3050, Share: .018},
		},
		"prefix": {{Name: "api.", Rate: 67900, Share: .39}, {Name: "checkout.", Rate: 35800, Share: .21}},
		"sender": {{Name: "10.20.4.17", Kind: "udp", Rate: 45500, Share: .26}, {Name: "10.20.7.2", Kind: "tcp", Rate: 16400, Share: .1}},
		"kind":   {{Name: "counter", Kind: "counter", Rate: 95400, Share: .55}, {Name: "timer", Kind: "timer", Rate: 58910, Share: .34}},
	}
	return q.Top{By: by, Entries: rows[by], Error: .03, UnseenBelow: 40}
}

func examplePrefixes(below string) q.Prefixes {
	if below != "" {
		return q.Prefixes{Below: below, Held: 802114, Since: minutesAgo(15), Prefixes: []q.Prefix{
			{Prefix: below + "session.", Names: 788020, Share: .98, New: 261840, ManyNew: true}, {Prefix: below + "pay.", Names: 9910, Share: .01, New: 71, AtLeast: true},
			{Prefix: below + "cart", Names: 1, Share: .0001},
		}}
	}
	return q.Prefixes{Held: 1822130, Since: minutesAgo(15), Error: 12, Prefixes: []q.Prefix{
		{Prefix: "checkout.", Names: 802114, Share: .44, New: 261911, Gone: 1204, ManyNew: true}, {Prefix: "web.", Names: 512380, Share: .28, New: 120},
		{Prefix: "jobs.", Names: 301220, Share: .165, New: 44}, {Prefix: "api.", Names: 148700, Share: .08, New: 310},
		{Prefix: "db.", Names: 31904, Share: .0175, New: 12}, {Prefix: "mail.", Names: 18820, Share: .0103},
	}, Others: q.Prefix{Names: 6992, Share: .0038, New: 3}}
}

func exampleDiscards() q.Discards {
	return q.Discards{
		Reasons: map[string]uint64{"bad_value": 51310, "bad_type": 8820, "no_value": 4107, "too_long": 212, "bad_rate": 90, "unfinished": 0},
		Lines: []q.BadLine{
			{Time: minutesAgo(.02), Sender: "10.20.4.31", Reason: "bad_value", Line: `"orders.total:NaN|g"`, At: 13},
			{Time: minutesAgo(.05), Sender: "10.20.7.2", Reason: "bad_value", Line: `"php.err:1,5|ms"`, At: 8},
			{Time: minutesAgo(.15), Sender: "10.20.4.17", Reason: "bad_type", Line: `"\xffcache.miss:1|x"`, At: 14},
			{Time: minutesAgo(.23), Reason: "no_value", Line: `"GET / HTTP/1.1\r"`, At: 15},
			{Time: minutesAgo(.3), Sender: "10.20.4.18", Reason: "bad_value", Line: `"<img src=x onerror=alert(1)>:x|c"`, At: 29},
		},
		Alike: []q.Alike{
			{Count15m: 812, Reason: "bad_value", Sender: "10.20.4.31", Last: `"orders.total:NaN|g"`, At: 13}, {Count15m: 44, Reason: "bad_value", Sender: "10.20.7.2", Last: `"php.err:1,5|ms"`, At: 8},
			{Count15m: 31, Reason: "bad_type", Sender: "10.20.4.17", Last: `"\xffcache.miss:1|x"`, At: 14}, {Count15m: 6, Reason: "no_value", Sender: "unknown", Last: `"GET / HTTP/1.1\r"`, At: 15},
			{Count15m: 2, Reason: "bad_value", Sender: "10.20.4.18", Last: `"<img src=x onerror=alert(1)>:x|c"`, At: 29},
		},
		Refused: []q.Refused{{Limit: "max-set-members", Prefix: "users", Least: 7, Most: 9}},
	}
}

// exampleTail returns an example answer to the query "tail".
func exampleTail(bad bool) q.Tail {
	if bad {
		return q.Tail{Matched: 2, Lines: []q.Line{
			{Time: minutesAgo(.05), Sender: "10.20.9.9", Over: "udp", Line: `"php.err:1,5|ms"`, Reason: "bad_value", At: 8},
			{Time: minutesAgo(.02), Sender: "10.20.9.9", Over: "udp", Line: `"php.err:2,5|ms"`, Reason: "bad_value", At: 8},
		}}
	}
	return q.Tail{Matched: 4120, NotShown: 4119, Lines: []q.Line{{Time: minutesAgo(.02), Sender: "10.20.4.17", Over: "udp", Line: `"checkout.pay.ms:12|ms"`, Kind: "timer", Name: "checkout.pay.ms"}}}
}

func exampleAlerts() q.Alerts {
	told := func(m float64, tries int) q.Telling {
		return q.Telling{State: "told", Time: minutesAgo(m), Tries: tries}
	}
	none := q.Telling{State: "none"}
	return q.Alerts{Alerts: []q.Alert{
		{ID: "1", Reason: "sink_failing", Subject: "archive", State: "degraded", Text: "connection refused", Began: minutesAgo(6.2), Told: []q.Told{
			{Notifier: "alertmanager", Begin: told(6.2, 1), Change: none, End: none}, {Notifier: "webhook", Begin: told(6.2, 1), Change: none, End: none},
			{Notifier: "nsca", Begin: told(5.8, 3), Change: none, End: none}}},
		{ID: "2", Reason: "kernel_drops", State: "degraded", Text: "the kernel dropped datagrams", Began: minutesAgo(13.7)},
		{ID: "3", Reason: "sink_failing", Subject: "main", State: "failing", Text: "timeout after 10 s", Began: minutesAgo(531), Ended: minutesAgo(516), Told: []q.Told{
			{Notifier: "alertmanager", Begin: told(531, 1), Change: none, End: told(516, 1)},
			{Notifier: "webhook", Begin: told(531, 1), Change: none, End: q.Telling{State: "given_up", Time: minutesAgo(506), Tries: 14, Error: "502"}}}},
	}}
}

func exampleConfig() q.Config {
	return q.Config{Files: []string{"/etc/statsd.conf"}, Settings: []q.Setting{
		{Flag: "--max-names", Value: "2000000", Default: "2000000", Source: "default"},
		{Flag: "--sink", Value: "archive=graphite://10.20.0.9:2003", Source: "file, line 4", New: "archive=graphite://10.20.0.10:2003", Differs: true},
		{Flag: "--sink", Value: "main=graphite://graphite.int:2003", Source: "file, line 3"},
		{Flag: "--flush-interval", Value: "10s", Default: "10s", Source: "default"},
		{Flag: "--udp-buffer", Value: "8MiB", Source: "environment"}, {Flag: "--receivers", Value: "4", Source: "command line", New: "2", Differs: true, Restart: true},
	}}
}

var examplePaths = []string{
	"stats.api.request.count", "stats.cache.hit", "stats.checkout.cart.add", "stats.db.pool.open",
	"stats.timers.checkout.pay.ms.mean", "stats.timers.checkout.pay.ms.upper_90", "stats.timers.db.query.ms.mean",
}

func exampleValues(match func(string) bool, limit int) q.PathValues {
	v := q.PathValues{Values: []q.PathValue{}, Held: 2412006, Histories: 11900}
	for i, p := range examplePaths {
		if !match(p) {
			continue
		}
		v.Matched++
		if len(v.Values) < limit {
			x := q.Number(84.5 + float64(i))
			v.Values = append(v.Values, q.PathValue{Path: p, Kind: "timer", Value: x, Time: minutesAgo(.07), M1: x - 3, M5: x - 18, M15: x - 32, Min: x - 50, Max: q.Number(math.NaN()), History: true})
		}
	}
	return v
}

func exampleExplanation(text string) q.Explanation {
	e := q.Explanation{Text: text, Known: true}
	name, value, line := strings.Cut(text, ":")
	switch {
	case line && strings.HasPrefix(value, "1,5"):
		e.Steps = []q.Step{{Name: "parsed", Text: "bad_value at byte 8: 1,5 is not a finite decimal number", At: 8}}
	case line || name == "checkout.pay.ms" || name == "api.request.count":
		paths := []string{"stats.timers.checkout.pay.ms.lower", "stats.timers.checkout.pay.ms.mean", "stats.timers.checkout.pay.ms.upper_90"}
		e.Steps = []q.Step{
			{Name: "parsed", OK: true, Text: name + "  value 81.5  type ms (timer)"}, {Name: "rules", OK: true, Text: "no pattern mutes it; known already"},
			{Name: "kind", OK: true, Text: "timer"}, {Name: "now", OK: true, Text: "mean 88.5  upper_90 89.5", Values: exampleValues(func(p string) bool { return strings.Contains(p, "checkout.pay.ms") }, 9).Values}, {Name: "published", OK: true, Text: "stats.timers.checkout.pay.ms.{lower,mean,upper_90}", Paths: paths},
			{Name: "seen", OK: true, Text: "first 2026-11-23 01:12, last seen in the current interval"}, {Name: "senders", OK: true, Text: "not asked"},
			{Name: "sinks", OK: false, Text: "main, load: all. archive: up to 02:22:10, the rest waits"},
		}
	case slices.Contains(examplePaths, text):
		e.Steps = []q.Step{{Name: "name", OK: true, Text: text + " is a path"}, {Name: "now", OK: true, Text: "84", Values: exampleValues(func(p string) bool { return p == text }, 1).Values}}
	default:
		e.Known, e.Near = false, []string{"checkout.pay.ms"}
		e.Steps = []q.Step{{Name: "seen", Text: "no such name"}}
	}
	return e
}

// exampleHistory returns histories of figures. They show two failures in the last hour.
func exampleHistory(names []string, seconds, points int) q.History {
	step := max(10, seconds/points)
	h := q.History{Step: float64(step), Series: map[string][]q.Number{}, Greatest: map[string][]q.Number{}, Worst: map[string][]q.Number{}, Kinds: map[string]string{}}
	n := seconds / step
	h.From = time.Now().Truncate(time.Duration(step) * time.Second).Add(-time.Duration((n-1)*step) * time.Second)
	for _, name := range names {
		line := make([]q.Number, n)
		for i := range line {
			line[i] = exampleValue(name, float64((n-1-i)*step), i)
		}
		h.Worst[name] = make([]q.Number, n)
		for i := range line {
			h.Worst[name][i] = exampleValue("health", float64((n-1-i)*step), i)
		}
		if known := strings.Contains(name, ".") && !strings.HasPrefix(name, "stats") || slices.Contains([]string{"names", "flush_duration", "health"}, name) || slices.Contains(examplePaths, name); known {
			h.Series[name], h.Greatest[name] = line, line
		} else {
			h.Notes = append(h.Notes, "no history of "+name+"; a history is kept from now on")
		}
	}
	return h
}

// exampleValue returns the value that a figure had some time ago. The parameter ago is this time in
// seconds.
func exampleValue(name string, ago float64, i int) q.Number {
	wave := 1 + .1*math.Sin(ago/900) + .03*math.Sin(float64(i*i))
	switch {
	case name == "health":
		if ago < 820 || ago > 1900 && ago < 2300 {
			return 1
		}
		return 0
	case name == "samples.received":
		return q.Number(172140 * wave)
	case name == "udp.kernel_dropped":
		if ago < 820 && i%7 == 0 {
			return q.Number(20 * wave)
		}
		return 0
	case name == "names":
		return q.Number(1.56e6 + 2.6e5*math.Max(0, 1-ago/900))
	case strings.HasPrefix(name, "sink.archive.points.spooled"):
		return q.Number(math.Max(0, 372-ago) * 5530)
	case strings.HasPrefix(name, "sink."), name == "samples.refused":
		return 0
	case name == "metrics.discarded":
		return q.Number(10 * wave)
	case name == "flush_duration":
		return q.Number(.4 * wave)
	case name == "cpu.used":
		return q.Number(.3 * wave)
	}
	return q.Number(80 * wave)
}

// exampleCluster returns a cluster with a partition without an owner, a silent edge, and waiting
// rows.
func exampleCluster() q.Cluster {
	p := func(n int, owner string) q.ClusterPartition {
		return q.ClusterPartition{Partition: n, Owner: owner, Head: minutesAgo(.1), HeadAge: 6, Stored: 60000, Merged: 59990, Duplicates: 10, Edges: 2, Full: .02}
	}
	lost := p(1, "owner-b")
	lost.Unowned, lost.Lag = true, 1204
	return q.Cluster{
		Interval: 10, Collects: true, Address: "nats://n1,n2,n3", ID: "owner-a", Partitions: []q.ClusterPartition{p(0, "owner-a"), lost},
		Edges: []q.ClusterEdge{
			{Edge: "web1", Epoch: minutesAgo(900), Number: 5400, Complete: 5400, Samples: 4120331, Heard: minutesAgo(.1), Ahead: -.02},
			{Edge: "<b>web2", Epoch: minutesAgo(900), Number: 5200, Complete: 5200, Samples: 320331, Heard: minutesAgo(33), Ahead: 3.5, Silent: true},
		},
		Ledger:   q.ClusterLedger{Stored: 120000, Merged: 118776, Duplicates: 20, Lag: 1204, Samples: 4440662, Lost: 7, Missing: 3},
		Forwards: true, Forward: q.ClusterForward{
			Address: "nats://n1,n2,n3", Edge: "owner-a", State: "FAILING", Error: "no server answers", Made: 90000, Acknowledged: 80000, Queued: 500, Spooled: 9400, Dropped: 100,
			Reasons: map[string]uint64{"full": 100}, Behind: 310,
		},
	}
}
