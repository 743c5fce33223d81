//go:build linux

package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/internal/ports"
)

// measured is the result of one run of one daemon.
type measured struct {
	sentRate  float64 // rate that the sender has reached, in metrics per second
	received  float64 // fraction of the metrics that the daemon has received
	cpu       float64 // microseconds of CPU time per received metric, including the last flush
	steadyCPU float64 // like cpu, for a daemon that already knows all names
	idleCPU   float64 // CPU usage of a daemon without traffic, as a fraction of a core
	rate      float64 // metrics per second that the daemon reads while it drains its socket
	drainCPU  float64 // microseconds of CPU time per metric while the daemon drains its socket
	queue     int     // greatest length of the queue in the daemon's sockets, in bytes
	leftQueue int     // length of the queue after the last packet was sent, in bytes
	idleRSS   int     // memory before the traffic, in bytes
	sentRSS   int     // memory when the last packet was sent, in bytes
	rss       int     // highest memory, in bytes
	flush     time.Duration
	after     time.Duration // median of the time from the end of a flush interval until all points of the interval were published
	lines     int
	scrapeCPU float64 // seconds of CPU time for one Prometheus page, including the flush
	replay    float64 // how many seconds of kept traffic an edge sends per second after an outage
}

// The sizes of the receive buffers. Normal traffic uses a size that is usual on a busy host. The method drained uses a
// buffer that holds all datagrams that it sends.
const (
	pacedBuffer = 8 << 20
	drainBuffer = 64 << 20
)

// bench runs daemons and measures them.
type bench struct {
	pin     bool
	buffers bool                 // whether the kernel settings for receive buffers can be changed
	restore func()               // restores the kernel settings for receive buffers
	packets map[traffic][]packet // packets of the workload that was used last
	of      string               // name of the workload to which packets belong
}

func (b *bench) traffic(w workload) []packet {
	if b.of != w.name {
		b.of, b.packets = w.name, map[traffic][]packet{}
	}
	if b.packets[w.traffic] == nil {
		b.packets[w.traffic] = w.traffic.packets()
	}
	return b.packets[w.traffic]
}

