package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/internal/httpgate/httpgatetest"
)

// TestProfiles checks that the HTTP listener has the protections of package httpgate. It also requests a profile of one
// second.
func TestProfiles(t *testing.T) {
	t.Parallel()
	p, err := serveProfiles("127.0.0.1:0", zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	addr := p.Addr().String()
	httpgatetest.Check(t, addr, "/debug/pprof/cmdline")
	answer, err := http.Get("http://" + addr + "/debug/pprof/trace?seconds=1")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusOK || len(text) == 0 {
		t.Errorf("a trace: %s, %d bytes, %v", answer.Status, len(text), err)
	}
}

// TestProfilesAddress checks that profiles are served only on the loopback interface unless a host is given.
func TestProfilesAddress(t *testing.T) {
	p, err := serveProfiles(":0", zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	if addr := p.Addr().String(); !strings.HasPrefix(addr, "127.0.0.1:") {
		t.Errorf("profiles are served at %s", addr)
	}
}
