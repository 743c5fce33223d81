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

// delivery is one payload on its way over one connection. It remembers how far
// it came, so that it can go on after a timeout. It does not keep the payload.
type delivery struct {
	conn     *link
	keepOpen bool
	sum      uint64 // of the payload
	sealed   []byte // what is sent instead of it: TLS
	size     int    // of what is sent

	written  int       // bytes our kernel has taken
	acked    int       // bytes the receiver's kernel has acknowledged
	progress time.Time // when written or acked last grew
	halfShut bool      // our half is closed
	closed   bool      // the receiver has closed its half
}

// run goes on with the delivery until it is confirmed, fails, or is out of time.
func (d *delivery) run(ctx context.Context, payload []byte, deadline time.Time) error {
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = d.conn.SetDeadline(time.Unix(1, 0)) // long ago: wakes whoever waits
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
		err = fmt.Errorf("the receiver has not confirmed %d bytes by closing the connection, with %d acknowledged (it is stuck, or never closes, and needs keep-open): %w", d.written, d.acked, err)
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
		if err := ctx.Err(); err != nil { // it may have ended before the deadline was set
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

// How often a kept connection is asked what was acknowledged: there is nothing
// to wait for. An acknowledgement may be held back for 40 ms.
const firstPoll, slowestPoll = 200 * time.Microsecond, 10 * time.Millisecond

// confirm waits until the receiver has taken everything. Without keepOpen that is when
// it closes; it reads all the time, so that a reset is seen at once.
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

// end judges the receiver's closing: only if all bytes were acknowledged before it
// has the receiver read them, as a kernel resets a connection that is closed with
// bytes unread, and acknowledges none that come after.
func (d *delivery) end() error {
	d.closed = true
	if d.note(); d.acked < d.size {
		return &net.OpError{Op: "read", Net: "tcp", Source: d.conn.LocalAddr(), Addr: d.conn.RemoteAddr(),
			Err: fmt.Errorf("closed by the receiver with %d bytes acknowledged: %w", d.acked, io.ErrUnexpectedEOF)}
	}
	return nil
}

// note brings acked and progress up to date, and returns acked.
func (d *delivery) note() int {
	queued, err := unacknowledged(d.conn.TCPConn)
	if err != nil {
		return d.acked // the connection is broken, as the next read or write will say
	}
	// The end of our half counts as one, and comes after all bytes.
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

// abort closes the connection and drops what our kernel has not sent yet: it will
// be offered again.
func (d *delivery) abort() {
	_ = d.conn.SetLinger(0)
	_ = d.conn.TCPConn.Close()
}

// probe returns nil if the receiver of an idle connection has neither closed it
// nor sent anything. It takes a millisecond.
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

// answerError is what the receiver sent, although carbon never sends anything.
type answerError []byte

func (e answerError) Error() string {
	return fmt.Sprintf("it answers %q, as no carbon does: is this the right port?", []byte(e))
}
