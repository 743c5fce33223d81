package slack

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/notify"
)

func message(stage notify.Stage, state, reason, subject string) notify.Message {
	m := notify.Message{
		ID: reason, Stage: stage, State: state, Reason: reason, Subject: subject, Text: "the text of " + reason, Effect: "the effect", Next: "statsdmonitor",
		Host: "web1:8125", Service: "statsd", Began: time.Unix(1795919938, 0),
	}
	if stage == notify.End {
		m.Ended = m.Began.Add(15 * time.Minute)
	}
	return m
}

func tell(t *testing.T, messages ...notify.Message) (text string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body map[string]string
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || len(body) != 1 {
			t.Errorf("%v %v", body, err)
		}
		text = body["text"]
	}))
	defer s.Close()
	channel, err := New(Config{URL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	if err := channel.Tell(t.Context(), messages); err != nil {
		t.Fatal(err)
	}
	return text
}

func TestText(t *testing.T) {
	begin, end := notify.Begin, notify.End
	for _, tt := range []struct {
		messages []notify.Message
		want     string
	}{
		{[]notify.Message{message(begin, "degraded", "kernel_drops", "")},
			"statsd on web1:8125 is degraded: the text of kernel_drops\nEffect: the effect\nNext: statsdmonitor"},
		{[]notify.Message{message(end, "failing", "sink_failing", "main")},
			"statsd on web1:8125: sink_failing main ended after 15m0s: the text of sink_failing"},
		{[]notify.Message{message(begin, "degraded", "a", ""), message(begin, "failing", "b", "x"), message(begin, "failing", "c", ""), message(begin, "degraded", "d", "")},
			"statsd on web1:8125 is failing: the text of b\nEffect: the effect\nNext: statsdmonitor\n3 more problems: a, c, d"},
		{[]notify.Message{message(end, "degraded", "a", ""), message(begin, "degraded", "b", ""), message(end, "failing", "c", "")},
			"statsd on web1:8125 is degraded: the text of b\nEffect: the effect\nNext: statsdmonitor\nstatsd on web1:8125: a ended after 15m0s: the text of a\n1 more problem ended: c"},
	} {
		if got := tell(t, tt.messages...); got != tt.want {
			t.Errorf("got\n%s\nwant\n%s", got, tt.want)
		}
	}
}

// TestMany checks that the text for many messages is short.
func TestMany(t *testing.T) {
	var many []notify.Message
	for i := range 64 {
		many = append(many, message(notify.Begin, "degraded", fmt.Sprintf("r%d", i), ""))
	}
	if got := tell(t, many...); !strings.HasSuffix(got, "\n63 more problems: r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, ...") {
		t.Error(got)
	}
}

// TestMentions checks that no error text can mention a user or a channel.
func TestMentions(t *testing.T) {
	m := message(notify.Begin, "degraded", "sink_failing", "x")
	m.Text = "<!channel> & <http://evil|click> @all @here a@b"
	want := "&lt;!channel&gt; &amp; &lt;http://evil|click&gt; @\u200ball @\u200bhere a@\u200bb"
	if got := tell(t, m); !strings.Contains(got, want) {
		t.Errorf("%q", got)
	}
}
