package delivery

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"

	"github.com/statsd-ops/statsd/spool"

	"github.com/statsd-ops/statsd/metric"
)

// openSpool opens the queue's spool, if spools are configured.
func (q *queue) openSpool(cfg *Spool, name string) error {
	if cfg.SpoolDir == "" {
		return nil
	}
	s, err := spool.Open(spool.Config{
		Dir:        filepath.Join(cfg.SpoolDir, name),
		MaxBytes:   cfg.SpoolMaxBytes,
		FsyncEvery: cfg.SpoolFsync,
	})
	if err != nil {
		return metric.FlagErrorf("--spool-dir", nil, "%w", err)
	}
	q.spool, q.maxSpool = s, cfg.SpoolMaxBytes
	q.stored = s.Stats()
	q.logFound()
	return nil
}

// logFound logs the content of the spool when it is opened.
func (q *queue) logFound() {
	st := q.stored
	if st.Fault != nil {
		q.log.Error().Err(st.Fault).Msgf("the spool cannot be used: undelivered %s wait in memory only; trying again", q.unit)
	}
	if st.Recovered > 0 {
		q.log.Warn().Uint64(q.unit, st.Recovered).Msgf("found undelivered %s in the spool: sending them first", q.unit)
	}
	if st.Missing > 0 || st.Damaged > 0 {
		q.log.Error().Uint64(q.unit, st.Missing).Uint64("bytes", st.Damaged).Uint64("files", st.Quarantined).
			Msg("the spool is damaged: unreadable files were renamed")
	}
}

// spill moves the payloads in memory to the spool, oldest first. If the spool returns an error, the
// remaining payloads stay in memory.
func (q *queue) spill() {
	if q.spool == nil {
		return
	}
	q.disk.Lock()
	defer q.disk.Unlock()
	for {
		q.mu.Lock()
		if len(q.waiting) == 0 {
			q.mu.Unlock()
			return
		}
		p := q.waiting[0]
		p.storing = true
		q.mu.Unlock()

		err := q.spool.Append(spool.Record{Payload: p.data, Points: p.units, Time: p.flush})

		q.change(func() {
			p.storing = false
			if err == nil && q.stored.Records == 0 {
				q.oldestOnDisk = p.flush
			}
			q.stored = q.spool.Stats()
			if err == nil {
				p.spooled = true
				q.remove(p)
			}
			q.noteFault(&q.writeError, "write to", err)
		})
		if err != nil {
			return
		}
	}
}

func (q *queue) closeSpool() error {
	if q.spool == nil {
		return nil
	}
	q.disk.Lock()
	defer q.disk.Unlock()
	err := q.spool.Close()
	q.change(func() { q.stored = q.spool.Stats() })
	return err
}

// fault returns the current error of the disk, or nil while the disk works. The caller holds mu.
func (q *queue) fault() error {
	if q.stored.Fault != nil {
		return q.stored.Fault
	}
	if q.writeError != nil {
		return q.writeError
	}
	return q.readError
}

// noteFault stores the result of the last disk operation. It logs when errors begin and when they
// end. The caller holds mu.
func (q *queue) noteFault(last *error, doing string, err error) {
	was := *last
	*last = err
	switch {
	case err != nil && was == nil:
		q.log.Error().Err(err).Msgf("cannot %s the spool: undelivered %s wait in memory only; trying again", doing, q.unit)
	case err == nil && was != nil:
		q.log.Warn().Msgf("the daemon can %s the spool again", doing)
	}
}

// fromSpool returns the oldest payload on disk. It returns nil if there is none, or if reading
// fails.
func (q *queue) fromSpool() (*payload, error) {
	q.mu.Lock()
	records := q.stored.Records
	q.mu.Unlock()
	if records == 0 {
		return nil, nil
	}
	r, err := q.spool.Next()
	empty := errors.Is(err, io.EOF)
	if empty {
		err = nil
	}
	q.noteRead(r.Time, err)
	if empty || err != nil {
		return nil, err
	}
	return &payload{data: r.Payload, units: r.Points, flush: r.Time, spooled: true}, nil
}

// noteRead updates the counts of the spool in q.stored, and stores the result of reading the oldest record.
func (q *queue) noteRead(oldest int64, err error) {
	q.disk.Lock()
	defer q.disk.Unlock()
	q.change(func() {
		q.stored = q.spool.Stats()
		if err == nil {
			q.oldestOnDisk = oldest
		}
		q.noteFault(&q.readError, "read", err)
	})
}

// leaveSpool removes a payload from the spool after the payload was sent. A full spool may have dropped the payload
// during the send: in this case there is nothing to remove. The parameter refused is the number of the payload's units
// that the receiver refused.
func (q *queue) leaveSpool(p *payload, refused int) {
	q.disk.Lock()
	defer q.disk.Unlock()
	r, err := q.spool.Next()
	left := err == nil && bytes.Equal(r.Payload, p.data)
	if left {
		err = q.spool.Advance()
	}
	q.change(func() {
		if left {
			q.refusedOnDisk += uint64(refused)
			q.ledger.Reasons.Refused += uint64(refused)
		}
		q.stored = q.spool.Stats()
		if !errors.Is(err, spool.ErrClosed) {
			q.noteFault(&q.writeError, "write to", err)
		}
	})
}
