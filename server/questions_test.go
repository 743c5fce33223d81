package server

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/internal/cputime"
	"github.com/statsd-ops/statsd/internal/memory"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/metric"
)

// quickDaemon returns a running daemon that flushes often and has a monitor.
func quickDaemon(t *testing.T, change func(*Config)) *daemon {
	cfg := config()
	cfg.MonitorPort, cfg.FlushInterval, cfg.GaugeExpire, cfg.Expire = 0, 20*time.Millisecond, time.Hour, 1<<20
	cfg.HistoryMemory = 1 << 20
	if change != nil {
		change(&cfg)
	}
	return start(t, cfg)
}

// steps returns the text of each step of an explanation, by the name of the step.
func steps(data map[string]any) map[string]string {
	texts := map[string]string{}
	for _, s := range data["steps"].([]any) {
		s := s.(map[string]any)
		texts[s["step"].(string)] += s["text"].(string)
	}
	return texts
}

// Explain shows what a running daemon knows about a name: in the table, in the published values, in
// the sinks, and about its senders.
func TestQuestionExplain(t *testing.T) {
	t.Parallel()
	d := quickDaemon(t, nil)
	conn := d.dial("udp")
	send(t, conn, "Checkout Pay/EU:81.5|ms|@0.5\nCheckout_Pay-EU:1|c\nbad:x|c")
	eventually(t, "not published", func() bool {
		return strings.Contains(steps(d.answerData("explain", "Checkout_Pay-EU"))["now"], "mean 81.5")
	})
	before := d.answerData("figures")
	var data map[string]any
	eventually(t, "the sink does not have all", func() bool { // on a busy machine, a flush may not be delivered yet
		data = d.answerData("explain", "Checkout Pay/EU:81.5|ms|@0.5")
		return strings.Contains(steps(data)["sinks"], "recorder: has all points up to")
	})
	got := steps(data)
	for name, part := range map[string]string{
		"parsed": "rate 0.5", "name": "Checkout_Pay-EU", "rules": "known already", "kind": "also known as a counter",
		"published": "timers.Checkout_Pay-EU.{lower,upper,mean,count,upper_90}", "now": "mean 81.5", "means": "81.5", "seen": "first 20",
		"senders": "not watched (add --for 5s)",
	} {
		if !strings.Contains(got[name], part) {
			t.Errorf("%s: %q lacks %q", name, got[name], part)
		}
	}
	if data["known"] != true {
		t.Error("not known")
	}
	if got := steps(d.answerData("explain", "timers.Checkout_Pay-EU.mean")); !strings.Contains(got["name"], "a path of the timer Checkout_Pay-EU") {
		t.Errorf("a path: %v", got)
	}
	if data := d.answerData("explain", "Checkout_Pay-EX"); data["known"] != false || !slices.Equal(data["near"].([]any), []any{"Checkout_Pay-EU"}) {
		t.Errorf("an unknown name: %v", data)
	}
	after := d.answerData("figures")
	for _, name := range []string{"lines.received", "samples.received", "metrics.discarded", "names"} {
		if before[name] != after[name] {
			t.Errorf("explaining changed %s from %v to %v", name, before[name], after[name])
		}
	}
}

// With the argument seconds, explain watches which clients send the name. Later answers include the
// result.
func TestQuestionExplainSenders(t *testing.T) {
	t.Parallel()
	d := quickDaemon(t, nil)
	conn, stop := d.dial("udp"), make(chan struct{})
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				_, _ = conn.Write([]byte("hot.name:1|c"))
			}
		}
	}()
	data := d.question("explain", "hot.name", 1)["data"].(map[string]any)
	close(stop)
	<-sent
	if got := steps(data)["senders"]; !strings.Contains(got, "127.0.0.1 100 %") {
		t.Errorf("senders: %s", got)
	}
	if got := steps(d.answerData("explain", "hot.name:1|c"))["senders"]; !strings.Contains(got, "127.0.0.1 100 %") || !strings.HasSuffix(got, " ago") {
		t.Errorf("senders asked before: %s", got)
	}
}

// The answer about a failing sink has its error, its attempts, and how late its points are.
func TestQuestionSinks(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	d := quickDaemon(t, func(c *Config) { c.FlushInterval = 500 * time.Millisecond })
	send(t, d.dial("udp"), "a:1|c")
	sink := func() map[string]any {
		return d.question("sinks")["data"].([]any)[0].(map[string]any)
	}
	eventually(t, "nothing accepted", func() bool { return sink()["accepted"] != nil })
	if s := sink(); s["name"] != "recorder" || s["state"] != "ok" || s["error"] != nil || s["published"] == nil {
		t.Errorf("a good sink: %v", s)
	}
	d.Fail(errors.New("refused by the test"))
	eventually(t, "the sink does not fail", func() bool { return sink()["state"] == "FAILING" && sink()["behind"].(float64) > 1 })
	s := sink()
	if s["error"] != "send to the recorder: refused by the test" || s["attempts"].(float64) < 1 || s["waiting"].(float64) < 1 || s["queue"].(map[string]any)["bytes"].(float64) < 1 {
		t.Errorf("a failing sink: %v", s)
	}
	if status := d.answerData("status"); status["sinks"].([]any)[0].(map[string]any)["state"] != "FAILING" {
		t.Errorf("status: %v", status["sinks"])
	}
	d.Recover()
	eventually(t, "the sink does not recover", func() bool { return sink()["state"] == "ok" && sink()["attempts"] == 0.0 })
}

