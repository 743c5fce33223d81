package intake

import (
	"net"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func control(t *testing.T, conn interface {
	Control(func(uintptr)) error
}, f func(fd int) error) {
	t.Helper()
	var failed error
	if err := conn.Control(func(fd uintptr) { failed = f(int(fd)) }); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
}

// With no time for shutdown, all received data is still read, including the data of connections
// that were not yet accepted.
func TestEndWithoutGrace(t *testing.T) {
	t.Parallel()
	const open, lines = 20, 50_000 // each connection needs many reads
	cfg := config()
	cfg.Receivers = 1
	in := start(t, cfg)
	listener, err := (*in.listeners[1].acceptor.stream.Load()).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	control(t, listener, func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 4<<20) })
	shard := in.lanes[0].shard
	shard.Lock() // no lane can add data while this lock is held, so nearly all data is unread when End begins
	for range open {
		conn := in.dial("tcp")
		send(t, conn, strings.Repeat("hits:1|c\n", lines))
		arrived(t, conn.(*net.TCPConn))
	}
	shard.Unlock()
	in.end(0)
	in.check(Tally{
		TCPConnections: open, TCPBytes: open * lines * 9, Lines: open * lines, Samples: open * lines, Aggregated: open * lines,
	})
}
