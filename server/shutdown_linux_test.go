package server

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// control calls f with the descriptor of a socket.
func control(t *testing.T, conn interface {
	Control(func(uintptr)) error
}, f func(fd int) error) {
	t.Helper()
	var failed error
	if err := conn.Control(func(fd uintptr) { failed = f(int(fd)) }); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
}

// Without any time at the end, all that had come is read nevertheless: also of
// connections that nobody had looked at yet.
func TestShutdownWithoutGrace(t *testing.T) {
	t.Parallel()
	const open, lines = 20, 50_000 // many reads of each
	cfg := config()
	cfg.Grace, cfg.Receivers = 0, 1
	d := start(t, cfg)
	listener, err := d.streams.listener.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	control(t, listener, func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 4<<20) })
	shard := d.lanes[0].shard
	shard.Lock() // so that next to nothing is read
	for range open {
		conn := d.dial("tcp")
		send(t, conn, strings.Repeat("hits:1|c\n", lines))
		raw, err := conn.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "the daemon's socket does not take it", func() bool {
			waiting := 0
			control(t, raw, func(fd int) (err error) {
				waiting, err = unix.IoctlGetInt(fd, unix.SIOCOUTQ)
				return err
			})
			return waiting == 0
		})
	}
	d.end()
	eventually(t, "it does not end", func() bool { return strings.Contains(d.out.String(), "ending") })
	shard.Unlock()
	d.stop()
	check(t, d.Server, fmt.Sprint("samples.aggregated ", float64(open*lines)))
}
