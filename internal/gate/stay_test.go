package gate

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/wait"
)

// TestStay checks that half of the connections can be protected with Stay, and that other clients
// can use the other half.
func TestStay(t *testing.T) {
	end := make(chan struct{})
	g := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ask" {
			return
		}
		if !Stay(r.Context()) {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "begin\n")
		w.(http.Flusher).Flush()
		select {
		case <-end:
		case <-r.Context().Done():
		}
		_, _ = io.WriteString(w, "end")
	})
	begin := func(path string) (net.Conn, string) {
		conn, err := net.Dial("tcp", g.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, "GET "+path+" HTTP/1.0\r\nHost: localhost\r\n\r\n")
		_ = conn.SetReadDeadline(time.Now().Add(wait.Patience))
		line, _ := bufio.NewReader(conn).ReadString('\n')
		return conn, line
	}
	var staying []net.Conn
	for i := range g.max {
		conn, line := begin("/stay")
		defer conn.Close()
		if ok := strings.Contains(line, " 200 "); ok != (i < g.max/2) {
			t.Fatalf("client %d gets %q", i, line)
		} else if ok {
			staying = append(staying, conn)
		}
	}
	time.Sleep(AnswerPatience + 10*time.Millisecond) // without Stay, these connections would now be overdue
	for range 3 * MaxConns {
		silent, err := net.Dial("tcp", g.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
	}
	if _, line := begin("/ask"); !strings.Contains(line, " 200 ") {
		t.Errorf("a newcomer gets %q", line)
	}
	// When a protected connection is closed, another connection can be protected.
	_ = staying[0].Close()
	wait.Until(t, "no other may stay", func() bool {
		conn, line := begin("/stay")
		if strings.Contains(line, " 200 ") {
			staying[0] = conn
			return true
		}
		_ = conn.Close()
		return false
	})
	close(end)
	for _, conn := range staying {
		text, err := io.ReadAll(conn)
		if !strings.HasSuffix(string(text), "end") || err != nil {
			t.Errorf("a connection that stays got %q, %v", text, err)
		}
		_ = conn.Close()
	}
	if !Stay(context.Background()) {
		t.Error("without a Gate nothing may stay")
	}
}
