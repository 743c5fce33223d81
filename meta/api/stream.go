package api

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/internal/httpgate"
	"github.com/statsd-ops/statsd/internal/plainjson"
	"github.com/statsd-ops/statsd/meta/question"
)

const (
	eventType = "text/event-stream"
	// maxStreams is the maximum number of open streams.
	maxStreams = 8
	// cutAfter is the value of API.cutAfter.
	cutAfter = time.Second
	// commentEvery is the time between two comments in a stream. Comments keep proxies from closing
	// the stream.
	commentEvery = 15 * time.Second
	// retryStream is how long a client should wait before it opens the stream again.
	retryStream = 3 * time.Second
)

// streams counts the open streams.
type streams struct {
	mu   sync.Mutex
	open int
}

func (s *streams) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == maxStreams {
		return false
	}
	s.open++
	return true
}

func (s *streams) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
}

// stream writes events to a client. Several goroutines may call its methods.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	stop    context.CancelFunc // closes the stream
	limit   time.Duration      // API.cutAfter

	mu      sync.Mutex
	begun   bool // the header was sent
	stalled bool // the client did not read in time
	err     error
}

// stream serves a stream. If the method is HEAD, it sends only the header.
func (a *API) stream(w http.ResponseWriter, r *http.Request, serve func(context.Context, *stream)) {
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", eventType)
		return
	}
	s, ctx, leave, err := a.open(w, r)
	if err != nil {
		a.fail(w, err)
		return
	}
	defer leave()
	serve(ctx, s)
}

// open opens a stream. The returned context ends when the client disconnects, or does not read in
// time. At the end the caller must call leave.
func (a *API) open(w http.ResponseWriter, r *http.Request) (s *stream, ctx context.Context, leave func(), err error) {
	if !a.streams.enter() {
		a.counts.refused.Add(1)
		return nil, nil, nil, &question.Error{Code: question.Ending, After: retryStream, Text: "8 streams are open already", Next: "instead of opening a stream, get " + Root + "status repeatedly, with the header If-None-Match"}
	}
	if !httpgate.Stay(r) {
		a.streams.leave()
		a.counts.refused.Add(1)
		return nil, nil, nil, errFull
	}
	ctx, stop := context.WithCancel(r.Context())
	s = &stream{w: w, control: http.NewResponseController(w), stop: stop, limit: a.cutAfter}
	_ = s.control.SetReadDeadline(time.Time{}) // without this, the server's read timeout would end the context
	comments := make(chan struct{})
	go func() {
		defer close(comments)
		s.comment(ctx)
	}()
	return s, ctx, func() {
		stop()
		<-comments
		if s.stalled {
			a.counts.cut.Add(1)
		}
		a.streams.leave()
	}, nil
}

// comment sends a comment once in each commentEvery until ctx ends.
func (s *stream) comment(ctx context.Context) {
	t := time.NewTicker(commentEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			_ = s.write([]byte(":\n\n")) // an error ends ctx
		case <-ctx.Done():
			return
		}
	}
}

// write sends text to the client. The first call sends the header first. After an error, write must
// not be called again.
func (s *stream) write(text []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	_ = s.control.SetWriteDeadline(time.Now().Add(s.limit)) // if this fails, the following write fails too
	if !s.begun {
		s.begun = true
		s.w.Header().Set("Content-Type", eventType)
		s.w.WriteHeader(http.StatusOK)
		_, s.err = s.w.Write([]byte("retry: " + strconv.Itoa(int(retryStream.Milliseconds())) + "\n\n"))
	}
	if s.err == nil {
		_, s.err = s.w.Write(text)
	}
	if s.err == nil {
		s.err = s.control.Flush()
	}
	if s.err != nil {
		s.stalled = errors.Is(s.err, os.ErrDeadlineExceeded)
		s.stop()
	}
	return s.err
}

// errAnswered is the error of a stream that was closed before its header was sent. Its request gets an ordinary HTTP
// answer.
var errAnswered = errors.New("answered without a stream")

// abandon closes a stream if its header was not sent yet. It reports whether it closed the stream.
func (s *stream) abandon() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.begun && s.err == nil {
		s.err = errAnswered
	}
	return !s.begun
}

func (s *stream) failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err != nil
}

// event encodes an event. The parameter data must not contain a newline.
func event(name, id string, data []byte) []byte {
	text := append([]byte("event: "), name...)
	if id != "" {
		text = append(append(text, "\nid: "...), id...)
	}
	text = append(append(text, "\ndata: "...), data...)
	return append(text, "\n\n"...)
}

// serveStream answers a query with events. An error before the first event is an HTTP error. A
// later error is sent as an event.
func (a *API) serveStream(w http.ResponseWriter, r *http.Request, q *question.Question, args question.Arguments) {
	a.stream(w, r, func(ctx context.Context, s *stream) {
		ctx, cancel := context.WithTimeout(ctx, question.AnswerTime+q.Watches(args))
		defer cancel()
		err := q.Stream(ctx, args, func(name string, data any) error {
			return s.write(event(name, "", plainjson.Encode(data)))
		})
		switch {
		case err == nil || r.Context().Err() != nil || s.failed():
		case s.abandon():
			a.fail(w, err)
		default:
			body, _ := a.reported(err)
			_ = s.write(event("error", "", plainjson.Encode(body))) // fails only if the client has disconnected
		}
	})
}
