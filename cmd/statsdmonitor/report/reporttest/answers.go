// Package reporttest contains an example answer to each query, for tests of reports. The answers describe a
// daemon with a failing sink, a prefix that grows fast, and lost datagrams.
package reporttest

import (
	"math"
	"time"

	"github.com/statsd-ops/statsd/meta/question"
)

// Now is the time of all answers. The time zone is UTC.
var Now = time.Date(2026, 11, 29, 2, 28, 34, 0, time.UTC)

var flush = Now.Add(-4 * time.Second)

// None is the value for a missing number.
var None = question.Number(math.NaN())

func before(d time.Duration) time.Time { return Now.Add(-d) }

// Flushed returns an Answer for data of the last flush. An Answer has the fields that all answers have.
func Flushed() question.Answer {
	return question.Answer{AsOf: flush, TookMillis: 900, Complete: true}
}

// Live returns an Answer for data of the time Now.
func Live() question.Answer { return question.Answer{AsOf: Now, Live: true, Complete: true} }

// Probed returns an Answer for data that is based on a sample of the traffic.
func Probed() question.Answer {
	a := Live()
	a.LookedAt = &question.LookedAt{Every: 8, Seconds: 5, Of: 860_700, Seen: 107_300, Receivers: 4}
	return a
}

func trend(from, to float64) (values []question.Number) {
	for i := range 30 {
		values = append(values, question.Number(from+(to-from)*float64(i*i)/(29*29)))
	}
	return values
}

func unhealthy() question.Health {
	return question.Health{State: "degraded", Since: before(13*time.Minute + 42*time.Second), Reasons: []question.Reason{
		{ID: "sink_failing", State: "degraded", Subject: "archive", Next: "statsdmonitor sinks archive",
			Text: "sink archive accepted nothing for 6m12s: connection refused; 2,057,160 points wait, none lost; the spool is full in 59m"},
		{ID: "kernel_drops", State: "degraded", Next: "statsdmonitor history udp.kernel_dropped",
			Text: "kernel dropped 1,204 datagrams in 15m (0.009 %), the last 40s ago"},
		{ID: "names_near_limit", State: "failing", Next: "statsdmonitor prefixes checkout.session",
			Text: "checkout.session. made 261,840 names in 15m; 91 % of --max-names, full in 10m"},
		{ID: "config_differs", State: "note", Next: "statsdmonitor config --diff", Text: "the file was changed"},
	}}
}

// FailingSink returns a sink whose receiver accepts nothing.
func FailingSink() question.Sink {
	return question.Sink{
		Name: "archive", Address: "graphite://10.20.0.9:2003", State: "FAILING", Accepted: before(372 * time.Second),
		Published: before(384 * time.Second), Behind: 372, Waiting: 2_057_160, Error: "connection refused",
		Attempts: 58, NextIn: 7, FullIn: 59 * 60,
		Queue: question.Store{Points: 55_300, Bytes: 3 << 20, MaxBytes: 64 << 20},
		Spool: question.Store{Points: 2_001_860, Bytes: 95 << 20, MaxBytes: 1 << 30},
	}
}

// Rules returns three rules. One of them only counts samples.
func Rules() question.Rules {
	return question.Rules{Dropped: 1_204, Rules: []question.Rule{
		{ID: "noise", Line: 2, Match: "noise.*", Action: "drop", Samples: 1_204, PerSecond: 1.5, Last: Now.Add(-3 * time.Second)},
		{ID: "2", Line: 3, Match: `^web\.(.+)\.hits$`, Kind: "counter", Action: "map", Samples: 88_120_331, PerSecond: 12_004, Last: Now.Add(-3 * time.Second)},
		{ID: "3", Line: 8, Match: "old.*.*", Action: "drop", Counting: true},
	}}
}

// Sinks returns three sinks. One of them is failing.
func Sinks() []question.Sink {
	return []question.Sink{
		{Name: "main", Address: "graphite://carbon.example.com:2003", State: "ok", Accepted: flush, Published: flush, PerSecond: 33_100},
		{Name: "load", Address: "load://:8126", State: "ok", Accepted: flush, Published: flush},
		FailingSink(),
	}
}

