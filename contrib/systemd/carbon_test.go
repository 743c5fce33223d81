package systemd_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// carbon takes what a daemon publishes. The real one is too slow to start beside
// each of these tests, and would say no more.
type carbon struct {
	t    *testing.T
	port string

	mu     sync.Mutex
	points []point
}

type point struct {
	path  string
	value float64
	time  int64
}

func newCarbon(t *testing.T) *carbon {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	c := &carbon{t: t, port: port}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.take(conn)
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		serving.Wait()
	})
	return c
}

// take reads a connection to its end, and closes it, which says that all was
// read.
func (c *carbon) take(conn net.Conn) {
	defer conn.Close()
	text, err := io.ReadAll(conn)
	if err != nil {
		return // it will be sent again
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for line := range strings.Lines(string(text)) {
		var p point
		if _, err := fmt.Sscan(line, &p.path, &p.value, &p.time); err != nil {
			c.t.Errorf("published %q: %v", line, err)
		}
		c.points = append(c.points, p)
	}
}

// command starts a daemon that publishes here.
func (c *carbon) command() []string {
	return []string{binary, "--graphite-host", "127.0.0.1", "--graphite-port", c.port, "--monitor-port", "off", "--log-format", "json"}
}

// values returns what was published of a path.
func (c *carbon) values(path string) (values []float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.points {
		if p.path == path {
			values = append(values, p.value)
		}
	}
	return values
}

// total returns how much a counter was raised, interval being the flush interval in seconds.
func (c *carbon) total(path string, interval float64) float64 {
	sum := 0.0
	for _, v := range c.values(path) {
		sum += v * interval
	}
	return sum
}

// wantEachTimeOnce checks that no series has two values for one time.
func (c *carbon) wantEachTimeOnce() {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := map[point]bool{}
	for _, p := range c.points {
		p.value = 0
		if seen[p] {
			c.t.Errorf("%s has two points at %d", p.path, p.time)
		}
		seen[p] = true
	}
}
