package console

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/internal/gate"
)

const (
	// maxLine is the maximum length of a command in bytes.
	maxLine = 64 << 10
	// idleTimeout is the maximum time to wait for a complete command.
	idleTimeout = 10 * time.Minute
	// writeTimeout is the maximum time in which a client must read a part of its answer. answerTimeout is the maximum
	// sum of these times for one answer. The time that the daemon needs for an answer is not limited: between two
	// flushes it produces only a part of a long answer, so the answer can take many flush intervals.
	writeTimeout  = 10 * time.Second
	answerTimeout = time.Minute
	// lineTimeout is how long to wait for the newline after a command without arguments. Some programs send no
	// newline.
	lineTimeout = 200 * time.Millisecond
)

// session is a client's connection.
type session struct {
	*Console
	conn    *gate.Conn
	out     *bufio.Writer
	left    time.Duration // time left for the client to read the current answer
	pending []byte        // received bytes that are not a complete command yet
	ended   bool          // the client has closed its sending half of the connection
	long    bool          // the session holds the mutex Console.long
}

// serve answers commands until the connection ends.
func (c *Console) serve(ctx context.Context, conn *gate.Conn) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	s := &session{Console: c, conn: conn}
	s.out = bufio.NewWriterSize(deadlineWriter{s}, 32<<10)
	for more := true; more; {
		line, err := s.next()
		if err != nil {
			return
		}
		conn.Asked()
		s.left = answerTimeout
		more, err = s.answer(ctx, line)
		if errors.Join(err, s.out.Flush()) != nil {
			return
		}
		conn.Answered()
	}
}

// errLong is the error for a command that is too long.
var errLong = errors.New("too long")

// next returns the next command. The last command needs no newline.
func (s *session) next() (string, error) {
	wait := time.Now().Add(idleTimeout)
	for {
		if i := bytes.IndexByte(s.pending, '\n'); i >= 0 {
			line := string(s.pending[:i])
			s.pending = slices.Delete(s.pending, 0, i+1)
			return line, nil
		}
		if s.ended || len(s.pending) > maxLine {
			break
		}
		if err := s.read(wait); err != nil {
			return "", err
		}
	}
	line := string(s.pending)
	s.pending = nil
	switch {
	case len(line) > maxLine:
		return "", errLong
	case line == "":
		return "", net.ErrClosed
	}
	return line, nil
}

// read appends received bytes to pending. If pending may be a complete command without its newline,
// read waits only for lineTimeout.
func (s *session) read(wait time.Time) error {
	whole := slices.Contains(harmless, strings.TrimSpace(string(s.pending)))
	if whole {
		wait = time.Now().Add(lineTimeout)
	}
	if err := s.conn.SetReadDeadline(wait); err != nil {
		return err
	}
	var buf [4 << 10]byte
	n, err := s.conn.Read(buf[:])
	s.pending = append(s.pending, buf[:n]...)
	switch {
	case err == nil:
	case whole && errors.Is(err, os.ErrDeadlineExceeded):
		s.pending = append(s.pending, '\n')
	case errors.Is(err, os.ErrDeadlineExceeded):
		return err
	default:
		s.ended = true
	}
	return nil
}

// deadlineWriter writes to the connection, and sets the deadline for each write.
type deadlineWriter struct{ *session }

func (w deadlineWriter) Write(p []byte) (int, error) {
	begun := time.Now()
	if err := w.conn.SetWriteDeadline(begun.Add(min(writeTimeout, w.left))); err != nil {
		return 0, err
	}
	if w.long {
		w.Console.long.Unlock()
		defer w.Console.long.Lock()
	}
	n, err := w.conn.Write(p)
	w.left -= time.Since(begun)
	return n, err
}

// takeTurn waits until no other session is producing a long answer, and then calls answer.
func (s *session) takeTurn(answer func() error) error {
	s.Console.long.Lock()
	s.long = true
	defer func() {
		s.long = false
		s.Console.long.Unlock()
	}()
	return answer()
}
