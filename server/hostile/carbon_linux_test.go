package hostile

import (
	"bufio"
	"bytes"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/wait"
)

// carbon receives the daemon's points. It adds up the counters whose names begin with canary. Those
// are the counters of well-behaved clients.
type carbon struct {
	listener net.Listener
	mu       sync.Mutex
	rates    map[string]float64
	last     map[string]float64
	delays   []time.Duration // times from each point's timestamp to its arrival
}

func newCarbon(t testing.TB) *carbon {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &carbon{listener: l, rates: map[string]float64{}, last: map[string]float64{}}
	var serving sync.WaitGroup
	serving.Go(func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			serving.Go(func() { c.read(t, conn) })
		}
	})
	// Cleanups run in reverse order. This cleanup is registered first, so it runs after the daemon has
	// ended.
	t.Cleanup(func() { _ = l.Close(); serving.Wait() })
	return c
}

func (c *carbon) read(t testing.TB, conn net.Conn) {
	defer conn.Close()
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		if !bytes.Contains(lines.Bytes(), []byte("canary")) {
			continue
		}
		fields := strings.Fields(lines.Text())
		v, err := strconv.ParseFloat(fields[1], 64)
		at, timeErr := strconv.ParseInt(fields[len(fields)-1], 10, 64)
		if err != nil || timeErr != nil || len(fields) != 3 || math.IsInf(v, 0) {
			t.Errorf("published %q", lines.Text())
		}
		c.mu.Lock()
		c.delays = append(c.delays, time.Since(time.Unix(at, 0)))
		c.rates[fields[0]] += v
		c.last[fields[0]] = v
		c.mu.Unlock()
	}
}

// counted returns the sum of a counter over all flushes so far.
func (d *statsd) counted(name string) float64 {
	d.carbon.mu.Lock()
	defer d.carbon.mu.Unlock()
	return math.Round(d.rates["stats."+name] * d.interval.Seconds())
}

// came returns how late the points arrived.
func (c *carbon) came() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.delays)
}

// value returns the last published value of a path.
func (d *statsd) value(path string) float64 {
	d.carbon.mu.Lock()
	defer d.carbon.mu.Unlock()
	return d.last[path]
}

// expectCanary waits until the sum of a counter equals the parameter want.
func (d *statsd) expectCanary(name string, want int) {
	d.t.Helper()
	deadline := time.Now().Add(wait.Patience)
	for d.counted(name) != float64(want) {
		if time.Now().After(deadline) {
			d.t.Fatalf("%s came to %v, want %d; the log says:\n%s", name, d.counted(name), want, d.log)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
