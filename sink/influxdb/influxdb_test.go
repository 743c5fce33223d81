package influxdb

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink"
	"github.com/statsd-ops/statsd/sink/secure"
)

func newSink(t *testing.T, cfg Config) *Sink {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func row(name, tags string, stats ...metric.Stat) *metric.Row {
	return &metric.Row{Name: []byte(name), Tags: []byte(tags), Time: 1795251862, Stats: stats}
}

func TestAppendRow(t *testing.T) {
	s := newSink(t, Config{Addr: "h:1", Database: "d"})
	value := metric.Stat{Name: "value", Value: 1}
	for _, tt := range []struct {
		row  *metric.Row
		want string
	}{
		{row("a.b", "", value), "a.b value=1 1795251862\n"},
		{row("a", ";host=x;zone=y", metric.Stat{Name: "rate", Value: 0.1}, metric.Stat{Name: "count", Value: 1e21}), "a,host=x,zone=y rate=0.1,count=1e+21 1795251862\n"},
		{row("a", ";k=;l=2", value), "a,l=2 value=1 1795251862\n"},
		{row("a", ";time=1;t=2", value), "a,time_=1,t=2 value=1 1795251862\n"},
		{row("a b,c=d", ";k ,=v =,", value), `a\ b\,c\=d,k\ \,=v\ \=\, value=1 1795251862` + "\n"},
		{row(`a\`, `;k\=v\`, value), "a/,k/=v/ value=1 1795251862\n"},
		{row("a\nb", ";k=v\nw", value), "a_b,k=v_w value=1 1795251862\n"},
		{row("#a", "", value), "_a value=1 1795251862\n"},
		{row("a", "", metric.Stat{Name: "mean", Value: math.NaN()}, metric.Stat{Name: "upper", Value: math.Inf(1)}, value), "a value=1 1795251862\n"},
		{row("a", ""), ""},
		{row("", "", value), ""},
	} {
		if got := string(s.AppendRow(nil, tt.row)); got != tt.want {
			t.Errorf("%s%s: %q, want %q", tt.row.Name, tt.row.Tags, got, tt.want)
		}
	}
	if got := string(newSink(t, Config{Addr: "h:1", Database: "d", Prefix: "p"}).AppendRow([]byte("x\n"), row("a", "", value))); got != "x\np.a value=1 1795251862\n" {
		t.Errorf("with a prefix: %q", got)
	}
}

// answer is a receiver that always sends the same response. It stores the last request.
type answer struct {
	*httptest.Server
	asked *http.Request
	body  string
}

func serve(t *testing.T, code int, text string, header ...string) *answer {
	t.Helper()
	a := &answer{}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.asked = r
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			body, _ = gzip.NewReader(r.Body)
		}
		b, _ := io.ReadAll(body)
		a.body = string(b)
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(a.Close)
	return a
}

func (a *answer) addr() string { return strings.TrimPrefix(a.URL, "http://") }

// TestAnswers checks the result of Send for each kind of response: accepted, send again, send again later, or
// refused completely or in part.
func TestAnswers(t *testing.T) {
	const conflict = `{"error":"partial write: field type conflict: input field \"value\" is type float, already exists as type integer dropped=2"}`
	const unparsed = `{"error":"partial write: unable to parse 'x': missing fields\nunable to parse 'y': missing fields dropped=0"}`
	for _, tt := range []struct {
		code    int
		text    string
		header  []string
		refused int           // number of refused units; -1 if Send does not return Refused, 0 if the whole payload is refused
		later   time.Duration // 0 if Send does not return Later
	}{
		{204, "", nil, -1, 0},
		{200, "", nil, -1, 0},
		{400, conflict, nil, 2, 0},
		{400, unparsed, nil, 2, 0},
		{400, "what is this?", nil, 0, 0},
		{404, `{"error":"database not found: \"d\""}`, nil, -1, 0},
		{401, "", nil, -1, 0},
		{403, "", nil, -1, 0},
		{413, "too large", nil, 0, 0},
		{422, "", nil, 0, 0},
		{429, "", []string{"Retry-After", "17"}, -1, 17 * time.Second},
		{500, "", nil, -1, 0},
		{503, "", []string{"Retry-After", "3"}, -1, 3 * time.Second},
		{301, "", []string{"Location", "http://elsewhere/"}, -1, 0},
	} {
		err := newSink(t, Config{Addr: serve(t, tt.code, tt.text, tt.header...).addr(), Database: "d"}).Send(t.Context(), []byte("a value=1 1\n"))
		if (err == nil) != (tt.code/100 == 2) {
			t.Errorf("%d: %v", tt.code, err)
		}
		refused, is := errors.AsType[*sink.Refused](err)
		if is != (tt.refused >= 0) || is && refused.Units != tt.refused {
			t.Errorf("%d %s: %#v", tt.code, tt.text, err)
		}
		later, is := errors.AsType[*sink.Later](err)
		if is != (tt.later > 0) || is && later.After != tt.later {
			t.Errorf("%d: %#v, want to wait %v", tt.code, err, tt.later)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\n\r") {
			t.Errorf("%d: the error has several lines: %q", tt.code, err)
		}
	}
}

func TestRequest(t *testing.T) {
	dir := t.TempDir()
	token, headers := filepath.Join(dir, "token"), filepath.Join(dir, "headers")
	for path, text := range map[string]string{token: "s3cret\n", headers: "X-Scope: team\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		cfg                Config
		url, authorization string
		encoding           string
	}{
		{Config{Database: "my db", Retention: "week"}, "/write?db=my+db&precision=s&rp=week", "", "gzip"},
		{Config{Database: "d", Plain: true, HeaderFile: headers}, "/write?db=d&precision=s", "", ""},
		{Config{Org: "o", Bucket: "b", TokenFile: token}, "/api/v2/write?bucket=b&org=o&precision=s", "Token s3cret", "gzip"},
	} {
		a := serve(t, 204, "")
		tt.cfg.Addr = a.addr()
		if err := newSink(t, tt.cfg).Send(t.Context(), []byte("a value=1 1\n")); err != nil {
			t.Fatal(err)
		}
		h := a.asked.Header
		if a.asked.URL.String() != tt.url || h.Get("Authorization") != tt.authorization || h.Get("Content-Encoding") != tt.encoding || a.body != "a value=1 1\n" {
			t.Errorf("%+v: asked %s with %v and %q", tt.cfg, a.asked.URL, h, a.body)
		}
		if want := tt.cfg.HeaderFile != ""; (h.Get("X-Scope") == "team") != want {
			t.Errorf("%+v: headers %v", tt.cfg, h)
		}
	}
}

func TestNew(t *testing.T) {
	for want, cfg := range map[string]Config{
		"db: is missing": {},
		"db: cannot be used together with bucket": {Database: "d", Bucket: "b"},
		"prefix: may have at most":                {Database: "d", Prefix: "a b"},
		"timeout: -1s":                            {Database: "d", Timeout: -time.Second},
		"token-file: open":                        {Bucket: "b", TokenFile: "/does/not/exist"},
		"header-file: open":                       {Database: "d", HeaderFile: "/does/not/exist"},
		"ca: open /does/not/exi":                  {Database: "d", TLS: &secure.TLS{CA: "/does/not/exist"}},
	} {
		cfg.Addr = "h:1"
		if _, err := New(cfg); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", cfg, err, want)
		}
	}
}

// TestSilent checks that Send to a receiver without a response ends when its context ends, and after its timeout.
func TestSilent(t *testing.T) {
	stop := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-stop
	}))
	t.Cleanup(func() { close(stop); silent.Close() })
	addr := strings.TrimPrefix(silent.URL, "http://")
	err := newSink(t, Config{Addr: addr, Database: "d", Timeout: 50 * time.Millisecond}).Send(t.Context(), []byte("a value=1 1\n"))
	if err == nil || !strings.Contains(err.Error(), "no answer in time") {
		t.Errorf("after the timeout: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := newSink(t, Config{Addr: addr, Database: "d"}).Send(ctx, []byte("a value=1 1\n")); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of the context: %v", err)
	}
}
