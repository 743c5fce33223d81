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

	"golang.org/x/sys/unix"

	"github.com/statsd-ops/statsd/sink"
)

// delivery is the transmission of one payload over one connection. It records its progress, so that it can
// continue after a timeout. It does not store the payload.
type delivery struct {
	conn     *link
	keepOpen bool
	sum      uint64 // checksum of the payload
	sealed   []byte // with TLS, the encrypted payload, which is sent
	size     int    // number of bytes to send

	written  int       // number of bytes that the local kernel has accepted
	acked    int       // number of bytes that the receiver's kernel has acknowledged
	progress time.Time // time at which the field written or the field acked last increased
	halfShut bool      // the daemon has closed its sending half of the connection
	closed   bool      // the receiver has closed its sending half of the connection
}

// run continues the delivery until it is confirmed, it fails, or the deadline is reached.
func (d *delivery) run(ctx context.Context, payload []byte, deadline time.Time) error {
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = d.conn.SetDeadline(time.Unix(1, 0)) // a deadline in the past ends all blocked reads and writes
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
		err = fmt.Errorf("the receiver has not confirmed the points by closing the connection: %d bytes sent, %d bytes acknowledged (the receiver hangs, or it never closes connections and needs keep-open): %w", d.written, d.acked, err)
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

// Pauses between two queries of the acknowledged bytes, for a connection that is kept open. The kernel has no
// notification for acknowledgements. A receiver can delay an acknowledgement by 40 ms.
const firstPoll, slowestPoll = 200 * time.Microsecond, 10 * time.Millisecond

// confirm waits until the receiver has confirmed all bytes. Without keepOpen, the confirmation is that the
// receiver closes the connection. In both modes confirm reads from the connection, so that it notices a reset
// immediately.
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

// end checks how the receiver closed the connection. The receiver has read everything only if it acknowledged all
// bytes before it closed. If a process closes a connection with unread bytes, its kernel resets the connection
// and acknowledges nothing more.
func (d *delivery) end() error {
	d.closed = true
	if d.note(); d.acked < d.size {
		return &net.OpError{Op: "read", Net: "tcp", Source: d.conn.LocalAddr(), Addr: d.conn.RemoteAddr(),
			Err: fmt.Errorf("closed by the receiver with %d bytes acknowledged: %w", d.acked, io.ErrUnexpectedEOF)}
	}
	return nil
}

// note updates the fields acked and progress, and returns the field acked.
func (d *delivery) note() int {
	queued, err := unacknowledged(d.conn.TCPConn)
	if err != nil {
		return d.acked // the connection is broken; the next read or write returns the error
	}
	// The kernel counts the closing of the sending half as one more byte, after all data.
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

// abort closes the connection and drops the bytes that the local kernel has not sent yet. The whole payload will
// be sent again.
func (d *delivery) abort() {
	_ = d.conn.SetLinger(0)
	_ = d.conn.TCPConn.Close()
}

// probe checks an idle connection. It returns nil if the receiver has neither closed the connection nor sent any
// data. It takes a millisecond.
func probe(conn *link) error {
	for {
		if err := conn.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
			return err
		}
		var answer [64]byte
		n, err := conn.Read(answer[:])
		switch {
		case n > 0:
			return answerError(answer[:n])
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		}
		// On a busy machine, the deadline can pass before the read begins.
		if waits, err := waits(conn.TCPConn); !waits {
			return err
		}
	}
}

// waits reports whether data of the receiver waits in a connection. If the receiver has closed its sending half, waits
// returns io.EOF. It does not wait, and needs no deadline.
func waits(conn *net.TCPConn) (bool, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false, err
	}
	var n int
	var failed error
	if err := raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, failed = unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	}); err != nil {
		return false, err
	}
	switch {
	case errors.Is(failed, unix.EAGAIN), errors.Is(failed, unix.EINTR):
		return false, nil
	case failed != nil:
		return false, os.NewSyscallError("recvfrom", failed)
	case n == 0:
		return false, io.EOF
	}
	return true, nil
}

// answerError contains bytes that the receiver sent. Carbon never sends any bytes.
type answerError []byte

func (e answerError) Error() string {
	return fmt.Sprintf("the receiver sends %q, which carbon never does: is this the right port?", []byte(e))
}
