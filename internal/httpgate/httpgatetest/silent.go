package httpgatetest

import (
	"errors"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/gate"
)

// checkSilent checks that the number of connections is limited. Silent connections must be closed
// when another client sends a request.
func checkSilent(t *testing.T, l listener) {
	silent := make([]net.Conn, gate.MaxConns+20)
	for i := range silent {
		silent[i] = l.dial(t)
	}
	if a := l.get(t, l.path, "localhost"); a.code != http.StatusOK {
		t.Errorf("with too many silent connections, a client gets %d, want 200", a.code)
	}
	open := countOpen(t, silent)
	// The server has closed some connections, but on a busy machine the kernel delivers the resets later, so the test
	// waits up to a second. It must not wait for httpgate.HeaderTimeout, because after that time the server closes all
	// silent connections anyway.
	for end := time.Now().Add(time.Second); open > gate.MaxConns && time.Now().Before(end); time.Sleep(time.Millisecond) {
		open = countOpen(t, silent)
	}
	if open > gate.MaxConns {
		t.Errorf("%d connections are open, want at most %d", open, gate.MaxConns)
	}
}

func countOpen(t *testing.T, conns []net.Conn) (open int) {
	t.Helper()
	for _, conn := range conns {
		if isOpen(t, conn) {
			open++
		}
	}
	return open
}

// isOpen reports whether a silent connection is open now. It does not wait for the connection to be closed.
func isOpen(t *testing.T, conn net.Conn) bool {
	t.Helper()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var readErr error
	if err := raw.Control(func(fd uintptr) { _, readErr = syscall.Read(int(fd), make([]byte, 1)) }); err != nil {
		t.Fatal(err)
	}
	return errors.Is(readErr, syscall.EAGAIN)
}
