package graphite

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/statsd-ops/statsd/internal/wait"
)

// TestAcknowledgedBytesAreExact compares the number of acknowledged bytes to the number of bytes in the receiver's
// socket. The test can query the two numbers one after the other, because no bytes are on their way: the loopback
// interface has no delay.
func TestAcknowledgedBytesAreExact(t *testing.T) {
	small := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		return errors.Join(raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 16<<10)
		}), err)
	}}
	listener, err := small.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	payload, _ := lines(10_000)
	s := newSink(t, Config{Addr: listener.Addr().String(), Timeout: 50 * time.Millisecond})
	wait.Until(t, "our kernel does not take the payload", func() bool {
		if err := s.Send(t.Context(), payload); !isTimeout(err) {
			t.Fatalf("error %v, want a timeout", err)
		}
		return s.unsure.written == s.unsure.size && s.unsure.halfShut
	})
	d := s.unsure
	receiver, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = receiver.Close() }()
	if waiting := unread(t, receiver.(*net.TCPConn)); d.acked != waiting || waiting == 0 || waiting == d.size {
		t.Errorf("%d bytes acknowledged, but %d of %d wait to be read", d.acked, waiting, d.size)
	}
	if err := d.end(); !errors.Is(err, io.ErrUnexpectedEOF) || !errors.As(err, new(net.Error)) {
		t.Errorf("a close after %d of %d bytes gives %v", d.acked, d.size, err)
	}
	if n, err := io.Copy(io.Discard, receiver); int(n) != d.size || err != nil {
		t.Fatalf("%d of %d bytes arrive, error %v", n, d.size, err)
	}
	if err := d.end(); err != nil {
		t.Errorf("a close after all bytes gives %v", err)
	}
}

func unread(t *testing.T, conn *net.TCPConn) (n int) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var ioctlErr error
	if err := raw.Control(func(fd uintptr) { n, ioctlErr = unix.IoctlGetInt(int(fd), unix.SIOCINQ) }); err != nil || ioctlErr != nil {
		t.Fatal(err, ioctlErr)
	}
	return n
}
