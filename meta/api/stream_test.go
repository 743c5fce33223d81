package api

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/statsd-ops/statsd/internal/soak"
	"github.com/statsd-ops/statsd/internal/wait"
)

// opened is a stream that a test has opened.
type opened struct {
	*bufio.Reader
	conn net.Conn
	code string
}

// open opens a stream without reading it.
func (s *site) open(t *testing.T, path string, headers ...string) *opened {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(wait.Patience))
	_, err = io.WriteString(conn, "GET /api/v1/"+path+" HTTP/1.0\r\nHost: localhost\r\n"+strings.Join(append(headers, "\r\n"), "\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	return &opened{Reader: bufio.NewReader(conn), conn: conn}
}

// begin reads the header of the stream.
func (o *opened) begin(t *testing.T) *opened {
	t.Helper()
	for {
		line, err := o.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if o.code == "" {
			o.code = line[len("HTTP/1.0 "):][:3]
		}
		if line == "\r\n" {
			return o
		}
	}
}

// next returns the name, the id and the data of the next event.
func (o *opened) next(t *testing.T) (name, id, data string) {
	t.Helper()
	for {
		line, err := o.ReadString('\n')
		if err != nil {
			t.Fatalf("after event %q: %v", name, err)
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch field {
		case "event":
			name = value
		case "id":
			id = value
		case "data":
			data = value
		case "":
			if name != "" {
				return name, id, data
			}
		}
	}
}

func TestStream(t *testing.T) {
	t.Parallel()
	s := start(t)
	got := s.get(t, "tail")
	var names []string
	for line := range strings.Lines(got.text) {
		if name, ok := strings.CutPrefix(line, "event: "); ok {
			names = append(names, strings.TrimSpace(name))
		} else if data, ok := strings.CutPrefix(line, "data: "); ok && !json.Valid([]byte(data)) {
			t.Errorf("data %q", data)
		}
	}
	if got.code != 200 || got.header.Get("Content-Type") != eventType || strings.Join(names, " ") != "line looked end" || !strings.HasPrefix(got.text, "retry: 3000\n\n") {
		t.Errorf("%d %v %s", got.code, got.header, got.text)
	}
	for accept, want := range map[string]string{"": eventType, "*/*": eventType, "text/event-stream, application/json": eventType, "application/json": jsonType} {
		if got := s.get(t, "tail?seconds=0", "Accept: "+accept); got.header.Get("Content-Type") != want {
			t.Errorf("Accept %q: %s", accept, got.header.Get("Content-Type"))
		}
	}
	if got := s.get(t, "tail?match=busy"); got.code != 409 || got.header.Get("Retry-After") != "1" || !strings.Contains(got.text, `"code":"busy"`) {
		t.Errorf("an error before the first event: %d %s", got.code, got.text)
	}
	if got := s.get(t, "tail?match=late"); got.code != 200 || !strings.HasSuffix(got.text, `event: error`+"\n"+`data: {"api":1,"error":{"code":"ending","text":"the daemon ends","parameter":"","next":""}}`+"\n\n") {
		t.Errorf("an error after the first event: %d %s", got.code, got.text)
	}
	if got := s.get(t, "tail?seconds=31"); got.code != 400 {
		t.Errorf("a bad parameter: %d", got.code)
	}
}

// The ninth stream is refused. It can be opened after another stream has ended.
func TestMaxStreams(t *testing.T) {
	t.Parallel()
	s := start(t)
	var all []*opened
	for range maxStreams {
		o := s.open(t, "tail?match=wait&seconds=30").begin(t)
		if o.code != "200" {
			t.Fatalf("got %s", o.code)
		}
		o.next(t)
		all = append(all, o)
	}
	got := s.get(t, "live")
	if got.code != 503 || got.header.Get("Retry-After") != "3" || s.api.Counts().StreamsRefused != 1 {
		t.Errorf("the ninth gets %d %s", got.code, got.text)
	}
	if got := s.get(t, "status"); got.code != 200 {
		t.Errorf("a query gets %d", got.code)
	}
	_ = all[0].conn.Close()
	wait.Until(t, "no stream is let in", func() bool {
		o := s.open(t, "live").begin(t)
		defer o.conn.Close()
		return o.code == "200"
	})
}

// If a reader does not read, its stream is closed after a second. The other readers get all events.
func TestStalledReader(t *testing.T) {
	soak.Slow(t)
	t.Parallel()
	s := start(t)
	good := s.open(t, "live").begin(t)
	good.next(t)
	s.api.cutAfter = cutAfter // for the next stream
	stalled := s.open(t, "tail?match=endless&seconds=30")
	if err := stalled.conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "the reader that does not read is not cut", func() bool {
		s.happen("flush", 7)
		for name, id := "", ""; name != "flush"; name, id, _ = good.next(t) {
			if name == "flush" && id != "7" {
				t.Fatalf("the other reader got event %s %s", name, id)
			}
		}
		return s.api.Counts().StreamsCut == 1
	})
	s.api.streams.mu.Lock()
	defer s.api.streams.mu.Unlock()
	if s.api.streams.open != 1 {
		t.Errorf("%d streams are open", s.api.streams.open)
	}
}

// TestLive reads the stream /api/v1/live, and reads it again after a reconnect.
func TestLive(t *testing.T) {
	t.Parallel()
	s := start(t)
	o := s.open(t, "live").begin(t)
	name, id, data := o.next(t)
	if name != "status" || id != "" || !strings.Contains(data, `"host":"metrics-3:8125"`) {
		t.Errorf("first event %s %s %s", name, id, data)
	}
	wait.Until(t, "there is no subscription", func() bool { return s.subscribed() == 1 })
	until := func(want string) (id, data string) {
		for name := ""; name != want; {
			name, id, data = o.next(t)
		}
		return id, data
	}
	s.happen("flush", 41)
	if id, data := until("flush"); id != "41" || !strings.Contains(data, `"received":`) {
		t.Errorf("flush %s %s", id, data)
	}
	s.happen("health", 41)
	if id, data := until("health"); id != "41" || !strings.Contains(data, `"state":"ok"`) {
		t.Errorf("health %s %s", id, data)
	}
	_ = o.conn.Close()
	wait.Until(t, "the stream is still open", func() bool {
		s.api.live.mu.Lock()
		defer s.api.live.mu.Unlock()
		return len(s.api.live.readers) == 0
	})
	for n := range uint64(3) {
		s.happen("flush", 42+n)
	}
	wait.Until(t, "the flushes are not noted", func() bool {
		s.api.live.mu.Lock()
		defer s.api.live.mu.Unlock()
		return s.api.live.number == 44
	})
	o = s.open(t, "live", "Last-Event-ID: 42").begin(t)
	for _, want := range []string{"flush 43", "flush 44", "status 44"} {
		if name, id, _ := o.next(t); name+" "+id != want {
			t.Errorf("got %s %s, want %s", name, id, want)
		}
	}
	o = s.open(t, "live", "Last-Event-ID: nonsense").begin(t)
	if name, _, _ := o.next(t); name != "status" {
		t.Errorf("after a bad Last-Event-ID: %s", name)
	}
}

// TestLiveCost checks in virtual time that the status is computed once a second for all readers
// together, and never if there are no readers.
func TestLiveCost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, a := newFake(t)
		defer a.Close()
		asked := func(d time.Duration) int64 {
			before := f.asked.Load()
			time.Sleep(d)
			synctest.Wait()
			return f.asked.Load() - before
		}
		if n := asked(time.Hour); n != 0 || f.subscribed() != 0 {
			t.Errorf("without readers: asked %d times, %d subscriptions", n, f.subscribed())
		}
		var readers []*reader
		for range maxStreams {
			r, _ := a.live.enter("")
			readers = append(readers, r)
		}
		asked(time.Second / 2)
		if n := asked(10 * time.Second); n != 10 {
			t.Errorf("asked %d times in 10 s for 8 readers", n)
		}
		for i, r := range readers {
			if len(r.events) < 10 {
				t.Errorf("reader %d got %d events", i, len(r.events))
			}
		}
		asked(time.Minute)
		for _, r := range readers { // events for readers whose channels are full are dropped
			if len(r.events) != maxPending {
				t.Errorf("%d events wait for a reader that does not read", len(r.events))
			}
			a.live.leave(r)
		}
		asked(2 * time.Second)
		if n := asked(time.Hour); n != 0 {
			t.Errorf("after the last reader: asked %d times", n)
		}
		for n := range uint64(2 * maxMissed) {
			f.happen("flush", n+1)
			synctest.Wait()
		}
		if f.subscribed() != 0 {
			t.Error("the subscription stays without readers")
		}
		r, first := a.live.enter("3")
		if len(first) != 0 {
			t.Errorf("old events after a long break: %s", first)
		}
		synctest.Wait()
		if len(r.events) != 1 {
			t.Errorf("a new reader got %d events at once", len(r.events))
		}
		a.live.leave(r)
	})
}

// While a stream has no events, the server sends comments, so that the stream stays open.
func TestComments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, a := newFake(t)
		defer a.Close()
		_ = f
		ctx, stop := context.WithCancel(t.Context())
		w := newRecorder()
		r, err := http.NewRequestWithContext(ctx, "GET", "/api/v1/tail?match=wait&seconds=30", nil)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			a.ServeHTTP(w, r)
		}()
		time.Sleep(31 * time.Second)
		stop()
		<-done
		if n := strings.Count(w.Body.String(), "\n:"); n != 2 {
			t.Errorf("%d comments in 31 s: %q", n, w.Body.String())
		}
	})
}

// When the daemon ends, its streams end without waiting for their readers.
func TestStreamsEnd(t *testing.T) {
	t.Parallel()
	s := start(t)
	o := s.open(t, "live").begin(t)
	o.next(t)
	s.end()
	if _, err := io.ReadAll(o); err != nil {
		t.Error(err)
	}
}
