package server

import (
	"os"
	"syscall"
	"testing"
)

// duplicate returns a socket as whoever holds it for a daemon has it.
func duplicate(t testing.TB, s *socket) *os.File {
	t.Helper()
	fd, err := syscall.Dup(s.fd)
	if err != nil {
		t.Fatal(err)
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "udp")
}

// Several UDP sockets of one port have a receiver each.
func TestSocketsGivenTwice(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.Receivers = 3
	l, err := listen(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	given := config()
	given.Receivers = 1
	given.Sockets = []*os.File{fileOf(t, l.tcp)}
	for _, s := range l.udp {
		given.Sockets = append(given.Sockets, duplicate(t, s))
	}
	d := start(t, given)
	for range 50 {
		send(t, d.dial("udp"), "hits:1|c")
	}
	eventually(t, "datagrams are missing", func() bool { return figureOf(t, d.Server, "pending_stats") == 50 })
	d.stop()
	if got := d.totals()["counters.hits"]; got != 50 {
		t.Errorf("%v hits, want 50", got)
	}
}
