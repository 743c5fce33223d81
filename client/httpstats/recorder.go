package httpstats

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// recorder is a ResponseWriter that remembers the status.
type recorder struct {
	http.ResponseWriter
	status   int
	hijacked bool
	aborted  bool
}

// note keeps the first final status.
func (r *recorder) note(status int) {
	if r.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		r.status = status
	}
}

// outcome of a hijacked request is not known: the handler wrote it itself. That of
// an aborted one is that the client did not get it, whatever the status.
func (r *recorder) outcome() outcome {
	switch {
	case r.hijacked:
		return outcome{word: "hijacked"}
	case r.aborted:
		return outcome{word: "aborted"}
	}
	return statusOutcome(r.status)
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

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

type flusher struct{ r *recorder }

func (f flusher) Flush() { _ = f.FlushError() }

func (f flusher) FlushError() error {
	f.r.note(http.StatusOK)
	return http.NewResponseController(f.r.ResponseWriter).Flush()
}

type hijacker struct{ r *recorder }

func (h hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.r.ResponseWriter).Hijack()
	h.r.hijacked = h.r.hijacked || err == nil
	return conn, rw, err
}

type readerFrom struct {
	r  *recorder
	to io.ReaderFrom
}

func (f readerFrom) ReadFrom(src io.Reader) (int64, error) {
	f.r.note(http.StatusOK)
	return f.to.ReadFrom(src)
}

// record wraps w in a type that has those optional methods that w has, because
// handlers test for them.
func record(w http.ResponseWriter) (http.ResponseWriter, *recorder) {
	r := &recorder{ResponseWriter: w}
	_, canFlush := w.(http.Flusher)
	_, canHijack := w.(http.Hijacker)
	to, canReadFrom := w.(io.ReaderFrom)
	pusher, canPush := w.(http.Pusher)
	f, h, rf := flusher{r}, hijacker{r}, readerFrom{r, to}
	switch {
	case canFlush && canHijack && canReadFrom: // HTTP/1
		return struct {
			*recorder
			flusher
			hijacker
			readerFrom
		}{r, f, h, rf}, r
	case canFlush && canPush && !canHijack && !canReadFrom: // HTTP/2
		return struct {
			*recorder
			flusher
			http.Pusher
		}{r, f, pusher}, r
	case canFlush && canHijack:
		return struct {
			*recorder
			flusher
			hijacker
		}{r, f, h}, r
	case canFlush && canReadFrom:
		return struct {
			*recorder
			flusher
			readerFrom
		}{r, f, rf}, r
	case canHijack && canReadFrom:
		return struct {
			*recorder
			hijacker
			readerFrom
		}{r, h, rf}, r
	case canFlush:
		return struct {
			*recorder
			flusher
		}{r, f}, r
	case canHijack:
		return struct {
			*recorder
			hijacker
		}{r, h}, r
	case canReadFrom:
		return struct {
			*recorder
			readerFrom
		}{r, rf}, r
	default:
		return r, r
	}
}
