package ask

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/cmd/statsdmonitor/report/reporttest"
	"github.com/statsd-ops/statsd/internal/xmlrpc"
	"github.com/statsd-ops/statsd/meta/question"
)

// everything has a field of each type that occurs in answers.
type everything struct {
	question.CostSum
	Text    string                       `json:"text"`
	Yes     bool                         `json:"yes"`
	Small   int                          `json:"small"`
	Large   uint64                       `json:"large"`
	Float   float64                      `json:"float"`
	Numbers []question.Number            `json:"numbers"`
	At      time.Time                    `json:"at"`
	Never   time.Time                    `json:"never"`
	Map     map[string]uint64            `json:"map"`
	Series  map[string][]question.Number `json:"series"`
	Structs []question.Share             `json:"structs"`
	Absent  *question.LookedAt           `json:"absent"`
	Present *question.LookedAt           `json:"present"`
}

func monitor(t *testing.T, handler http.HandlerFunc) *Client {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return &Client{Address: server.Listener.Addr().String(), Timeout: time.Minute}
}

// answering returns a handler for the XML-RPC method "any". A call of this method returns v or err.
func answering(v any, err error) http.HandlerFunc {
	call := func(context.Context, []xmlrpc.Value) (xmlrpc.Value, error) { return xmlrpc.ValueOf(v), err }
	return xmlrpc.NewMux(xmlrpc.Method{Name: "any", Signature: []string{"struct"}, Call: call}).ServeHTTP
}

// TestAsk sends a field of each type over XML-RPC, and checks the decoded values.
func TestAsk(t *testing.T) {
	want := everything{
		CostSum: question.CostSum{Cores: 0.5, Memory: 1 << 40}, Text: " two  words <&> ", Yes: true, Small: -7, Large: 1 << 53, Float: 1e-9,
		Numbers: []question.Number{1.5, -2}, At: reporttest.Now.Add(time.Millisecond), Map: map[string]uint64{"a": 1}, Series: map[string][]question.Number{"b": {3}},
		Structs: []question.Share{{Name: "x", Value: 1}, {}}, Present: &question.LookedAt{Every: 8, Seconds: 2.5},
	}
	frame := reporttest.Probed()
	frame.Data = want
	var got everything
	a, err := monitor(t, answering(frame, nil)).Ask(t.Context(), Question{Method: "any"}, &got)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if a.Data = nil; !reflect.DeepEqual(a.Answer, reporttest.Probed()) || time.Since(a.Now) > time.Hour {
		t.Errorf("got %+v", a)
	}
}

// TestNoFrame checks that an answer is an error if it lacks a member that every answer must have. The test reads the
// data into a variable of type any, which itself requires no members.
func TestNoFrame(t *testing.T) {
	for _, v := range []any{struct{}{}, struct {
		Data int `json:"data"`
	}{1}, struct {
		AsOf string `json:"as_of"`
	}{}} {
		var data any
		if _, err := monitor(t, answering(v, nil)).Ask(t.Context(), Question{Method: "any"}, &data); err == nil || !strings.Contains(err.Error(), "the answer does not come from a monitor: the member") {
			t.Errorf("%+v: %v", v, err)
		}
	}
}

// TestClock checks that ages are computed with the daemon's clock if it differs from the clock of
// this host.
func TestClock(t *testing.T) {
	h := http.Header{"Date": {reporttest.Now.Format(http.TimeFormat)}}
	if got := clock(h); !got.Equal(reporttest.Now) {
		t.Errorf("got %s", got)
	}
	for _, date := range []string{"", "soon", time.Now().UTC().Format(http.TimeFormat)} {
		if d := time.Since(clock(http.Header{"Date": {date}})); d < -time.Hour || d > time.Hour || clock(http.Header{"Date": {date}}).Nanosecond() == 0 {
			t.Errorf("%q: %s off", date, d)
		}
	}
}

// TestErrors checks the texts and the types of errors.
func TestErrors(t *testing.T) {
	ask := func(handler http.HandlerFunc) error {
		var data int
		_, err := monitor(t, handler).Ask(t.Context(), Question{Method: "any", Name: "word"}, &data)
		return err
	}
	change := func(handler http.HandlerFunc) error {
		var data question.Flushed
		_, err := monitor(t, handler).Change(t.Context(), "flush", nil, &data)
		return err
	}
	stream := func(handler http.HandlerFunc) error {
		return monitor(t, handler).Stream(t.Context(), "tail", url.Values{}, 0, func(string, []byte) error { return nil })
	}
	status := func(code int, kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(code)
			_, _ = w.Write([]byte(body))
		}
	}
	cut := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	const needsToken = `{"error":{"code":"no_token","text":"this needs a token","next":"send Authorization: Bearer TOKEN"}}`
	for _, tt := range []struct {
		err  error
		says string
		is   func(error) bool
	}{
		{ask(answering(nil, &xmlrpc.Fault{Code: -32001, Text: "x is not known"})), ": x is not known", NotFound},
		{ask(answering(nil, &xmlrpc.Fault{Code: -32602, Text: "seconds: no"})), ": seconds: no", BadArgument},
		{ask(answering(nil, errors.New("disk on fire"))), ": fault -32500: any: disk on fire", nil},
		{ask(xmlrpc.NewMux().ServeHTTP), "it cannot answer word: this statsd is older", nil},
		{ask(status(401, "text/plain", "this needs a token; send Authorization: Bearer TOKEN\nmore")), "HTTP status 401: this needs a token; give its file with --token-file", nil},
		{change(status(401, jsonType, needsToken)), ": this needs a token; give its file with --token-file", nil},
		{change(status(404, jsonType, `{"error":{"code":"not_found","text":"no"}}`)), ": no", NotFound},
		{change(status(400, jsonType, `{"error":{"code":"bad_parameter","text":"no"}}`)), ": no", BadArgument},
		{change(status(500, "text/plain", "oh\x1b\n")), `HTTP status 500: oh\x1b`, nil},
		{ask(cut), "the daemon closed the connection, because it is ending or has too many connections: try again", nil},
		{change(cut), "has too many connections: try again", nil},
		{change(status(200, jsonType, `{}`)), "it is not an answer of the JSON API", nil},
		{stream(status(401, jsonType, needsToken)), "give its file with --token-file", nil},
		{stream(status(200, jsonType, "{}")), "the daemon cannot stream this answer", func(err error) bool { return errors.Is(err, ErrNoStream) }},
		{stream(status(404, "text/html", "")), "the daemon cannot stream this answer", func(err error) bool { return errors.Is(err, ErrNoStream) }},
	} {
		if tt.err == nil || !strings.Contains(tt.err.Error(), tt.says) {
			t.Errorf("says %v, want %q", tt.err, tt.says)
		} else if tt.is != nil && !tt.is(tt.err) {
			t.Errorf("%v is something else", tt.err)
		}
	}
}