// with starts a daemon and a carbon receiver, and passes both to the function use. When this function returns, with
// stops them.
func (b *bench) with(p peer, w workload, buffer int, use func(*daemon, *carbon) (measured, error)) (m measured, err error) {
	buffer = cmp.Or(p.variant.buffer, buffer)
	if b.buffers {
		if err := setReceiveBuffers(buffer); err != nil {
			return m, err
		}
	}
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return m, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	port, release, err := ports.Reserve() // Reserve also reserves the following ports, which the daemon's console and monitor use
	if err != nil {
		return m, err
	}
	defer release()
	s := setup{dir: dir, port: port, flush: w.flush, buffer: buffer, flags: w.flags, mapping: w.mapping}
	if err := s.write(); err != nil {
		return m, err
	}
	carbon, err := p.receiver(&s)
	if err != nil {
		return m, err
	}
	defer carbon.close()
	d, err := startDaemon(p, w, s, b.pin)
	if err != nil {
		return m, err
	}
	defer d.stop()
	if b.buffers && w.network == "udp" {
		if err := d.checkBuffers(); err != nil {
			return m, fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if m, err = use(d, carbon); err != nil {
		err = fmt.Errorf("%s in %s: %w", p.name, w.name, err)
	}
	return m, err
}

// write writes the configuration files that some daemons need.
func (s setup) write() error {
	return errors.Join(
		os.WriteFile(s.keys(), []byte(benchKey+"\n"), 0o600),
		os.WriteFile(s.globs(), []byte(globs()), 0o600),
		os.WriteFile(s.rules(), []byte(unmatched()), 0o600),
	)
}

// receiver returns a carbon that receives the points that the peer publishes.
func (p peer) receiver(s *setup) (*carbon, error) {
	var counters names
	if p.counters != nil {
		counters = *p.counters
	}
	c, err := newCarbon(counters)
	if err != nil {
		return nil, err
	}
	s.carbon = c.port()
	switch p.publishes {
	case "page":
		c.scrape("http://127.0.0.1:"+s.page()+"/metrics", s.flush)
	case "otlp":
		err = c.serveOTLP(s.otlp())
	}
	if err != nil {
		c.close()
	}
	return c, err
}

// idle measures a daemon without traffic.
func (b *bench) idle(p peer, w workload) (measured, error) {
	return b.with(p, w, pacedBuffer, func(d *daemon, _ *carbon) (m measured, err error) {
		before, err := cpuTime(d.pid)
		if err != nil {
			return m, err
		}
		time.Sleep(w.length)
		after, err := cpuTime(d.pid)
		m.idleCPU = (after - before).Seconds() / w.length.Seconds()
		m.rss = memory(d.pid, "VmHWM")
		return m, err
	})
}

// paced sends traffic at a rate, and waits until the daemon has published everything.
func (b *bench) paced(p peer, w workload, rate int) (measured, error) {
	packets := b.traffic(w)
	n := int(float64(rate) * w.length.Seconds())
	if w.traffic.once {
		n = min(n, count(packets))
	}
	return b.with(p, w, pacedBuffer, func(d *daemon, c *carbon) (m measured, err error) {
		m.idleRSS = memory(d.pid, "VmRSS")
		stop := sync.OnceValue(watchQueue(w.network, d.port))
		defer stop()
		defer d.watched()()
		var sent sent
		// pass sends all packets once. It returns the CPU time that the daemon uses until everything is
		// published.
		pass := func() (time.Duration, error) {
			return d.spent(func() error {
				more, err := d.send(packets, n, rate)
				if err != nil {
					return err
				}
				sent = sent.plus(more)
				m.leftQueue, m.sentRSS = socketsOn(w.network, d.port).Queued, memory(d.pid, "VmRSS")
				err = d.awaitEmpty()
				await(p, w, c, sent)
				return err
			})
		}
		cold, err := pass()
		if err != nil {
			return m, err
		}
		first, steady, known := sent, time.Duration(0), time.Now().Unix()
		if w.steady {
			if steady, err = pass(); err != nil {
				return m, err
			}
		}
		m.sentRate = float64(first.metrics) / first.took.Seconds()
		m.queue, m.rss = stop(), memory(d.pid, "VmHWM")
		t := c.snapshot()
		m.flush, m.lines, m.after = t.longestFlush, t.lines, t.published(known)
		m.received = received(p, w, d, c, sent)
		m.cpu = micros(cold) / (float64(first.metrics) * m.received)
		if w.steady {
			m.steadyCPU = micros(steady) / (float64(sent.metrics-first.metrics) * m.received)
		}
		return m, nil
	})
}

func count(packets []packet) (n int) {
	for _, p := range packets {
		n += p.metrics
	}
	return n
}

// await waits until everything that was sent has been published. Some metrics may be lost, and some daemons delay the
// last data until they receive more. So await also returns after some time without new points. For some peers it only
// waits for two flushes.
func await(p peer, w workload, c *carbon, s sent) {
	if p.counters == nil {
		if p.publishes == nothing { // the measurement must include a flush
			time.Sleep(w.flush + pause)
		}
		return
	}
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		t := c.snapshot()
		quiet := time.Since(t.last)
		all := p.part(t, w, s) > 1-1e-9
		over := t.last.After(start.Add(2*w.flush + p.variant.late))
		silent := min(quiet, time.Since(start)) > 2*w.flush+3*time.Second+p.variant.late
		if (all || over) && quiet > pause || silent || time.Since(start) > 4*w.flush+time.Minute {
			return
		}
	}
}

// received stops the daemon, and returns the fraction of the sent metrics that were published. It stops the daemon
// first, because some daemons delay the last lines until they receive more lines or stop. If a peer publishes
// nothing, received computes the fraction from the kernel's count of dropped datagrams.
func received(p peer, w workload, d *daemon, c *carbon, s sent) float64 {
	drops := socketsOn(w.network, d.port).Drops
	d.stop()
	if p.counters == nil {
		return 1 - float64(drops)/float64(s.packets)
	}
	c.awaitRead()
	return p.part(c.snapshot(), w, s)
}

// part returns the fraction of the sent metrics that were published.
func (p peer) part(t totals, w workload, s sent) float64 {
	sum := t.sum
	if p.rates {
		sum *= w.flush.Seconds()
	}
	return sum / float64(s.count)
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
