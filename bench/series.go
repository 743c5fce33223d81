//go:build linux

package main

import (
	"fmt"
	"time"
)

// pagesMeasured is the number of pages that are read after the traffic.
const pagesMeasured = 5

// series sends each name once. Then it measures the memory, and the CPU time for reading the page.
// This time includes the flush before the page is made, and the compression of the page.
func series(b *bench, p peer, w workload) (measured, error) {
	packets := b.traffic(w)
	return b.with(p, w, pacedBuffer, func(d *daemon, c *carbon) (m measured, err error) {
		m.idleRSS = memory(d.pid, "VmRSS")
		s, err := d.send(packets, count(packets), w.rate)
		if err != nil {
			return m, err
		}
		if err := c.awaitSettled(); err != nil {
			return m, err
		}
		m.sentRSS = memory(d.pid, "VmRSS")
		pages := 0
		cpu, err := d.spent(func() (err error) {
			pages, err = c.awaitPages(pagesMeasured)
			return err
		})
		m.scrapeCPU = cpu.Seconds() / float64(pages)
		m.rss, m.lines = memory(d.pid, "VmHWM"), c.snapshot().lines
		m.received = p.part(c.snapshot(), w, s)
		return m, err
	})
}

// awaitPages waits until n more pages were read. It returns the number of pages that were read.
func (c *carbon) awaitPages(n int) (int, error) {
	before := c.snapshot().pages
	for deadline := time.Now().Add(giveUp); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if read := c.snapshot().pages - before; read >= n {
			return read, nil
		}
	}
	return 0, fmt.Errorf("%d scrapes of the page did not end within %v", n, giveUp)
}

// awaitSettled waits until two successive pages have the same sum. The daemon has then read
// everything.
func (c *carbon) awaitSettled() error {
	for before := -1.0; ; {
		if _, err := c.awaitPages(1); err != nil {
			return err
		}
		sum := c.snapshot().sum
		if sum == before {
			return nil
		}
		before = sum
	}
}
