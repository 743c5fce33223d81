package httpgate

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
)

func TestServer(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	addr := counterpart.FreeAddress(t).String()
	s, err := Listen(Config{Addr: addr, AnswerTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-answer
		_, _ = io.WriteString(w, "answer")
	})})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(Config{Addr: addr}); err == nil || err.Error() != "listen on tcp "+addr+": bind: address already in use" {
		t.Errorf("on an address that is taken: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	go func() {
		<-asked
		stop()
		close(answer)
	}()
	response, err := http.Get("http://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if text, err := io.ReadAll(response.Body); string(text) != "answer" || err != nil || !response.Close {
		t.Errorf("answered %q, %v, close %v: want one answer on the connection", text, err, response.Close)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if s, err = Listen(Config{Addr: addr}); err != nil {
		t.Fatalf("the address is still taken: %v", err)
	}
	_ = s.Gate.Close()
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("on a listener that fails: %v", err)
	}
}
