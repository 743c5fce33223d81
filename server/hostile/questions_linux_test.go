package hostile

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/meta/question"
)

// The daemon answers the twelve questions of docs/operator.md correctly while it receives samples
// of many names. In a full run it receives 200,000 samples a second of 2,000,000 names, and each
// answer takes less than 10 seconds. Answers about the current traffic are estimates. Other tests
// check how exact they are.
func TestSoakQuestions(t *testing.T) {
	sideBySide(t)
	o := operate(t)
	for _, q := range []struct {
		name string
		ask  func(*operated, *testing.T)
	}{
		{"11 what is configured", (*operated).whatIsConfigured},
		{"2 what became of my metric", (*operated).whatBecameOfIt},
		{"6 which names are hottest", (*operated).whichAreHottest},
		{"7 who sends this name", (*operated).whoSendsIt},
		{"3 who sends garbage", (*operated).whoSendsGarbage},
		{"5 which prefix explodes", (*operated).whichExplodes},
		{"1 8 12 health, sinks and alerts", (*operated).whatIsDown},
		{"10 what is the value", (*operated).whatIsTheValue},
		{"9 what does it cost", (*operated).whatItCosts},
		{"4 how much is lost", (*operated).howMuchIsLost},
	} {
		t.Run(q.name, func(t *testing.T) {
			outer := o.t
			o.t = t
			defer func() { o.t = outer }()
			q.ask(o, t)
		})
		if t.Failed() {
			t.Fatalf("the log says:\n%s", o.log)
		}
	}
	soak.Row(t, fmt.Sprintf("the twelve questions of an operator, with %d names", o.names), "true answers, each within 10 s", "the same")
}

// The answer shows the source of each setting. Before a reload, it shows what the changed file
// would change.
func (o *operated) whatIsConfigured(t *testing.T) {
	o.configure(t, "max-set-members 50\nkeep-values 5000\n")
	settings := map[string]question.Setting{}
	for _, s := range data[question.Config](o, "config").Settings {
		settings[strings.TrimLeft(s.Flag, "-")] = s
	}
	for flag, want := range map[string]question.Setting{
		"max-set-members": {Value: "50", Source: "file, line 1"},
		"max-names":       {Value: fmt.Sprint(2 * o.names), Source: "environment"},
		"expire":          {Value: "100000", Source: "command line"},
	} {
		if s := settings[flag]; s.Value != want.Value || s.Source != want.Source || s.Differs {
			t.Errorf("--%s: %+v, want %+v", flag, s, want)
		}
	}
	text, _ := o.ask("config", "--diff")
	if !strings.Contains(text, "--keep-values") || !strings.Contains(text, "5000") || strings.Contains(text, "--max-set-members") {
		t.Errorf("config --diff:\n%s", text)
	}
}

// The query "explain" tells what the daemon does with a line, but does not count the line.
func (o *operated) whatBecameOfIt(t *testing.T) {
	for line, want := range map[string]string{
		"fleet.rack7.host7:1|c":  "known already",
		"php.err:1,5|ms":         "bad_value at byte 9",
		"fleet.rack7.host 7:1|c": "fleet.rack7.host_7",
		"fleet.rack7.host7":      "graphite: ",
	} {
		if text, code := o.ask("explain", line); code == 1 || code == 2 || !strings.Contains(text, want) {
			t.Errorf("explain %s exits %d:\n%s", line, code, text)
		}
	}
	if text, code := o.ask("explain", "fleet.rack7.host8"); code != 4 {
		t.Errorf("explain of an unknown name exits %d:\n%s", code, text)
	}
	if f := o.figures(); f["metrics.discarded"] != 0 {
		t.Errorf("an explained line was counted: %v are bad", f["metrics.discarded"])
	}
	text, _ := o.ask("tail", "hot.n0", "--for=1")
	if !strings.Contains(text, "hot.n0:1|c  ") || !strings.Contains(text, "-> counter hot.n0") {
		t.Errorf("tail:\n%s", text)
	}
}

// The list of the hottest names includes the names with the most samples.
func (o *operated) whichAreHottest(t *testing.T) {
	var before [hotNames]int64
	for i := range before {
		before[i] = o.hot[i].Load()
	}
	begun := time.Now()
	top := data[question.Top](o, "top", "-n12", "--for="+soak.Pick("2s", "5s"))
	took := time.Since(begun).Seconds()
	rates := map[string]float64{}
	order := make([]int, hotNames)
	for i := range order {
		order[i] = i
		rates[fmt.Sprintf("hot.n%d", i)] = float64(o.hot[i].Load()-before[i]) / took
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(o.hot[b].Load()-before[b], o.hot[a].Load()-before[a]) })
	for _, n := range order[:soak.Pick(5, 10)] { // with few samples, the order of the names is uncertain
		name := fmt.Sprintf("hot.n%d", n)
		if !slices.ContainsFunc(top.Entries, func(e question.TopRow) bool { return e.Name == name }) {
			t.Errorf("%s is not among %v", name, top.Entries)
		}
	}
	for _, e := range top.Entries[:5] {
		// The test and the daemon count over slightly different times.
		if want := rates[e.Name]; soak.On() && math.Abs(e.Rate-want) > e.Rate*e.Error+0.1*want {
			t.Errorf("%s: %.0f samples/s +-%.0f %%, sent %.0f", e.Name, e.Rate, 100*e.Error, want)
		}
	}
}

