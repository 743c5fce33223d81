//go:build linux

package main

import (
	"errors"
	"syscall"
	"time"
)

// drained fills the socket of a suspended daemon, resumes the daemon, and measures how long the
// daemon takes to read everything. The result is the daemon's maximum speed, and does not depend on
// the speed of the sender. On networks where a sender waits for the receiver, the sender sends as
// fast as the daemon reads. Before the measurement, the daemon receives and publishes every name
// once. So the measurement includes neither new names nor a flush.
func (b *bench) drained(p peer, w workload) (measured, error) {
	first := b.traffic(w)
	packets, names := first, min(count(first), w.drain)
	if w.drawn {
		w.traffic.drawn = w.drain
		packets, names = b.traffic(w), count(first)
	}
	return b.with(p, w, drainBuffer, func(d *daemon, c *carbon) (m measured, err error) {
		warm, err := d.send(first, names, w.rate)
		if err != nil {
			return m, err
		}
		if err := d.awaitEmpty(); err != nil {
			return m, err
		}
		await(p, w, c, warm)
		if p.variant.partner != nil { // a cluster publishes the data of a flush interval some time after the flush
			time.Sleep(time.Until(time.Now().Truncate(w.flush).Add(w.flush + pause)))
		}
		stopped := w.network == "udp"
		if stopped {
			if err := d.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
				return m, err
			}
		}
		var sent sent
		start := time.Now()
		cpu, err := d.spent(func() (err error) {
			if sent, err = d.send(packets, w.drain, 0); err != nil || !stopped {
				return errors.Join(err, d.awaitEmpty())
			}
			start = time.Now()
			return errors.Join(d.cmd.Process.Signal(syscall.SIGCONT), d.awaitEmpty())
		})
		if err != nil {
			return m, err
		}
		took := time.Since(start)
		all := warm.plus(sent)
		await(p, w, c, all)
		m.received = received(p, w, d, c, all)
		metrics := float64(sent.metrics) * m.received
		m.rate = metrics / took.Seconds()
		m.drainCPU = micros(cpu) / metrics
		return m, nil
	})
}
