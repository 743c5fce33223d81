package tcp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/link"
)

// The codes of an answer.
const (
	codeStored  = 0
	codeFull    = 1 // send it again later
	codeRefused = 2 // do not send it again
	codeFailed  = 3 // send it again
)

const (
	messageHead = 8 + 4 // request, partition
	answerHead  = 8 + 1 // request, code
	maxAnswer   = answerHead + 512
)

// edgeConn is a connection to a central, after the handshake.
type edgeConn struct {
	conn net.Conn
	wire *wire
	done chan struct{} // closed when it has failed
	err  error         // why it has failed; set before done is closed

	writing sync.Mutex

	mu      sync.Mutex
	request uint64                // number of the last request
	pending map[uint64]chan error // requests without an answer
	due     bool                  // an answer is due, even if Send no longer waits for it
}

func newEdgeConn(conn net.Conn, w *wire) *edgeConn {
	return &edgeConn{conn: conn, wire: w, done: make(chan struct{}), pending: make(map[uint64]chan error)}
}

// serve receives answers until the connection fails or ctx ends.
func (c *edgeConn) serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = c.conn.Close() })
	defer stop()
	err := c.receive()
	var late net.Error
	switch {
	case ctx.Err() != nil:
		err = net.ErrClosed
	case errors.Is(err, io.EOF):
		err = errors.New("the central has closed the connection")
	case errors.As(err, &late) && late.Timeout():
		err = fmt.Errorf("the central has not answered for %v", answerTimeout)
	}
	c.err = err
	close(c.done)
	_ = c.conn.Close() // the connection has already failed
	return err
}

func (c *edgeConn) receive() error {
	for {
		body, err := c.wire.expect(kindAnswer, maxAnswer)
		if err != nil {
			return err
		}
		if len(body) < answerHead {
			return errors.New("the central speaks another protocol")
		}
		c.settle(binary.BigEndian.Uint64(body), outcome(body[8], string(body[answerHead:])))
	}
}

// outcome returns the result of Send for an answer.
func outcome(code byte, text string) error {
	switch code {
	case codeStored:
		return nil
	case codeFull:
		return fmt.Errorf("%w: %q", link.ErrFull, text)
	case codeRefused:
		return &link.RefusedError{Reason: text}
	}
	return fmt.Errorf("the central could not store the message: %q", text)
}

// settle passes an answer to its Send. If other answers are due, the central gets more time for them.
func (c *edgeConn) settle(request uint64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if answer := c.pending[request]; answer != nil { // if not, Send has given up
		answer <- err
		delete(c.pending, request)
	}
	c.expect(len(c.pending) > 0)
}

// expect sets the time of the next answer, if one is due.
func (c *edgeConn) expect(due bool) {
	var until time.Time
	if c.due = due; due {
		until = time.Now().Add(answerTimeout)
	}
	_ = c.conn.SetReadDeadline(until) // an error means that the connection is closed, so it fails anyway
}

// send sends a message and waits for the answer.
func (c *edgeConn) send(ctx context.Context, m link.Message) error {
	answer := make(chan error, 1)
	c.mu.Lock()
	c.request++
	request := c.request
	if c.pending[request] = answer; !c.due {
		c.expect(true)
	}
	c.mu.Unlock()
	if err := c.write(request, m); err != nil {
		_ = c.conn.Close() // a part of the frame may have been sent
		<-c.done
		return err
	}
	select {
	case err := <-answer:
		return err
	case <-c.done:
		return c.err
	case <-ctx.Done():
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.pending, request)
		return fmt.Errorf("no answer yet: %w", ctx.Err())
	}
}

func (c *edgeConn) write(request uint64, m link.Message) error {
	var head [messageHead]byte
	binary.BigEndian.PutUint64(head[:], request)
	binary.BigEndian.PutUint32(head[8:], uint32(m.Partition))
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.conn.SetWriteDeadline(time.Now().Add(answerTimeout)); err != nil {
		return err
	}
	return c.wire.send(kindMessage, head[:], m.Data)
}
