package server

import (
	"net"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/internal/counterpart"
	"github.com/statsd-ops/statsd/internal/wait"
)

// Once the daemon accepts TCP connections, it also receives datagrams. Readiness probes rely on
// this: they only connect over TCP.
func TestConnectedMeansReady(t *testing.T) {
	for name, listeners := range map[string][]listen.Scheme{"--port": nil, "--listen, tcp first": {listen.TCP, listen.UDP}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 20 { // each daemon uses a new port, because other processes can take a port that was released
				cfg := config()
				at := counterpart.FreeAddress(t)
				cfg.Port, cfg.PortOff = int(at.Port()), listeners != nil
				for _, scheme := range listeners {
					cfg.Listeners = append(cfg.Listeners, listen.Listener{Name: string(scheme), Scheme: scheme, Address: at.String(), Receivers: 1})
				}
				connectedMeansReady(t, cfg, at.String())
			}
		})
	}
}

func connectedMeansReady(t *testing.T, cfg Config, address string) {
	t.Helper()
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