// ConflictingSink returns a prometheus sink with names that it cannot show.
func ConflictingSink() question.Sink {
	return question.Sink{
		Name: "page", Address: "prometheus://127.0.0.1:9102", State: "ok", Accepted: flush, Published: flush,
		Conflicts: []question.Conflict{{
			Reason: "type", Subject: "web_hits", Count: 12,
			Text: `the family is a counter because of "web.hits" (no rule); "web-hits" (rule 3, line 8) would make the family a gauge`,
		}},
	}
}

// Status returns the status of a degraded daemon.
func Status() question.Status {
	return question.Status{
		Host: "metrics-3:8125", Version: "2.4.0", Started: before(148 * time.Hour), Health: unhealthy(),
		Received: question.Received{Samples: 172_140, Datagrams: 14_310, Connections: 312},
		Lost:     question.Lost{Kernel: 1.3, Bad: 10.5, Sum15m: 10_620},
		Names:    question.Names{Held: 1_822_130, Limit: 2_000_000, Grown15m: 261_840},
		Flush:    question.Flush{Number: 53_210, At: flush, Interval: 10, Took: 0.404, HeldUp: 0.0019},
		Sinks:    Sinks(),
		Cost:     question.CostSum{Cores: 0.3, Memory: 412e6, MicrosPerSample: 1.7, BytesPerName: 188},
		Trends: map[string][]question.Number{
			"received": trend(168_000, 172_140), "lost": append(make([]question.Number, 27), 5, 8, 11), "names": trend(1_450_000, 1_822_130),
			"waiting": trend(0, 2_057_160), "flush": trend(0.4, 0.404), "cost": append([]question.Number{None, None}, trend(0.1, 0.3)[:28]...),
		},
	}
}

// Healthy returns the status of a healthy daemon.
func Healthy() question.Status {
	st := Status()
	st.Health = question.Health{State: "ok", Since: before(50 * time.Hour)}
	st.Lost = question.Lost{}
	st.Sinks = st.Sinks[:2]
	return st
}

// Starting returns the status of a daemon that has just started.
func Starting() question.Status {
	return question.Status{
		Host: "metrics-3:8125", Version: "2.4.0", Started: before(3 * time.Second), Health: question.Health{State: "ok", Since: before(3 * time.Second)},
		Flush: question.Flush{Interval: 10}, Sinks: []question.Sink{{Name: "main", State: "ok"}}, Draining: true,
		Muted: []question.Mute{{Match: "debug.*", Until: Now.Add(time.Hour), Samples: 12_300}},
	}
}

// Explanation returns the explanation of a valid line.
func Explanation() question.Explanation {
	return question.Explanation{Text: "Checkout Pay/EU:81.5|ms|@0.5", Known: true, Steps: []question.Step{
		{Name: "parsed", OK: true, Text: "Checkout Pay/EU  value 81.5  type ms (timer)  rate 0.5"},
		{Name: "name", OK: true, Text: "Checkout_Pay-EU    space -> _, / -> -     (--dialect reference)"},
		{Name: "rules", OK: true, Text: "no pattern mutes it; the name has 15 of at most 1024 bytes; known already"},
		{Name: "kind", OK: true, Text: "timer; also known as a counter: the paths differ, so there is no clash"},
		{Name: "published", OK: true, Paths: []string{"stats.timers.Checkout_Pay-EU.lower", "stats.timers.Checkout_Pay-EU.upper", "stats.timers.Checkout_Pay-EU.mean", "stats.timers.Checkout_Pay-EU.count", "stats.timers.Checkout_Pay-EU.upper_90"}},
		{Name: "now", OK: true, Text: "mean 84.5  upper_90 119.0  count 2,428    flush 02:28:30, 4s ago"},
		{Name: "means", OK: true, Text: "mean 81.4  66.1  52.1                     90 flushes held"},
		{Name: "seen", OK: true, Text: "first 2026-11-23 01:12, last seen in the current interval (312 samples)"},
		{Name: "senders", OK: true, Text: "10.20.4.17 61 %, 10.20.4.18 30 %, 3 more  in 5s, 1 batch in 4, 2m ago"},
		{Name: "sinks", OK: true, Text: "main, load: has all points up to 02:28:30; archive: has the points up to 02:22:10, newer points wait"},
	}}
}

