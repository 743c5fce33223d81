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

// carbon receives the published points of a daemon and adds up its counters. For daemons that do not publish to carbon,
// scrape and serveOTLP receive the points instead.
type carbon struct {
	listener net.Listener
	ended    context.CancelFunc // ends scrape and serveOTLP
	counters names

	mu     sync.Mutex
	totals totals
}

// names holds all names with this prefix and suffix.
type names struct{ prefix, suffix string }

func (n names) match(name []byte) bool {
	return bytes.HasPrefix(name, []byte(n.prefix)) && bytes.HasSuffix(name, []byte(n.suffix))
}

// totals are the sums so far.
type totals struct {
	lines int
	sum   float64 // sum of the counters' values
	last  time.Time
	// A flush is a run of lines without a pause longer than pause.
	flushStart   time.Time
	longestFlush time.Duration
	// stamp is the time on the last counter of this flush. after has how long after its stamp the last
	// counter with it came.
	stamp int64
	after map[int64]time.Duration
	pages int // how often a page was read
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

// take waits for lines and adds up all that have come. It reports whether more can come.
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

// line parses "name value time".
func (c *carbon) line(line []byte) {
	c.totals.lines++
	name, rest, _ := bytes.Cut(line, []byte(" "))
	if !c.counters.match(name) {
		return
	}
	value, at, _ := bytes.Cut(rest, []byte(" "))
	v, err := strconv.ParseFloat(string(value), 64)
	if err != nil {
		return // a bad line is noticed in the sum
	}
	c.totals.sum += v
	c.totals.stamp, _ = strconv.ParseInt(string(bytes.TrimSpace(at)), 10, 64)
}

// awaitRead waits until everything that an ended daemon has sent is read.
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

// published returns the median time until all counters of an interval were published, of the intervals that ended
// after a second.
func (t totals) published(known int64) time.Duration {
	maps.DeleteFunc(t.after, func(stamp int64, _ time.Duration) bool { return stamp <= known })
	if len(t.after) == 0 {
		return 0
	}
	return slices.Sorted(maps.Values(t.after))[len(t.after)/2]
}
