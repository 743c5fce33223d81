//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// carbon receives the points that a daemon publishes, and adds up the values of the counters. A
// daemon can publish in three ways. Points in carbon's line format arrive at the listener. The method
// scrape reads the points on a Prometheus page, and the method serveOTLP receives points over OTLP.
type carbon struct {
	listener net.Listener
	ended    context.CancelFunc // ends scrape or serveOTLP
	counters names

	mu     sync.Mutex
	totals totals
}

// names is the set of all names with this prefix and suffix.
type names struct{ prefix, suffix string }

func (n names) match(name []byte) bool {
	return bytes.HasPrefix(name, []byte(n.prefix)) && bytes.HasSuffix(name, []byte(n.suffix))
}

// totals are the sums of what was received so far.
type totals struct {
	lines int
	sum   float64 // sum of the values of all counters
	last  time.Time
	// flushStart and the following fields describe the current flush. A flush ends when no line
	// arrives for the duration pause.
	flushStart   time.Time
	longestFlush time.Duration
	// stamp is the timestamp of the last counter in the current flush. The map after contains, for
	// each timestamp, the time from the timestamp until the last counter with this timestamp arrived.
	stamp int64
	after map[int64]time.Duration
	pages int // number of times that the daemon's Prometheus page was read
}

const pause = 300 * time.Millisecond

func newCarbon(counters names) (*carbon, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &carbon{listener: listener, counters: counters, ended: func() {}, totals: totals{after: map[int64]time.Duration{}}}
	go c.serve()
	return c, nil
}

func (c *carbon) port() int { return c.listener.Addr().(*net.TCPAddr).Port }

func (c *carbon) close() {
	c.ended()
	c.listener.Close()
}

func (c *carbon) serve() {
	for {
		conn, err := c.listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			r := bufio.NewReaderSize(conn, 1<<20)
			for c.take(r) {
			}
		}()
	}
}

// take waits for lines and adds up all that have arrived. It returns false at the end of the
// connection.
func (c *carbon) take(r *bufio.Reader) bool {
	if _, err := r.Peek(1); err != nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if now.Sub(c.totals.last) > pause {
		c.totals.flushStart = now
		c.totals.stamp = 0
	}
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return false
		}
		c.line(line)
		rest, _ := r.Peek(r.Buffered())
		if bytes.IndexByte(rest, '\n') < 0 {
			break
		}
	}
	c.totals.last = time.Now()
	c.totals.longestFlush = max(c.totals.longestFlush, c.totals.last.Sub(c.totals.flushStart))
	if s := c.totals.stamp; s > 0 {
		c.totals.after[s] = c.totals.last.Sub(time.Unix(s, 0))
	}
	return true
}

// line parses a line of the form "name value time".
func (c *carbon) line(line []byte) {
	c.totals.lines++
	name, rest, _ := bytes.Cut(line, []byte(" "))
	if !c.counters.match(name) {
		return
	}
	value, at, _ := bytes.Cut(rest, []byte(" "))
	v, err := strconv.ParseFloat(string(value), 64)
	if err != nil {
		return // the value of a bad line is missing in the sum
	}
	c.totals.sum += v
	c.totals.stamp, _ = strconv.ParseInt(string(bytes.TrimSpace(at)), 10, 64)
}

// awaitRead waits until everything that a stopped daemon has sent was read.
func (c *carbon) awaitRead() {
	for deadline := time.Now().Add(giveUp); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if socketsOn("tcp", c.port()).Connections == 0 {
			return
		}
	}
}

func (c *carbon) snapshot() totals {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.totals
	t.after = maps.Clone(t.after)
	return t
}

// published returns the median of the time from the end of a flush interval until all counters of the interval were
// published. The parameter known is the time in Unix seconds when the daemon knew all names. published uses only the
// intervals that ended after this time.
func (t totals) published(known int64) time.Duration {
	maps.DeleteFunc(t.after, func(stamp int64, _ time.Duration) bool { return stamp <= known })
	if len(t.after) == 0 {
		return 0
	}
	return slices.Sorted(maps.Values(t.after))[len(t.after)/2]
}