// Values returns published values. One of them has no history.
func Values() question.PathValues {
	return question.PathValues{Matched: 3, Held: 2_412_006, Histories: 11_900, Values: []question.PathValue{
		{Path: "stats.timers.checkout.pay.ms.mean", Value: 84.5, Time: flush, M1: 81.4, M5: 66.1, M15: 52.1, Min: 12, Max: 240.25, History: true},
		{Path: "stats.timers.checkout.pay.ms.upper_90", Value: 119, Time: flush, M1: 113.2, M5: 92.5, M15: 72.9, Min: 12.5, Max: 1_640_312, History: true},
		{Path: "stats.timers.checkout.session.8e1f2b3c4d5e6f708192a3b4c5d6e7f8.first.render.of.the.page.mean_90", Value: 0.0213, Time: before(72 * time.Second), M1: None, M5: None, M15: None, Min: None, Max: None},
	}}
}

// Top returns the names with the most samples.
func Top() question.Top {
	return question.Top{By: "name", Error: 0.03, UnseenBelow: 40, Forgotten: 310, Entries: []question.TopRow{
		{Name: "api.request.count", Kind: "counter", Rate: 28_410, Share: 0.165, Published: "stats.NAME"},
		{Name: "api.request.ms", Kind: "timer", Rate: 14_205.4, Share: 0.0825, Published: "stats.timers.NAME"},
		{Name: "checkout.session.8e1f2b3c4d5e6f708192a3b4c5d6e7f8.first.render.of.the.page.ms", Kind: "timer", Rate: 3.25, Share: 0.00002, Published: "stats.timers.NAME"},
	}}
}

// Senders returns two senders.
func Senders() question.Senders {
	return question.Senders{Match: "checkout.*", Error: 0.02, Senders: []question.SenderRow{
		{Sender: "10.20.4.17", Over: "udp", Rate: 12_310, Share: 0.34, Most: "checkout.pay.ms"},
		{Sender: "uid 33, pid 4711, php-fpm", Over: "unix", Rate: 6_200, Share: 0.17, Bad: 10.5, Most: "checkout.cart.items", LastBad: `"php.err:1,5|ms"`},
	}, Processes: []question.ProcessRow{
		{UID: 33, PID: 4711, Program: "php-fpm", Last: before(time.Second), Datagrams: 61_200, Lines: 1_204_112, Bad: 2_011},
		{UID: 1000, Program: "", Last: before(time.Minute), Connections: 2, Denied: 2},
	}}
}

// Tail returns valid and bad lines.
func Tail() question.Tail {
	at := time.Date(2026, 11, 29, 2, 28, 31, 204e6, time.UTC)
	return question.Tail{Matched: 4_120, NotShown: 4_115, Lines: []question.Line{
		{Time: at, Sender: "10.20.4.17", Over: "udp", Line: `"api.request.ms:12|ms"`, Kind: "timer", Name: "api.request.ms"},
		{Time: at.Add(3e6), Sender: "10.20.4.31", Over: "tcp", Line: `"orders.total:NaN|g"`, Reason: "bad_value", At: 13},
		{Time: at.Add(4e6), Over: "udp", Line: `"checkout.session.8e1f2b3c4d5e6f708192a3b4c5d6e7f8.first.render.of.the.page:1204|ms|@0.1"`, Kind: "timer", Name: "checkout.session.8e1f2b3c4d5e6f708192a3b4c5d6e7f8.first.render.of.the.page"},
		{Time: at.Add(9e6), Over: "udp", Line: `" x:1|c"`, Kind: "counter", Name: "_x"},
		{Time: at.Add(9e6), Over: "udp", Line: `"checkout.new:1|c"`, Kind: "counter", Name: "checkout.new", Reason: "names"},
	}}
}