// The answers show each kind of loss. Bad lines are listed by sender and reason, with the position
// of the fault.
func TestQuestionDiscards(t *testing.T) {
	t.Parallel()
	d := quickDaemon(t, func(c *Config) { c.MaxNames = 1 })
	send(t, d.dial("tcp"), "a:1|c\nphp.err:1,5|ms\nb:1|c\nphp.err:x|ms\n")
	eventually(t, "not counted", func() bool {
		lost := d.answerData("status")["lost"].(map[string]any)
		return lost["bad"].(float64) > 0 && lost["refused"].(float64) > 0 && lost["sum_15m"] == 3.0
	})
	data := d.answerData("discarded")
	alike := data["alike"].([]any)[0].(map[string]any)
	if alike["count_15m"] != 2.0 || alike["sender"] != "127.0.0.1" || alike["reason"] != "bad_value" || alike["last"] != `"php.err:x|ms"` {
		t.Errorf("alike: %v", alike)
	}
	if line := data["lines"].([]any)[1].(map[string]any); line["line"] != `"php.err:1,5|ms"` || line["at"] != int64(8) {
		t.Errorf("line: %v", line)
	}
	if r := data["refused"].([]any)[0].(map[string]any); r["prefix"] != "b" || r["most"] != 1.0 {
		t.Errorf("refused: %v", r)
	}
	if data["reasons"].(map[string]any)["bad_value"] != 2.0 {
		t.Errorf("reasons: %v", data["reasons"])
	}
	for _, row := range d.question("ledger")["data"].([]any) {
		if row.(map[string]any)["equal"] != true {
			t.Errorf("ledger: %v", row)
		}
	}
}

// The query "cost" answers with the amount of memory that the system reports. The shares of the memory add up to this
// amount.
func TestQuestionCost(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	t.Parallel()
	d := quickDaemon(t, func(c *Config) { c.FlushInterval = 100 * time.Millisecond })
	conn := d.dial("tcp")
	for i := range 50 {
		var b strings.Builder
		for j := range 1000 {
			fmt.Fprintf(&b, "service.%d.requests:1|c\n", 1000*i+j)
		}
		send(t, conn, b.String())
	}
	eventually(t, "not received", func() bool { return d.answerData("figures")["names"] == 50_000.0 })
	var cost map[string]any
	eventually(t, "the system reports another amount of memory", func() bool { // memory changes between the two measurements, so the test tries again
		cost = d.answerData("cost")
		got, is := cost["memory"].(float64), float64(memory.Resident())
		return math.Abs(got-is) < 0.1*is
	})
	sum := 0.0
	for _, s := range cost["memory_shares"].([]any) {
		sum += s.(map[string]any)["value"].(float64)
	}
	if math.Abs(sum-cost["memory"].(float64)) > 0.1*sum {
		t.Errorf("the parts of %v bytes add up to %v", cost["memory"], sum)
	}
	if perName := cost["bytes_per_name"].(float64); perName < 30 || perName > 2000 {
		t.Errorf("%v bytes per name", perName)
	}
	parts := 0.0
	for _, s := range cost["cpu"].([]any) {
		parts += s.(map[string]any)["value"].(float64)
	}
	if parts < 0.5 || parts > 1.5 || cputime.Process() == 0 {
		t.Errorf("the parts of the processor time add up to %v: %v", parts, cost["cpu"])
	}
	if _, err := os.Stat("/proc/self/statm"); err == nil && memory.Resident() == 0 {
		t.Error("the resident set is not known")
	}
}

// When the flush loop has ended, the answer to a query about the table says that the daemon is
// ending.
func TestQuestionAtTheEnd(t *testing.T) {
	t.Parallel()
	hanging := make(chan struct{})
	d := quickDaemon(t, func(c *Config) {
		c.Grace = time.Minute
		c.Sinks = append(c.Sinks, delivery.Destination{Name: "slow", Sink: hangingSink{hanging}})
	})
	send(t, d.dial("udp"), "a:1|c")
	eventually(t, "nothing is sent", func() bool { return d.answerData("figures")["names"] == 1.0 })
	d.end()
	eventually(t, "the loop has not ended", func() bool {
		_, err := d.tryQuestion("explain", "a")
		return err != nil && strings.Contains(err.Error(), "the daemon is ending")
	})
	close(hanging)
}

// hangingSink accepts nothing until released is closed.
type hangingSink struct{ released chan struct{} }

func (hangingSink) AppendPoint(dst []byte, p metric.Point) []byte { return append(dst, p.Path...) }

func (s hangingSink) Send(ctx context.Context, _ []byte) error {
	select {
	case <-s.released:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (hangingSink) Close() error { return nil }
