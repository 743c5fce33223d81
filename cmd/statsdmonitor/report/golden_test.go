package report

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/cmd/statsdmonitor/report/reporttest"
	"github.com/statsd-ops/statsd/meta/question"
)

var update = flag.Bool("update", false, "write the golden files")

// bare contains answers without any data, as a new daemon gives them.
func bare() map[string]func(Page) string {
	return map[string]func(Page) string{
		"explain.bare":  func(p Page) string { return Explain(p, reporttest.Live(), question.Explanation{}) },
		"values.bare":   func(p Page) string { return Values(p, reporttest.Flushed(), question.PathValues{}) },
		"top.bare":      func(p Page) string { return Top(p, reporttest.Probed(), question.Top{By: "name"}) },
		"senders.bare":  func(p Page) string { return Senders(p, reporttest.Probed(), question.Senders{Match: "*"}) },
		"prefixes.bare": func(p Page) string { return Prefixes(p, reporttest.Live(), question.Prefixes{}) },
		"discards.bare": func(p Page) string { return Discards(20)(p, reporttest.Live(), question.Discards{}) },
		"cluster.bare":  func(p Page) string { return Cluster(p, reporttest.Live(), question.Cluster{}) },
		"rules.bare":    func(p Page) string { return Rules(p, reporttest.Live(), question.Rules{}) },
		"sinks.bare":    func(p Page) string { return Sinks(p, reporttest.Live(), nil) },
		"alerts.bare":   func(p Page) string { return Alerts(p, reporttest.Live(), question.Alerts{}) },
		"audit.bare":    func(p Page) string { return Audit(p, reporttest.Live(), question.Alerts{}) },
		"config.bare":   func(p Page) string { return Config(Differing)(p, reporttest.Live(), question.Config{}) },
		"cost.bare": func(p Page) string {
			return Cost(p, reporttest.Flushed(), question.Cost{Cores5m: reporttest.None, Cores15m: reporttest.None})
		},
		"history.bare": func(p Page) string { return History(p, reporttest.Flushed(), question.History{}) },
	}
}

func tailed(p Page) (text string) {
	for _, line := range reporttest.Tail().Lines {
		text += TailLine(p, line)
	}
	return text
}

// changes returns the reports about requested changes, by name.
func changes() map[string]func(Page) string {
	later := reporttest.Now.Add(10 * time.Minute)
	muted := []question.Mute{{Match: "debug.*", Until: later, Samples: 12_300}, {Match: "checkout.session.*.render.of.the.page.and.of.all.that.is.on.it.and.below.it", Until: later.Add(23 * time.Hour)}}
	return map[string]func(Page) string{
		"flush": func(p Page) string { return Flushed(p, reporttest.Live(), question.Flushed{Number: 53_211, At: later}) },
		"reload": func(p Page) string {
			return Reloaded(p, reporttest.Live(), question.Reloaded{Changed: []string{"--sink", "--expire"}, Restart: []string{"--receivers"}})
		},
		"reload.dry": func(p Page) string { return Reloaded(p, reporttest.Live(), question.Reloaded{DryRun: true}) },
		"drain": func(p Page) string {
			return Drained(p, reporttest.Live(), question.Drained{Draining: true, Until: later})
		},
		"drain.off": func(p Page) string { return Drained(p, reporttest.Live(), question.Drained{}) },
		"debug": func(p Page) string {
			return Debugged(p, reporttest.Live(), question.Debugged{Match: "checkout.*", Until: later})
		},
		"debug.off": func(p Page) string { return Debugged(p, reporttest.Live(), question.Debugged{}) },
		"mute":      func(p Page) string { return Mutes(p, reporttest.Live(), question.Mutes{Names: 1_204, Muted: muted}) },
		"unmute":    func(p Page) string { return Mutes(p, reporttest.Live(), question.Mutes{}) },
		"delete": func(p Page) string {
			return Deleted(p, reporttest.Live(), question.Deleted{Names: 1_204, First: []string{"a.b", "a.c"}})
		},
		"delete.dry": func(p Page) string {
			return Deleted(p, reporttest.Live(), question.Deleted{DryRun: true, Names: 1, First: []string{"a.b"}})
		},
		"delete.none": func(p Page) string { return Deleted(p, reporttest.Live(), question.Deleted{}) },
	}
}