// Prefixes returns the prefixes with the most names.
func Prefixes() question.Prefixes {
	return question.Prefixes{Held: 1_822_130, Since: before(15 * time.Minute), Error: 12, Prefixes: []question.Prefix{
		{Prefix: "checkout.", Names: 802_114, Share: 0.44, New: 261_911, Gone: 1_204, Bytes: 151e6, Newest: before(time.Second), ManyNew: true},
		{Prefix: "api.", Names: 402_003, Share: 0.2206, New: 120, Bytes: 76.4e6, Newest: before(40 * time.Second)},
		{Prefix: "php.", Names: 18, Share: 0.00001, New: 18, Bytes: 3384, Newest: before(40 * time.Second), AtLeast: true},
	}, Others: question.Prefix{Names: 617_995, Share: 0.34, New: 4_011, Gone: 12}}
}

// Discards returns bad lines and refused samples.
func Discards() question.Discards {
	return question.Discards{
		Reasons: map[string]uint64{"bad_value": 30_411, "bad_type": 12, "empty_name": 0},
		Lines: []question.BadLine{
			{Time: before(2 * time.Second), Sender: "10.20.4.31:40112", Reason: "bad_value", Line: `"orders.total:NaN|g"`, At: 14},
			{Time: before(3 * time.Second), Sender: "unknown", Reason: "bad_type", Line: `"a:\x1b[2J\xff|q"`},
			{Time: before(4 * time.Second), Sender: "unknown", Reason: "bad_type", Line: `"b:1|q"`},
		},
		Alike: []question.Alike{
			{Count15m: 9_450, Reason: "bad_value", Sender: "10.20.4.31", Last: `"orders.total:NaN|g"`},
			{Count15m: 2, Reason: "bad_type", Sender: "unknown", Last: `"a:\x1b[2J\xff|q"`},
		},
		Refused:    []question.Refused{{Limit: "max-names", Prefix: "web.requests.", Least: 3_000_000_000, Most: 3_000_000_001}, {Limit: "max-set-members", Prefix: "users", Least: 7, Most: 7}},
		Collisions: []string{"stats.x"},
		Note:       "some senders are unknown; statsdmonitor tail --bad asks at once",
	}
}

// Alerts returns alerts and an audit log.
func Alerts() question.Alerts {
	at := before(376 * time.Second)
	long := before(8*time.Hour + 51*time.Minute)
	return question.Alerts{
		Alerts: []question.Alert{
			{Reason: "sink_failing", Subject: "archive", State: "degraded", Text: "sink archive accepted nothing for 6m12s: connection refused; 2,057,160 points wait, none lost", Began: at, Told: []question.Told{
				{Notifier: "alertmanager", Begin: question.Telling{State: "told", Time: at.Add(time.Second), Tries: 1}, End: question.Telling{State: "none"}},
				{Notifier: "webhook", Begin: question.Telling{State: "told", Time: at.Add(time.Second), Tries: 1}, End: question.Telling{State: "none"}},
				{Notifier: "nsca", Begin: question.Telling{State: "told", Time: at.Add(23 * time.Second), Tries: 3}, End: question.Telling{State: "none"}},
			}},
			{Reason: "sink_failing", Subject: "main", State: "failing", Text: "sink main accepted nothing for 15m: timeout after 10 s", Began: long, Ended: long.Add(15 * time.Minute), Told: []question.Told{
				{Notifier: "alertmanager", Begin: question.Telling{State: "told", Time: long, Tries: 1}, End: question.Telling{State: "told", Time: long.Add(15 * time.Minute), Tries: 1}},
				{Notifier: "webhook", Begin: question.Telling{State: "told", Time: long, Tries: 1}, End: question.Telling{State: "given_up", Time: long.Add(25 * time.Minute), Tries: 15, Error: "502"}},
			}},
			{Reason: "silent", State: "degraded", Text: "no line came for 5m", Began: long.Add(-24 * time.Hour), Ended: long.Add(-23 * time.Hour)},
		},
		Audit: []question.Audit{
			{Time: before(time.Minute), Who: "anna", Address: "10.1.2.3:50100", Change: "names/mute", Args: `"match"="debug.*" "seconds"=3600`, Result: "done"},
			{Time: before(48 * time.Hour), Who: "", Address: "127.0.0.1:4711", Change: "names/delete", Args: `"match"="*"`, Result: "refused: a token of the role operate is needed"},
		},
	}
}

