package gate

import (
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestNoDescriptor checks what a Gate does when no file descriptor is free. The Gate waits, reports
// the shortage once, counts it, and later accepts the waiting client.
func TestNoDescriptor(t *testing.T) {
	g, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	told := make(chan error, 1000)
	g.Tell = func(err error) { told <- err }
	client, err := net.Dial("tcp", g.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()

	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	restore := func() { _ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before) }
	defer restore()
	none := before
	none.Cur = 1
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	accepted := make(chan error, 1)
	go func() {
		conn, err := g.Accept()
		if err == nil {
			err = conn.Close()
		}
		accepted <- err
	}()
	if err := <-told; !strings.Contains(err.Error(), "ulimit -n") {
		t.Errorf("reported %q", err)
	}
	for g.Shortages() < 3 {
		if len(accepted) > 0 {
			t.Fatalf("accepted: %v", <-accepted)
		}
		time.Sleep(time.Millisecond)
	}
	restore()
	if err := <-accepted; err != nil {
		t.Errorf("accepting fails forever: %v", err)
	}
	if len(told) > 0 {
		t.Errorf("reported again: %v", <-told)
	}
}
