package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/intake/probe"
	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/meta/question"
)

// busy starts a daemon with clients that send until the test ends. Over UDP they send many samples
// of api.hits, fewer of api.ms, and in each datagram a new name with the prefix checkout.session.
// Over TCP they send bad lines.
func busy(t *testing.T) *daemon {
	cfg := config()
	cfg.MonitorPort, cfg.FlushInterval, cfg.Receivers = 0, 50*time.Millisecond, 2
	d := start(t, cfg)
	udp, tcp := d.dial("udp"), d.dial("tcp")
	done := make(chan struct{})
	var sending sync.WaitGroup
	sending.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
			}
			send(t, udp, fmt.Sprintf("api.hits:1|c\napi.hits:1|c\napi.hits:1|c\napi.ms:5|ms\ncheckout.session.%d:1|c", i))
			send(t, tcp, "php.err:1,5|ms\n")
		}
	})
	t.Cleanup(func() {
		close(done)
		sending.Wait()
	})
	return d
}

// rows returns the rows of the given list in an answer's data.
func rows(data map[string]any, list string) (rows []map[string]any) {
	all, _ := data[list].([]any)
	for _, r := range all {
		rows = append(rows, r.(map[string]any))
	}
	return rows
}

// number converts an int or a float64 to a float64.
func number(v any) float64 {
	if n, ok := v.(int64); ok {
		return float64(n)
	}
	return v.(float64)
}

func TestQuestionsOfTraffic(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	d := busy(t)
	eventually(t, "nothing is received", func() bool {
		figures := d.answerData("figures")
		return figures["tcp.connections"] == 1.0 && number(figures["names"]) > 3
	})
	insist(t, func() error {
		answer := d.question("top", "name", 1)
		looked := answer["looked_at"].(map[string]any)
		if number(looked["every"]) < 1 || number(looked["seconds"]) < 0.9 || number(looked["of"]) < number(looked["seen"]) || number(looked["receivers"]) != 2 {
			return fmt.Errorf("inspected %v", looked)
		}
		entries := rows(answer["data"].(map[string]any), "entries")
		if len(entries) < 2 || entries[0]["name"] != "api.hits" || entries[0]["kind"] != "counter" || entries[0]["published"] != "counters.NAME" ||
			entries[1]["name"] != "api.ms" || entries[1]["published"] != "timers.NAME" {
			return fmt.Errorf("top: %v", entries)
		}
		return nil
	})
	for _, tt := range []struct {
		args []any
		want string
	}{{[]any{"prefix", 1, 1}, "api.hits"}, {[]any{"prefix", 1, 5, "checkout.*"}, "checkout.session."}} {
		insist(t, func() error {
			if entries := rows(d.answerData("top", tt.args...), "entries"); len(entries) != 1 || entries[0]["name"] != tt.want {
				return fmt.Errorf("top %v: %v", tt.args, entries)
			}
			return nil
		})
	}
	insist(t, func() error {
		senders := rows(d.answerData("senders", "*", 1), "senders")
		if len(senders) != 2 || senders[0]["sender"] != "127.0.0.1" || senders[0]["over"] != "tcp" || senders[0]["bad"].(float64) == 0 ||
			senders[0]["last_bad"] != `"php.err:1,5|ms"` || senders[1]["over"] != "udp" || senders[1]["most"] != "api.hits" {
			return fmt.Errorf("senders: %v", senders)
		}
		return nil
	})
	insist(t, func() error {
		tail := d.answerData("tail", "php.*", "", true, 1, 7)
		lines := rows(tail, "lines")
		for _, l := range lines {
			if l["line"] != `"php.err:1,5|ms"` || l["reason"] != "bad_value" || number(l["at"]) != 8 || l["sender"] != "127.0.0.1" || l["over"] != "tcp" {
				t.Errorf("tail: %v", l)
			}
		}
		if n := float64(len(lines)); n < 7 || number(tail["matched"])-n != number(tail["not_shown"]) {
			return fmt.Errorf("tail: %v lines, %v", n, tail)
		}
		return nil
	})
}

