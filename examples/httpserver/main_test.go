package main

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/wait"
)

// The example answers requests, and sends its metrics before it exits.
func TestRun(t *testing.T) {
	statsd, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer statsd.Close()
	host, port, _ := net.SplitHostPort(statsd.Addr().String())
	t.Setenv("STATSD_HOST", host)
	t.Setenv("STATSD_PORT", port)
	t.Setenv("STATSD_PREFIX", "example")
	t.Setenv("STATSD_PROTOCOL", "tcp")
	t.Setenv("STATSD_ENABLED", "yes")
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		conn, err := statsd.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		for scanner := bufio.NewScanner(conn); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()

	address := counterpart.FreeAddress(t).String()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, address) }()
	url := "http://" + address + "/hello/ann"
	response, err := http.Get(url)
	for deadline := time.Now().Add(wait.Patience); err != nil && time.Now().Before(deadline); response, err = http.Get(url) {
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("run: %v", err)
	}
	var sent []string
	for line := range lines {
		sent = append(sent, line)
	}
	all := strings.Join(sent, "\n")
	for _, want := range []string{
		"example.counters.http.greetings:1|c", "example.timers.http.db.look:",
		"example.timers.http.hello.name.GET.200:", "example.counters.http.hello.name.requests:1|c",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("%s was not sent, only\n%s", want, all)
		}
	}
}