// Config returns a configuration that differs from its file.
func Config() question.Config {
	return question.Config{Files: []string{"/etc/statsd/statsd.conf"}, Settings: []question.Setting{
		{Flag: "--port", Value: "8125", Default: "8125", Source: "default"},
		{Flag: "--sink", Value: "archive=graphite://10.20.0.9:2003", Source: "file, line 4", New: "archive=graphite://10.20.0.10:2003", Differs: true},
		{Flag: "--udp-buffer", Value: "8MiB", Default: "4MiB", Source: "environment"},
		{Flag: "--notify-webhook", Value: "https://hooks.example.com/services/a/very/long/path/that/does/not/fit/on/a/narrow/page/***", Source: "command line"},
		{Flag: "--receivers", Value: "4", Default: "2", Source: "file, line 9", New: "8", Differs: true, Restart: true},
	}}
}

// Cost returns the costs of all parts of a daemon.
func Cost() question.Cost {
	return question.Cost{
		CostSum: question.CostSum{Cores: 0.3, Memory: 412e6, MicrosPerSample: 1.7, BytesPerName: 188},
		Cores5m: 0.29, Cores15m: 0.27,
		CPU:      []question.Share{{Name: "receive", Value: 0.62}, {Name: "flush", Value: 0.21}, {Name: "send", Value: 0.09}},
		Memories: []question.Share{{Name: "names", Value: 343e6}, {Name: "samples", Value: 31e6}, {Name: "history", Value: 17e6}, {Name: "queues", Value: 3e6}, {Name: "Go", Value: 18e6}},
		Most:     []question.Prefix{{Prefix: "checkout.session.", Names: 788_020, Bytes: 148e6}, {Prefix: "api.", Names: 402_003, Bytes: 76e6}},
	}
}

// History returns the history of a rate and of a value, and a path without history.
func History() question.History {
	drops, worst := make([]question.Number, 90), make([]question.Number, 90)
	drops[22], drops[37], drops[44], drops[46], drops[52] = 8, 24.6, 1.2, 20, 0.4
	drops[60], drops[61] = None, None
	for i := 37; i < 52; i++ {
		worst[i] = 1
	}
	worst[46] = 2
	temperature := make([]question.Number, 90)
	for i := range temperature {
		temperature[i] = question.Number(10 * math.Sin(float64(i)/10))
	}
	return question.History{
		From: flush.Add(-89 * 10 * time.Second), Step: 10,
		Series:   map[string][]question.Number{"udp.kernel_dropped": drops, "stats.gauges.outside": temperature, "stats.gone": {None, None}},
		Worst:    map[string][]question.Number{"udp.kernel_dropped": worst},
		Kinds:    map[string]string{"udp.kernel_dropped": "rate", "stats.gauges.outside": "value"},
		Greatest: map[string][]question.Number{"udp.kernel_dropped": drops, "stats.gauges.outside": temperature},
		Sums: map[string]question.HistorySum{
			"udp.kernel_dropped":   {Min: 0, Mean: 1.3, Max: 24.6, MaxAt: flush.Add(-531 * time.Second), Last: 0},
			"stats.gauges.outside": {Min: -9.9999, Mean: 2.1, Max: 9.9957, MaxAt: flush.Add(-740 * time.Second), Last: 5.01},
		},
		Flushes: 90, Missing: 2,
		Notes: []string{"2 flushes missing", "no history held of stats.gone; held from now on"},
	}
}
