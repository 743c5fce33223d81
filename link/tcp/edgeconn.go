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

// These are the codes in answers from the central daemon.
const (
	codeStored  = 0
	codeFull    = 1 // no space: the edge must send the message again later
	codeRefused = 2 // the edge must not send the message again
	codeFailed  = 3 // the edge must send the message again
)

const (
	messageHead = 8 + 4 // number of the request, partition
	answerHead  = 8 + 1 // number of the request, code
	maxAnswer   = answerHead + 512
)

// edgeConn is a connection of an edge to the central daemon, after the handshake.
type edgeConn struct {
	conn net.Conn
	wire *wire
	done chan struct{} // closed when the connection has failed
	err  error         // why the connection has failed; set before the channel done is closed

	writing sync.Mutex

	mu      sync.Mutex
	request uint64                // number of the last request
	pending map[uint64]chan error // requests without an answer yet
	due     bool                  // an answer is expected, even if the call of Send has returned
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
		err = errors.New("the central daemon has closed the connection")
	case errors.As(err, &late) && late.Timeout():
		err = fmt.Errorf("the central daemon has not answered for %v", answerTimeout)
	}
	c.err = err
	close(c.done)
	_ = c.conn.Close() // an error does not matter, because the connection has failed anyway
	return err
}

func (c *edgeConn) receive() error {
	for {
		body, err := c.wire.expect(kindAnswer, maxAnswer)
		if err != nil {
			return err
		}
		if len(body) < answerHead {
			return errors.New("the central daemon uses another protocol")
		}
		c.settle(binary.BigEndian.Uint64(body), outcome(body[8], string(body[answerHead:])))
	}
}

// outcome converts an answer to the result of Send.
func outcome(code byte, text string) error {
	switch code {
	case codeStored:
		return nil
	case codeFull:
		return fmt.Errorf("%w: %q", link.ErrFull, text)
	case codeRefused:
		return &link.RefusedError{Reason: text}
	}
	return fmt.Errorf("the central daemon could not store the message: %q", text)
}

// settle passes an answer to the call of Send that waits for it. If more answers are expected, it
// extends the deadline.
func (c *edgeConn) settle(request uint64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if answer := c.pending[request]; answer != nil { // nil if the call of Send has already returned
		answer <- err
		delete(c.pending, request)
	}
	c.expect(len(c.pending) > 0)
}

// expect sets the deadline for the next answer. If the parameter due is false, no answer is
// expected and there is no deadline.
func (c *edgeConn) expect(due bool) {
	var until time.Time
	if c.due = due; due {
		until = time.Now().Add(answerTimeout)
	}
	_ = c.conn.SetReadDeadline(until) // fails only if the connection is closed; reading then fails too
}

// send sends a message and waits for its answer.
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
		_ = c.conn.Close() // a part of the frame may have been written, so the connection is unusable
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