// accounts contains the accounts of edge daemons in all states.
func accounts() ClusterBook {
	of := func(name string, complete, samples, dropped uint64, settled, balances bool) EdgeAccount {
		f := reporttest.Forward()
		f.Acknowledged += f.Dropped - dropped
		if f.Dropped = dropped; dropped == 0 {
			f.Reasons = nil
		}
		return EdgeAccount{Edge: name, Address: name + ":8135", Number: 25_920, Complete: complete, Samples: 4_120_331, Counted: samples, Dropped: dropped, Settled: settled, Balances: balances, Forward: f}
	}
	return ClusterBook{Fault: "edge web4", Edges: []EdgeAccount{
		of("web1", 25_920, 4_120_331, 0, true, true), of("web2", 25_918, 4_120_030, 0, false, true),
		of("web3", 25_920, 4_000_000, 500, true, true), of("web4", 25_920, 4_000_000, 0, true, false),
	}}
}

func reports() map[string]func(Page) string {
	refused := question.Explanation{Steps: []question.Step{{Name: "parsed", Text: "php.err:1,5|ms  bad_value at byte 9: 1,5 is not a finite decimal number", At: 8}}, Known: true}
	unknown := question.Explanation{Steps: []question.Step{{Name: "name", OK: true, Text: "checkout.pya"}}, Near: []string{"checkout.pay", "checkout.pya2"}}
	some := reporttest.Values()
	some.Values = some.Values[:2]
	failing := reporttest.Status()
	failing.Health.State = "failing"
	all := bare()
	maps.Copy(all, changes())
	maps.Copy(all, map[string]func(Page) string{
		"status":          func(p Page) string { return Status(p, reporttest.Flushed(), reporttest.Status()) },
		"status.failing":  func(p Page) string { return Status(p, reporttest.Flushed(), failing) },
		"status.healthy":  func(p Page) string { return Status(p, reporttest.Flushed(), reporttest.Healthy()) },
		"status.starting": func(p Page) string { return Status(p, question.Answer{Complete: true}, reporttest.Starting()) },
		"explain":         func(p Page) string { return Explain(p, reporttest.Live(), reporttest.Explanation()) },
		"explain.bad":     func(p Page) string { return Explain(p, reporttest.Live(), refused) },
		"explain.unknown": func(p Page) string { return Explain(p, reporttest.Live(), unknown) },
		"values":          func(p Page) string { return Values(p, reporttest.Flushed(), reporttest.Values()) },
		"values.cut": func(p Page) string {
			some, a := some, reporttest.Flushed()
			some.Looked, a.Complete = 1_200_000, false
			return Values(p, a, some)
		},
		"values.some":     func(p Page) string { return Values(p, reporttest.Flushed(), some) },
		"top":             func(p Page) string { return Top(p, reporttest.Probed(), reporttest.Top()) },
		"senders":         func(p Page) string { return Senders(p, reporttest.Probed(), reporttest.Senders()) },
		"tail":            func(p Page) string { return tailed(p) },
		"prefixes":        func(p Page) string { return Prefixes(p, reporttest.Live(), reporttest.Prefixes()) },
		"discards":        func(p Page) string { return Discards(2)(p, reporttest.Live(), reporttest.Discards()) },
		"cluster":         func(p Page) string { return Cluster(p, reporttest.Live(), reporttest.Cluster()) },
		"cluster.edge":    func(p Page) string { return Cluster(p, reporttest.Live(), reporttest.Edge()) },
		"cluster.waiting": func(p Page) string { return Cluster(p, reporttest.Live(), reporttest.WaitingEdge()) },
		"cluster.central": func(p Page) string { return Cluster(p, reporttest.Live(), reporttest.Central()) },
		"cluster.ending":  func(p Page) string { return Cluster(p, reporttest.Live(), reporttest.Ending()) },
		"cluster.fault": func(p Page) string {
			return Cluster(p, reporttest.Live(), question.Cluster{Collects: true, Interval: 10, Address: "nats://n1", ID: "a", Fault: "no server answers"})
		},
		"cluster.ledger": func(p Page) string {
			return ClusterLedger(ClusterBook{Balances: true})(p, reporttest.Live(), reporttest.Cluster())
		},
		"cluster.ledger.edges": func(p Page) string { return ClusterLedger(accounts())(p, reporttest.Live(), reporttest.Central()) },
		"rules":                func(p Page) string { return Rules(p, reporttest.Flushed(), reporttest.Rules()) },
		"sinks":                func(p Page) string { return Sinks(p, reporttest.Live(), reporttest.Sinks()) },
		"sinks.conflicts": func(p Page) string {
			return Sinks(p, reporttest.Live(), []question.Sink{reporttest.ConflictingSink()})
		},
		"sinks.one":   func(p Page) string { return Sinks(p, reporttest.Live(), []question.Sink{reporttest.FailingSink()}) },
		"alerts":      func(p Page) string { return Alerts(p, reporttest.Live(), reporttest.Alerts()) },
		"audit":       func(p Page) string { return Audit(p, reporttest.Live(), reporttest.Alerts()) },
		"config":      func(p Page) string { return Config(Set)(p, reporttest.Live(), reporttest.Config()) },
		"config.all":  func(p Page) string { return Config(All)(p, reporttest.Live(), reporttest.Config()) },
		"config.diff": func(p Page) string { return Config(Differing)(p, reporttest.Live(), reporttest.Config()) },
		"cost":        func(p Page) string { return Cost(p, reporttest.Flushed(), reporttest.Cost()) },
		"history":     func(p Page) string { return History(p, reporttest.Flushed(), reporttest.History()) },
	})
	return all
}

