package server

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/statsd-ops/statsd/spool"

	"github.com/statsd-ops/statsd/metric"
)

func (o *outlet) openSpool(cfg *Config) error {
	if cfg.SpoolDir == "" {
		return nil
	}
	s, err := spool.Open(spool.Config{
		Dir:        filepath.Join(cfg.SpoolDir, o.wanted.spoolName()),
		MaxBytes:   cfg.SpoolMaxBytes,
		FsyncEvery: cfg.SpoolFsync,
	})
	if err != nil {
		return metric.FlagErrorf("--spool-dir", nil, "%w", err)
	}
	o.spool = s
	o.stored = s.Stats()
	o.logFound()
	return nil
}

// spoolName is the directory of the sink's spool: that of another format is another one.
func (n NamedSink) spoolName() string {
	if n.Format == "" {
		return n.Name
	}
	return n.Name + "." + n.Format
}

// logForgotten says which spools there are whose sinks there are not.
func (s *Server) logForgotten() {
	entries, err := os.ReadDir(s.cfg.SpoolDir)
	if err != nil {
		return // what is wrong with it the outlets have said
	}
	for _, entry := range entries {
		dir := filepath.Join(s.cfg.SpoolDir, entry.Name())
		wanted := slices.ContainsFunc(s.cfg.Sinks, func(n NamedSink) bool { return n.spoolName() == entry.Name() })
		if bytes := spool.Bytes(dir); !wanted && bytes > 0 {
			s.log.Warn().Str("dir", dir).Int64("bytes", bytes).
				Msg("undelivered points wait in a spool that belongs to no sink: give one its name and format, or remove the directory")
		}
	}
}

// logFound says what the spool had in it at the start.
func (o *outlet) logFound() {
	st := o.stored
	if st.Fault != nil {
		o.log.Error().Err(st.Fault).Msg("the spool cannot be used: what is undelivered waits in memory only; trying again")
	}
	if st.Recovered > 0 {
		o.log.Warn().Uint64("points", st.Recovered).Msg("found undelivered points in the spool, sending them first")
	}
	if st.Missing > 0 || st.Damaged > 0 {
		o.log.Error().Uint64("points", st.Missing).Uint64("bytes", st.Damaged).Uint64("files", st.Quarantined).
			Msg("the spool is damaged: what could not be read was put aside")
	}
}

// spill moves the queue to the spool, the oldest first. What the disk does not
// take stays in memory.
func (o *outlet) spill() {
	if o.spool == nil {
		return
	}
	o.disk.Lock()
	defer o.disk.Unlock()
	for {
		o.mu.Lock()
		if len(o.queue) == 0 {
			o.mu.Unlock()
			return
		}
		p := o.queue[0]
		p.storing = true
		o.mu.Unlock()

		err := o.spool.Append(spool.Record{Payload: p.data, Points: p.points, Time: p.flush})

		o.mu.Lock()
		p.storing = false
		o.stored = o.spool.Stats()
		if err == nil {
			p.spooled = true
			o.remove(p)
		}
		o.noteFault(&o.writeError, "append to", err)
		o.changed.Broadcast()
		o.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// closeSpool lets go of the spool.
func (o *outlet) closeSpool() error {
	if o.spool == nil {
		return nil
	}
	o.disk.Lock()
	defer o.disk.Unlock()
	err := o.spool.Close()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stored = o.spool.Stats()
	return err
}

// noteFault keeps what the disk said last, and logs it when that is news. The
// caller holds mu.
func (o *outlet) noteFault(last *error, doing string, err error) {
	was := *last
	*last = err
	switch {
	case err != nil && was == nil:
		o.log.Error().Err(err).Msgf("cannot %s the spool: what is undelivered waits in memory only; trying again", doing)
	case err == nil && was != nil:
		o.log.Warn().Msgf("can %s the spool again", doing)
	}
}

// fromSpool returns the oldest payload on disk, nil when there is none or it
// cannot be read now.
func (o *outlet) fromSpool() (*payload, error) {
	o.mu.Lock()
	records := o.stored.Records
	o.mu.Unlock()
	if records == 0 {
		return nil, nil
	}
	r, err := o.spool.Next()
	empty := errors.Is(err, io.EOF)
	if empty {
		err = nil
	}
	o.noteDisk(err)
	if empty || err != nil {
		return nil, err
	}
	return &payload{data: r.Payload, points: r.Points, flush: r.Time, spooled: true}, nil
}

// noteDisk takes over what the spool says of itself, and what it said to a read.
func (o *outlet) noteDisk(err error) {
	o.disk.Lock()
	defer o.disk.Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stored = o.spool.Stats()
	o.noteFault(&o.readError, "read", err)
}

// leaveSpool takes a delivered payload out of the spool, unless it has left
// already to make room.
func (o *outlet) leaveSpool(p *payload) {
	o.disk.Lock()
	defer o.disk.Unlock()
	r, err := o.spool.Next()
	if err == nil && bytes.Equal(r.Payload, p.data) {
		err = o.spool.Advance()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stored = o.spool.Stats()
	if !errors.Is(err, spool.ErrClosed) {
		o.noteFault(&o.writeError, "advance", err)
	}
}
