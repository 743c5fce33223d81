package intake

import (
	"errors"
	"net"
	"os"
	"testing"
)

// given binds the sockets of cfg and returns duplicates of them, as a process inherits them.
func given(t testing.TB, cfg Config) (files []*os.File) {
	t.Helper()
	all, err := openListeners(&cfg.Listen)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeListeners(all) })
	for _, l := range all {
		if l.Stream != nil {
			file, err := l.Stream.(interface{ File() (*os.File, error) }).File()
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
		for _, p := range l.Packets {
			conn := p.(*net.UDPConn)
			file, err := conn.File()
			if err := errors.Join(err, conn.SetReadBuffer(cfg.UDPBuffer)); err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
	}
	return files
}

// If a process inherits several UDP sockets of one port, each socket has its own receiver.
func TestSocketsGivenTwice(t *testing.T) {
	t.Parallel()
	bound := config()
	bound.Receivers = 3
	cfg := config()
	cfg.Receivers = 1
	cfg.Sockets = given(t, bound)
	in := start(t, cfg)
	for range 50 {
		send(t, in.dial("udp"), "hits:1|c")
	}
	eventually(t, "datagrams are missing", func() bool { return in.Live().Samples == 50 })
	in.stop()
	if got := in.totals()["counters.hits"]; got != 50 {
		t.Errorf("%v hits, want 50", got)
	}
	if n := len(in.receivers); n != 3 {
		t.Errorf("%d receivers, want 3", n)
	}
}

// Intake does not change an inherited receive buffer that is larger than this process could
// request.
func TestGivenBufferIsNotShrunk(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ before, asked int }{
		"larger":  {100_000, 10_000},
		"smaller": {10_000, 100_000},
	} {
		bound := config()
		bound.Receivers, bound.UDPBuffer = 1, test.before
		cfg := config()
		cfg.UDPBuffer = test.asked
		cfg.Sockets = given(t, bound)
		in := start(t, cfg)
		if got := in.receivers[0].socket.Granted(); got < 100_000 {
			t.Errorf("%s: the receive buffer has %d bytes", name, got)
		}
		in.stop()
	}
}