// TestReports compares each report to its golden files, and checks that no line is too long.
func TestReports(t *testing.T) {
	for name, report := range reports() {
		for _, width := range []int{40, 80, 120} {
			p := Page{Width: width, Now: reporttest.Now, Zone: time.UTC}
			text := report(p)
			for line := range strings.Lines(text) {
				if n := len(line) - 1; n > width {
					t.Errorf("%s at %d: %d columns: %s", name, width, n, line)
				}
				if strings.HasSuffix(line, " \n") {
					t.Errorf("%s at %d: ends with a space: %q", name, width, line)
				}
			}
			compare(t, fmt.Sprintf("%s.%d.txt", name, width), text)
			p.Colour = true
			if painted := report(p); unpainted(painted) != text {
				t.Errorf("%s at %d: colour changes the text:\n%s", name, width, painted)
			}
		}
	}
}

// unpainted removes the colours from text.
func unpainted(text string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "\x1b[")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		_, text, _ = strings.Cut(rest, "m")
	}
}

func compare(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%swant\n%s", file, got, want)
	}
}

// TestPrefixHint checks that there is a space between a long command and the explanation after it.
func TestPrefixHint(t *testing.T) {
	answer := reporttest.Prefixes()
	for n := range 50 {
		page := Page{Width: 120, Now: reporttest.Now, Zone: time.UTC, Ask: "statsdmonitor --at " + strings.Repeat("m", n+1)}
		if text := Prefixes(page, reporttest.Live(), answer); !strings.Contains(text, " ! more than 10 % are new") {
			t.Fatalf("%d: %s", n, text)
		}
	}
}

func TestTailEnd(t *testing.T) {
	part := question.TailLooked{LookedAt: question.LookedAt{Every: 8}, Matched: 4_120, NotShown: 4_116}
	whole := question.TailLooked{LookedAt: question.LookedAt{Every: 1}, Matched: 1}
	for got, want := range map[string]string{
		TailEnd(part, 4, 100):  "4 shown of 4,120 that match (limit 100/s), 1 batch in 8 looked at",
		TailEnd(whole, 1, 100): "1 shown of 1 that matches, all looked at",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestCheck checks the lines for Nagios and their exit codes.
func TestCheck(t *testing.T) {
	quiet := Thresholds{"failing", "never"}
	usual := Thresholds{"degraded", "failing"}
	some := reporttest.Values()
	some.Values = some.Values[:2]
	failing := reporttest.Status()
	failing.Health.State = "failing"
	failing.Health.Reasons[0].Text = "it has a | bar\n"
	begins := reporttest.Healthy()
	begins.Health.Reasons = []question.Reason{{ID: "config_differs", State: "note", Text: "it differs"}, {ID: "sink_failing", State: "note", Text: "sink a fails"}}
	for _, tt := range []struct {
		t    Thresholds
		st   question.Status
		code int
		want string
	}{
		{usual, reporttest.Status(), CheckWarning, "STATSD WARNING - sink archive accepted nothing for 6m12s: connection refused; 2,057,160 points wait, none lost; the spool is full in 59m, +2 reasons | received=172140 kernel_dropped=30411c lost_15m=10620;1 names=1822130;1800000;2000000;0 behind=372s;60;900 flush=0.404s;8;10\n"},
		{usual, reporttest.Healthy(), CheckOK, "STATSD OK - nothing is wrong | received=172140 kernel_dropped=30411c lost_15m=0;1 names=1822130;1800000;2000000;0 behind=0s;60;900 flush=0.404s;8;10\n"},
		{usual, begins, CheckOK, "STATSD OK - sink a fails | "},
		{usual, failing, CheckCritical, `STATSD CRITICAL - it has a / bar\n, +2 reasons | `},
		{quiet, failing, CheckWarning, "STATSD WARNING - "},
		{quiet, reporttest.Status(), CheckOK, "STATSD OK - sink archive accepted nothing"},
		{usual, question.Status{}, CheckUnknown, "STATSD UNKNOWN - "},
	} {
		if code := tt.t.Code(tt.st.Health.State); code != tt.code {
			t.Errorf("%v, %s: code %d, want %d", tt.t, tt.st.Health.State, code, tt.code)
		}
		if got := Check(tt.t, tt.st, 30_411); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%v: got %q, want %q", tt.t, got, tt.want)
		}
	}
}
