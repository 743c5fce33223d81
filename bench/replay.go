//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// replay stops the owner while an edge receives traffic, and starts the owner again. It measures
// how fast the edge then sends the rows that it has kept.
func replay(b *bench, p peer, w workload) (measured, error) {
	packets := b.traffic(w)
	return b.with(p, w, pacedBuffer, func(d *daemon, c *carbon) (m measured, err error) {
		warm, err := d.send(packets, w.rate, w.rate)
		if err != nil {
			return m, err
		}
		await(p, w, c, warm)
		_ = d.partner.Process.Kill()
		_ = d.partner.Wait()
		s, err := d.send(packets, int(float64(w.rate)*w.length.Seconds()), w.rate)
		if err != nil {
			return m, err
		}
		time.Sleep(w.flush + pause)
		kept, err := d.forwarded()
		if err != nil {
			return m, err
		}
		if d.partner, err = d.start(p.variant.partner(d.setup), ownCore); err != nil {
			return m, err
		}
		took, err := d.awaitForwarded(kept)
		m.replay, m.sentRate = s.took.Seconds()/took.Seconds(), float64(s.metrics)/s.took.Seconds()
		m.rss = memory(d.pid, "VmHWM")
		return m, err
	})
}

// rows has two counts of an edge: the rows that wait to be forwarded, and the rows that were
// forwarded.
type rows struct{ waiting, delivered float64 }

// forwarded asks an edge for its numbers of rows.
func (d *daemon) forwarded() (r rows, err error) {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, d.monitor()+"/api/v1/figures", http.NoBody)
	if err != nil {
		return r, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return r, err
	}
	defer answer.Body.Close()
	var figures struct{ Data map[string]float64 }
	if err := json.NewDecoder(answer.Body).Decode(&figures); err != nil {
		return r, fmt.Errorf("read the figures of the edge daemon: %w", err)
	}
	f := figures.Data
	return rows{f["forward.rows.queued"] + f["forward.rows.spooled"], f["forward.rows.delivered"]}, nil
}

// awaitForwarded returns the time from the first accepted rows until no rows are waiting.
func (d *daemon) awaitForwarded(kept rows) (time.Duration, error) {
	var begun time.Time
	for deadline := time.Now().Add(giveUp); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		now, err := d.forwarded()
		if err != nil {
			return 0, err
		}
		if begun.IsZero() && now.delivered > kept.delivered {
			begun = time.Now()
		}
		if !begun.IsZero() && now.waiting == 0 {
			return max(time.Since(begun), 5*time.Millisecond), nil
		}
	}
	return 0, fmt.Errorf("the edge daemon did not forward its %v waiting rows within %v", kept.waiting, giveUp)
}
