package graphite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/statsd-ops/statsd/sink"
)

// delivery sends one payload over one connection. It knows its progress, so that it can continue
// after a timeout. It does not keep the payload.
type delivery struct {
	conn     *link
	keepOpen bool
	sum      uint64 // checksum of the payload
	sealed   []byte // the encrypted bytes to send instead, with TLS
	size     int    // bytes to send

	written  int       // bytes that the local kernel has accepted
	acked    int       // bytes that the receiver's kernel has acknowledged
	progress time.Time // when written or acked last grew
	halfShut bool      // the sending half is closed
	closed   bool      // the receiver has closed its half
}

// run continues the delivery until it is confirmed, fails, or is out of time.
func (d *delivery) run(ctx context.Context, payload []byte, deadline time.Time) error {
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = d.conn.SetDeadline(time.Unix(1, 0)) // a deadline in the past wakes all waiting calls
		close(interrupted)
	})
	defer func() {
		if !stop() {
			<-interrupted
		}
	}()
	err := d.write(ctx, payload, deadline)
	if err == nil {
		err = d.confirm(ctx, deadline)
	} else if said := probe(d.conn); isAnswer(said) {
		err = said
	}
	if isTimeout(err) {
		d.note()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		err = fmt.Errorf("the receiver has not confirmed %d bytes by closing the connection, %d are acknowledged (it is stuck, or it never closes and needs keep-open): %w", d.written, d.acked, err)
	}
	if errors.Is(err, syscall.ECONNRESET) && d.note() == d.size {
		err = &sink.Unconfirmed{Err: fmt.Errorf("the receiver has acknowledged all %d bytes and then reset the connection: %w", d.size, err)}
	}
	return err
}

func (d *delivery) write(ctx context.Context, payload []byte, deadline time.Time) error {
	if d.written < d.size {
		if err := d.conn.SetWriteDeadline(deadline); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil { // ctx may have ended before the deadline was set
			return err
		}
		if d.sealed != nil {
			payload = d.sealed
		}
		n, err := d.conn.Write(payload[d.written:])
		if n > 0 {
			d.written += n
			d.progress = time.Now()
		}
		if err != nil {
			return err
		}
	}
	if !d.keepOpen && !d.halfShut {
		d.halfShut = true
		return d.conn.CloseWrite()
	}
	return nil
}

// The pauses between two queries for the acknowledged bytes of a kept connection. The kernel offers no event to wait
// for. An acknowledgement can be delayed by 40 ms.
const firstPoll, slowestPoll = 200 * time.Microsecond, 10 * time.Millisecond

// confirm waits until the receiver has confirmed everything. Without keepOpen it waits for the receiver to close the
// connection. It always reads, so that it notices a reset at once.
func (d *delivery) confirm(ctx context.Context, deadline time.Time) error {
	var answer [64]byte
	for poll := firstPoll; ; poll = min(2*poll, slowestPoll) {
		if d.note(); d.keepOpen && d.acked == d.size {
			return nil
		}
		until := deadline
		if next := time.Now().Add(poll); d.keepOpen && next.Before(deadline) {
			until = next
		}
		if err := d.conn.SetReadDeadline(until); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := d.conn.Read(answer[:])
		switch {
		case n > 0:
			return answerError(answer[:n])
		case errors.Is(err, io.EOF):
			return d.end()
		case !errors.Is(err, os.ErrDeadlineExceeded) || !time.Now().Before(deadline):
			return err
		}
	}
}

// end checks how the receiver closed the connection. The receiver has read everything only if all bytes were
// acknowledged before: a kernel resets a connection that is closed with unread bytes, and then acknowledges no more.
func (d *delivery) end() error {
	d.closed = true
	if d.note(); d.acked < d.size {
		return &net.OpError{Op: "read", Net: "tcp", Source: d.conn.LocalAddr(), Addr: d.conn.RemoteAddr(),
			Err: fmt.Errorf("closed by the receiver with %d bytes acknowledged: %w", d.acked, io.ErrUnexpectedEOF)}
	}
	return nil
}

// note updates acked and progress, and returns acked.
func (d *delivery) note() int {
	queued, err := unacknowledged(d.conn.TCPConn)
	if err != nil {
		return d.acked // the connection is broken; the next read or write returns the error
	}
	// Closing our half counts as one byte, after all others.
	acked := min(d.written-queued, d.written)
	if d.halfShut && queued > 0 {
		acked++
	}
	if acked > d.acked {
		d.acked = acked
		d.progress = time.Now()
	}
	return d.acked
}

// abort closes the connection and drops the bytes that the local kernel has not sent. They will be
// sent again.
func (d *delivery) abort() {
	_ = d.conn.SetLinger(0)
	_ = d.conn.TCPConn.Close()
}

// probe returns nil if the receiver of an idle connection has neither closed it nor sent anything.
// It takes a millisecond.
func probe(conn *link) error {
	if err := conn.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		return err
	}
	var answer [64]byte
	n, err := conn.Read(answer[:])
	switch {
	case n > 0:
		return answerError(answer[:n])
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	}
	return err
}

// answerError holds bytes that the receiver sent. Carbon never sends any.
type answerError []byte

func (e answerError) Error() string {
	return fmt.Sprintf("it answers %q, which carbon never does: is this the right port?", []byte(e))
}
