package webhook

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/notify"
)

var message1 = notify.Message{
	ID: "web1:8125/sink_failing/archive/1795919938", Stage: notify.Begin, State: "degraded", Reason: "sink_failing", Subject: "archive",
	Text: `sink archive accepts nothing: "refused"`, Effect: "its points wait", Next: "statsdmonitor sinks archive",
	Host: "web1:8125", Service: "statsd", Began: time.Unix(1795919938, 5e8), Attempt: 3,
}

// TestBody checks that the JSON object is equal to the documented object, byte for byte.
func TestBody(t *testing.T) {
	var got []string
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, regexp.MustCompile(`"sent":"[0-9TZ:-]{20}"`).ReplaceAllString(string(body), `"sent":"NOW"`))
	}))
	defer s.Close()
	hook, err := New(Config{URL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	end := message1
	end.Stage, end.Ended, end.Attempt, end.Subject = notify.End, time.Unix(1795920000, 0), 1, ""
	if err := hook.Tell(t.Context(), []notify.Message{message1, end}); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`{"version":1,"id":"web1:8125/sink_failing/archive/1795919938","event":"begin","state":"degraded","reason":"sink_failing","subject":"archive",` +
			`"text":"sink archive accepts nothing: \"refused\"","effect":"its points wait","next":"statsdmonitor sinks archive","host":"web1:8125","service":"statsd",` +
			`"began":"2026-11-29T02:38:58Z","ended":null,"sent":"NOW","attempt":3}`,
		`{"version":1,"id":"web1:8125/sink_failing/archive/1795919938","event":"end","state":"degraded","reason":"sink_failing","subject":"",` +
			`"text":"sink archive accepts nothing: \"refused\"","effect":"its points wait","next":"statsdmonitor sinks archive","host":"web1:8125","service":"statsd",` +
			`"began":"2026-11-29T02:38:58Z","ended":"2026-11-29T02:40:00Z","sent":"NOW","attempt":1}`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestErrorNamesTheNotifier(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	hook, err := New(Config{URL: s.URL + "/s3cret"})
	if err != nil {
		t.Fatal(err)
	}
	err = hook.Tell(t.Context(), []notify.Message{message1})
	if want := "webhook: post to " + s.URL + `: HTTP 404: "404 page not found"`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if _, err := New(Config{URL: "nowhere"}); err == nil {
		t.Error("a bad URL is taken")
	}
}