// insist repeats a query until the answer is right. This is needed because on a busy machine the
// clients that the function busy starts may send nothing for a second or more.
func insist(t *testing.T, try func() error) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// The prefix with the most new names comes first, even if its names expire quickly.
func TestQuestionPrefixes(t *testing.T) {
	t.Parallel()
	d := busy(t)
	eventually(t, "few names are made", func() bool {
		prefixes := rows(d.answerData("prefixes", ""), "prefixes")
		return len(prefixes) > 0 && prefixes[0]["new"].(int64) > 200 && prefixes[0]["gone"].(int64) > 100
	})
	insist(t, func() error { // api.hits and api.ms expire while their clients send nothing
		answer := d.question("prefixes", "", 60, 1)
		data := answer["data"].(map[string]any)
		first := rows(data, "prefixes")[0]
		if first["prefix"] != "checkout." || first["many_new"] != true || number(data["error"]) != 0 || first["at_least"] != false || answer["complete"] != true {
			t.Errorf("first comes %v of %v", first, data)
		}
		others := data["others"].(map[string]any)
		if number(others["names"]) != 2 || number(data["held"]) != 2+number(first["names"]) {
			return fmt.Errorf("others are %v of %v", others, data)
		}
		return nil
	})
	below := d.answerData("prefixes", "checkout")
	if first := rows(below, "prefixes")[0]; first["prefix"] != "checkout.session." || below["below"] != "checkout." {
		t.Errorf("below checkout: %v", below)
	}
	insist(t, func() error {
		deep := d.answerData("prefixes", "checkout.session.", 60, 3)
		if rows := rows(deep, "prefixes"); len(rows) != 3 || !strings.HasPrefix(rows[0]["prefix"].(string), "checkout.session.") || rows[0]["at_least"] != true {
			return fmt.Errorf("below checkout.session: %v", deep)
		}
		return nil
	})
	if none := d.answerData("prefixes", "nothing"); number(none["held"]) != 0 || len(rows(none, "prefixes")) != 0 {
		t.Errorf("below nothing: %v", none)
	}
}

func TestBadQuestionsOfTraffic(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.MonitorPort = 0
	d := start(t, cfg)
	for _, tt := range []struct {
		want string
		args []any
	}{
		{"by: must be one of name, prefix, sender, kind", []any{"top", "size"}},
		{"seconds: must be a whole number from 1 to 30", []any{"top", "name", 31}},
		{`match: "[" is not a pattern`, []any{"senders", "["}},
		{`match: "\\" is not a pattern`, []any{"tail", `\`}},
		{`sender: "web-3" is neither an address`, []any{"tail", "*", "web-3"}},
		{"limit: must be a whole number from 1 to 1000", []any{"tail", "*", "", false, 1, 1001}},
		{"seconds: must be a whole number from 1 to 86400", []any{"prefixes", "", 0}},
	} {
		if _, err := d.tryQuestion(tt.args[0].(string), tt.args[1:]...); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: %v, want %s", tt.args, err, tt.want)
		}
	}
	running, err := d.in.Tail(probe.TailQuery{Match: "a*", For: probe.MaxFor, Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer running.Close()
	if _, err := d.tryQuestion("tail", "b*", "", false, 1); err == nil || !strings.Contains(err.Error(), "another query watches the traffic (tail of a*): ask again in") {
		t.Errorf("another tail: %v", err)
	}
}

// The query "tail" sends an event "line" for each line, an event "looked" with counts each second, and an event "end"
// at the end. If the reader fails, the stream ends at once.
func TestStreamOfLines(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	d := busy(t)
	var tail question.Question
	for _, q := range d.desk().Questions() {
		if q.Name == "tail" {
			tail = q
		}
	}
	args, err := question.Check(tail.Parameters, map[string]any{"match": "api.ms", "seconds": 2, "limit": 10})
	if err != nil {
		t.Fatal(err)
	}
	events := map[string]int{}
	err = tail.Stream(t.Context(), args, func(event string, data any) error {
		events[event]++
		switch data := data.(type) {
		case question.Line:
			if data.Name != "api.ms" || data.Kind != "timer" || data.Sender != "" || data.Line != `"api.ms:5|ms"` {
				t.Errorf("line: %+v", data)
			}
		case question.TailLooked:
			if event == "end" && (data.Seen == 0 || data.Matched == 0 || data.Matched != data.NotShown+uint64(events["line"])) {
				t.Errorf("end: %+v after %d lines", data, events["line"])
			}
		}
		return nil
	})
	if err != nil || events["line"] == 0 || events["looked"] == 0 || events["end"] != 1 {
		t.Errorf("events: %v, %v", events, err)
	}
	gone := errors.New("the reader is gone")
	if err := tail.Stream(t.Context(), args, func(string, any) error { return gone }); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := tail.Stream(ctx, args, func(string, any) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