// The answer includes every client that sends a large part of a name's samples.
func (o *operated) whoSendsIt(t *testing.T) {
	found := data[question.Senders](o, "senders", "hot.n0", "--for=2s")
	for i := range senders {
		address := fmt.Sprintf("127.0.1.%d", i+1)
		if !slices.ContainsFunc(found.Senders, func(s question.SenderRow) bool { return s.Sender == address && s.Over == "udp" }) {
			t.Errorf("%s sends a tenth, and is not among %+v", address, found.Senders)
		}
	}
}

// One of ten clients sends bad lines. The answer names this client.
func (o *operated) whoSendsGarbage(t *testing.T) {
	o.bad.Store(7)
	eventually(t, "no bad line", func() bool { return o.figures()["metrics.discarded"] > 100 })
	if first := data[question.Senders](o, "senders", "--for=2s").Senders[0]; first.Sender != "127.0.1.7" || first.Bad == 0 || first.LastBad != `"php.err:1,5|ms"` {
		t.Errorf("the first sender is %+v", first)
	}
	alike := data[question.Discards](o, "discards").Alike[0]
	if alike.Sender != "127.0.1.7" || alike.Reason != "bad_value" || alike.Last != `"php.err:1,5|ms"` {
		t.Errorf("most bad lines: %+v", alike)
	}
	if text, _ := o.ask("tail", "--bad", "--for=1"); !strings.Contains(text, "127.0.1.7") || !strings.Contains(text, "bad_value at byte 9") {
		t.Errorf("tail --bad:\n%s", text)
	}
	o.bad.Store(0)
}

// The prefix that gets many new names is marked, and its number of names is right.
func (o *operated) whichExplodes(t *testing.T) {
	n := o.names / 20
	o.flood(o.dial("tcp"), n, o.session)
	o.sent.Add(int64(n))
	eventually(t, "the names do not come", func() bool { return o.figures()["names"] >= float64(o.names+n) })
	rows := data[question.Prefixes](o, "prefixes").Prefixes
	i := slices.IndexFunc(rows, func(p question.Prefix) bool { return p.Prefix == "checkout." })
	if i < 0 || rows[i].Names != n || rows[i].New != n || !rows[i].ManyNew {
		t.Errorf("%d names were made below checkout. of %+v", n, rows)
	}
	below := data[question.Prefixes](o, "prefixes", "checkout").Prefixes
	if len(below) != 1 || below[0].Prefix != "checkout.session." || below[0].Names != n {
		t.Errorf("below checkout.: %+v", below)
	}
}

// A sink stops, and later works again. The daemon's health, the sink's lag and the alert show both changes.
func (o *operated) whatIsDown(t *testing.T) {
	o.refused.Store(2)
	o.archive.stop()
	stopped := time.Now()
	eventually(t, "the sink is not behind", func() bool {
		sinks := data[[]question.Sink](o, "sinks", "archive")
		return len(sinks) == 1 && sinks[0].State == "FAILING" && sinks[0].Behind > 0 && sinks[0].Waiting > 0
	})
	inTime(t, "seeing the lag", time.Since(stopped), 2*o.interval)
	eventually(t, "the reason sink_failing is not active for the sink", func() bool {
		r := o.reason("sink_failing", "archive") // at first the state of the reason is "note"
		return r != nil && r.State == "degraded"
	})
	if text, code := o.ask("check"); code != 1 && code != 2 || strings.HasPrefix(text, "STATSD OK") { // on a busy machine, check may report that many samples are dropped
		t.Errorf("check exits %d: %s", code, text)
	}
	inTime(t, "seeing the failure", time.Since(stopped), 3*o.interval+5*time.Second)
	if text, _ := o.ask(); !strings.Contains(text, "! sink archive has accepted nothing for ") || !strings.Contains(text, " sinks archive") {
		t.Errorf("status:\n%s", text)
	}
	told := func() question.Telling { return o.told().Begin }
	eventually(t, "the webhook is not notified", func() bool { return told().State == "told" })
	if begin := told(); begin.Tries != 3 {
		t.Errorf("the webhook, which refuses twice, was notified: %+v", begin)
	}
	o.archive.start()
	eventually(t, "the failure goes on", func() bool { return o.reason("sink_failing", "archive") == nil })
	eventually(t, "the webhook is not notified of the end", func() bool { return o.told().End.State == "told" })
}

