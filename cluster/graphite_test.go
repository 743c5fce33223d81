package cluster

import (
	"bufio"
	"fmt"
	"maps"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/statsd-ops/statsd/internal/counterpart"
)

// graphite is a receiver of points. Like carbon, it stores the last value that it has received for each path
// and time.
type graphite struct {
	t    testing.TB
	addr string

	mu       sync.Mutex
	listener net.Listener
	conns    map[net.Conn]bool
	reading  sync.WaitGroup
	values   map[int64]map[string]float64
}

func newGraphite(t testing.TB) *graphite {
	t.Helper()
	g := &graphite{t: t, addr: counterpart.FreeAddress(t).String(), conns: map[net.Conn]bool{}, values: map[int64]map[string]float64{}}
	g.start()
	t.Cleanup(g.stop)
	return g
}

func (g *graphite) start() {
	g.t.Helper()
	l, err := net.Listen("tcp", g.addr)
	if err != nil {
		g.t.Fatal(err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.listener = l
	g.reading.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			g.mu.Lock()
			g.conns[conn] = true
			g.mu.Unlock()
			g.reading.Go(func() { g.read(conn) })
		}
	})
}

// stop stops graphite as a SIGTERM stops carbon: graphite first reads the data that has already
// arrived.
func (g *graphite) stop() {
	g.mu.Lock()
	if g.listener == nil {
		g.mu.Unlock()
		return
	}
	_ = g.listener.Close()
	g.listener = nil
	for conn := range g.conns {
		_ = conn.(*net.TCPConn).CloseWrite()
	}
	g.mu.Unlock()
	g.reading.Wait()
}

func (g *graphite) read(conn net.Conn) {
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		path, rest, _ := strings.Cut(lines.Text(), " ")
		if !strings.Contains(path, "test.") {
			continue // ignore the daemon's own metrics
		}
		var value float64
		var at int64
		if n, err := fmt.Sscan(rest, &value, &at); n != 2 {
			g.t.Errorf("graphite got %q: %v", lines.Text(), err)
			continue
		}
		g.mu.Lock()
		if g.values[at] == nil {
			g.values[at] = map[string]float64{}
		}
		g.values[at][path] = value
		g.mu.Unlock()
	}
	g.mu.Lock()
	delete(g.conns, conn)
	g.mu.Unlock()
}

// at returns a copy of the values with this timestamp.
func (g *graphite) at(second int64) map[string]float64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.values[second])
}
