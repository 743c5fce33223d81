package httpstats

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
)

// recorder is a ResponseWriter that records the status.
type recorder struct {
	http.ResponseWriter
	status int // same as outcome.status; 0 if there is no status yet
}

// note records the first status that is final: not a 1xx status, except 101 (Switching Protocols).
func (r *recorder) note(status int) {
	if r.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		r.status = statusOf(status)
	}
}

// lost reports whether the response did not reach the client. err is the error of the request's context. After a
// deadline, http.TimeoutHandler may have responded itself. To find this out, lost writes an empty slice: after a
// response by http.TimeoutHandler, the write returns ErrHandlerTimeout. If no header was sent yet, lost does not write,
// because the write would send the header.
func (r *recorder) lost(err error) bool {
	if !errors.Is(err, context.DeadlineExceeded) {
		return err != nil
	}
	if r.status == 0 {
		return true
	}
	_, err = r.ResponseWriter.Write(nil)
	return errors.Is(err, http.ErrHandlerTimeout)
}

func (r *recorder) WriteHeader(status int) {
	r.note(status)
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	r.note(http.StatusOK)
	return r.ResponseWriter.Write(b)
}

func (r *recorder) WriteString(s string) (int, error) {
	r.note(http.StatusOK)
	return io.WriteString(r.ResponseWriter, s)
}

// Unwrap is used by http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) flush() error {
	r.note(http.StatusOK)
	return http.NewResponseController(r.ResponseWriter).Flush()
}

func (r *recorder) hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(r.ResponseWriter).Hijack()
	if err == nil {
		r.status = hijacked
	}
	return conn, rw, err
}

// ReadFrom lets the server send a file without copying it. If src is empty or fails immediately, ReadFrom sends
// no header, so that the handler can still respond with an error.
func (r *recorder) ReadFrom(src io.Reader) (int64, error) {
	n, err := io.Copy(r.ResponseWriter, src)
	if n > 0 {
		r.note(http.StatusOK)
	}
	return n, err
}

// The following types add optional methods to a recorder: F adds http.Flusher, H adds http.Hijacker, and P adds
// http.Pusher. Handlers check for these interfaces, so there is a type for each combination that occurs. Each
// type is a single pointer, so that its conversion to an interface allocates no memory.
type (
	recF  struct{ *recorder }
	recH  struct{ *recorder }
	recFH struct{ recF }
	recFP struct{ recF }
)

func (r recF) Flush()            { _ = r.flush() }
func (r recF) FlushError() error { return r.flush() }

func (r recH) Hijack() (net.Conn, *bufio.ReadWriter, error)  { return r.hijack() }
func (r recFH) Hijack() (net.Conn, *bufio.ReadWriter, error) { return r.hijack() }

func (r recFP) Push(target string, o *http.PushOptions) error {
	return r.ResponseWriter.(http.Pusher).Push(target, o)
}

// offer returns the recorder with the same optional methods as its ResponseWriter.
func (r *recorder) offer() http.ResponseWriter {
	canFlush, canHijack := can(r.ResponseWriter)
	_, canPush := r.ResponseWriter.(http.Pusher)
	switch {
	case canFlush && canHijack: // usual methods of HTTP/1
		return recFH{recF{r}}
	case canFlush && canPush: // usual methods of HTTP/2
		return recFP{recF{r}}
	case canFlush:
		return recF{r}
	case canHijack:
		return recH{r}
	default:
		return r
	}
}

// can reports whether http.ResponseController can flush and hijack w. Like http.ResponseController, it calls
// Unwrap repeatedly.
func can(w http.ResponseWriter) (flush, hijack bool) {
	for range 100 { // the loop is limited, because Unwrap may return its own ResponseWriter
		_, plain := w.(http.Flusher)
		_, careful := w.(interface{ FlushError() error })
		_, h := w.(http.Hijacker)
		flush, hijack = flush || plain || careful, hijack || h
		inner, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok || flush && hijack {
			break
		}
		w = inner.Unwrap()
	}
	return flush, hijack
}
