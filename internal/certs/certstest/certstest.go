// Package certstest connects clients to code that accepts connections, for tests.
package certstest

import (
	"net"
	"testing"
)

// Accept runs a client, and returns the server's end of its connection. The caller must call the
// function end, which closes the connection and waits for the client.
func Accept(t testing.TB, client func(net.Conn)) (accepted net.Conn, end func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		client(conn)
	}()
	accepted, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return accepted, func() {
		_ = accepted.Close()
		<-ended
	}
}