// reason looks up a reason in the daemon's status by its ID and its subject. If the parameter subject is empty, any
// subject matches. It returns nil if there is no such reason.
func (o *operated) reason(id, subject string) *question.Reason {
	o.t.Helper()
	for _, r := range data[question.Status](o, "status").Health.Reasons {
		if r.ID == id && (r.Subject == subject || subject == "") {
			return &r
		}
	}
	return nil
}

// told returns the daemon's record of the webhook messages that report the failing sink.
func (o *operated) told() question.Told {
	o.t.Helper()
	for _, a := range data[question.Alerts](o, "alerts").Alerts {
		if a.Reason == "sink_failing" && a.Subject == "archive" && len(a.Told) == 1 {
			return a.Told[0]
		}
	}
	return question.Told{}
}

// The mean values match the points that the sink received.
func (o *operated) whatIsTheValue(t *testing.T) {
	eventually(t, "the means differ from the means of the sink", func() bool {
		values := data[question.PathValues](o, "values", "stats.canary.mean").Values
		o.carbon.mu.Lock()
		defer o.carbon.mu.Unlock()
		mean, last := o.carbon.rates["stats.canary.mean"]/float64(len(o.carbon.delays)), o.carbon.last["stats.canary.mean"]
		if len(values) != 1 {
			return false
		}
		v := values[0]
		close := func(a question.Number) bool { return math.Abs(float64(a)-mean) <= 1e-9*mean }
		return float64(v.Value) == last && close(v.M15) && v.History
	})
}

// The memory and the CPU time in the answer match the system's values.
func (o *operated) whatItCosts(t *testing.T) {
	eventually(t, "the system reports another amount of memory", func() bool { // memory changes between the two measurements, so the test tries again
		got, is := float64(data[question.Cost](o, "cost").Memory), o.memory("VmRSS")
		return math.Abs(got-is) < 0.1*is
	})
	eventually(t, "the system says that it is another number of cores", func() bool {
		number, used := o.figures()["ledger.time"], o.cpu()
		eventually(t, "no flush", func() bool { return o.figures()["ledger.time"] >= number+2*o.interval.Seconds() })
		cores := (o.cpu() - used).Seconds() / (o.figures()["ledger.time"] - number)
		return math.Abs(data[question.Cost](o, "cost").Cores-cores) < soak.Pick(0.5, 0.1)*cores
	})
}

// Each sample is aggregated or counted as lost. The answer shows the number of lost samples for each cause.
func (o *operated) howMuchIsLost(t *testing.T) {
	stream := o.dial("tcp")
	var set strings.Builder
	for i := range 500 { // a set may have 50 members, so members are refused even if a flush divides the 500
		fmt.Fprintf(&set, "users.active:member%d|s\n", i)
	}
	o.write(stream, set.String(), 500)
	burst := o.client(senders + 1)
	o.signal(syscall.SIGSTOP)
	for range 5_000 {
		o.write(burst, strings.Repeat("hot.burst:1|c\n", perPacket), perPacket)
	}
	o.signal(syscall.SIGCONT)
	o.quiet()
	var f map[string]float64
	eventually(t, "not all that was sent is accounted for", func() bool {
		f = o.figures()
		return float64(o.sent.Load()) == f["samples.aggregated"]+f["metrics.discarded"]+f["samples.refused"]+perPacket*f["udp.kernel_dropped"]
	})
	lost := data[question.Status](o, "status").Lost
	if sum := f["udp.kernel_dropped"] + f["metrics.discarded"] + f["samples.refused"]; math.Abs(lost.Sum15m-sum) > 0.5 || lost.Kernel == 0 || lost.Bad == 0 || lost.Refused == 0 || lost.Dropped != 0 {
		t.Errorf("lost: %+v, want %v in all: %v in the kernel, %v bad, %v refused", lost, sum, f["udp.kernel_dropped"], f["metrics.discarded"], f["samples.refused"])
	}
	for id, next := range map[string]string{"kernel_drops": "history udp.kernel_dropped", "samples_refused": "discards"} {
		if r := o.reason(id, ""); r == nil || !strings.HasSuffix(r.Next, next) {
			t.Errorf("%s: %+v, want -> %s", id, r, next)
		}
	}
	if max := data[question.History](o, "history", "udp.kernel_dropped").Sums["udp.kernel_dropped"].Max; !(max > 0) {
		t.Errorf("the greatest number of datagrams that the kernel dropped is %v", max)
	}
	if text, code := o.ask("ledger"); code != 0 {
		t.Errorf("the ledger exits %d:\n%s", code, text)
	}
}
