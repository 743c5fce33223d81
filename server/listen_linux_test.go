package server

import (
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/wait"
)

// Whoever can connect can send datagrams too: readiness probes connect.
func TestConnectedMeansReady(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.Host, cfg.Port = "127.81.25.1", 8125 // an address that no other test has
	address := net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port))
	for range 20 {
		sent := make(chan bool)
		go func() {
			for deadline := time.Now().Add(wait.Patience); time.Now().Before(deadline); {
				conn, err := net.Dial("tcp", address)
				if err != nil {
					continue
				}
				_ = conn.Close()
				if conn, err = net.Dial("udp", address); err == nil {
					_, err = conn.Write([]byte("hits:1|c"))
					_ = conn.Close()
				}
				sent <- err == nil
				return
			}
			sent <- false
		}()
		d := start(t, cfg)
		if !<-sent {
			t.Fatal("could not connect")
		}
		d.stop()
		if got := d.totals()["counters.hits"]; got != 1 {
			t.Fatalf("%v hits, want the one of a client that had connected", got)
		}
	}
}
