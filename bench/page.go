//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"net/http"
	"strconv"
	"time"
)

// scrape reads the Prometheus page of a daemon at regular intervals, until close is called. The
// counters on the page are sums since the start of the daemon.
func (c *carbon) scrape(url string, every time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	c.ended = cancel
	go func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				c.readPage(ctx, url)
			}
		}
	}()
}

// readPage reads the page once. If the daemon has exited, the values of the previous page are kept.
func (c *carbon) readPage(ctx context.Context, url string) {
	start := time.Now()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return
	}
	defer answer.Body.Close()
	lines, sum := 0, 0.0
	page := bufio.NewScanner(answer.Body)
	for page.Scan() {
		lines++
		sum += c.onPage(page.Bytes())
	}
	if page.Err() != nil || answer.StatusCode != http.StatusOK {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.totals.lines, c.totals.sum, c.totals.last = lines, sum, time.Now()
	c.totals.pages++
	c.totals.longestFlush = max(c.totals.longestFlush, time.Since(start))
}

// onPage returns the value in a line of the page. It returns 0 if the line is not about a counter
// that the benchmark sends.
func (c *carbon) onPage(line []byte) float64 {
	if !c.counters.match(line) {
		return 0
	}
	v, err := strconv.ParseFloat(string(line[bytes.LastIndexByte(line, ' ')+1:]), 64)
	if err != nil {
		return 0 // the value of a bad line is missing in the sum
	}
	return v
}
