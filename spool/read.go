package spool

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"

	"github.com/statsd-ops/statsd/internal/safefile"
)

// Next returns the oldest record. It returns the same record until Advance is called. If the spool
// is empty, it returns io.EOF itself, not wrapped in another error. The spool owns the payload. The
// payload is valid until Advance is called.
func (s *Spool) Next() (Record, error) {
	s.mu.Lock()
	defer s.unlock()
	if s.closed {
		return Record{}, s.fail("read", ErrClosed)
	}
	if s.held == nil {
		if err := s.ready(); err != nil {
			return Record{}, s.fail("read", err)
		}
		if err := s.read(); errors.Is(err, io.EOF) {
			return Record{}, io.EOF
		} else if err != nil {
			return Record{}, s.fail("read", err)
		}
	}
	return s.held.Record, nil
}

// Advance removes the record that Next returned, after its delivery. If it returns an error, the
// spool still continues with the next record, but after a restart the removed record may be
// returned again.
func (s *Spool) Advance() error {
	s.mu.Lock()
	defer s.unlock()
	if s.closed {
		return s.fail("advance", ErrClosed)
	}
	if s.held == nil {
		return s.fail("advance", errors.New("no record was returned by Next"))
	}
	s.stats.Advanced += uint64(s.held.Points)
	s.stats.Records--
	s.stats.Points -= s.held.Points
	end := s.held.end
	s.held = nil
	if s.position == nil {
		return s.fail("advance", s.stats.Fault)
	}
	err := s.position.advance(end)
	s.syncSoon()
	if len(s.segments) > 0 && s.segments[0].records == 0 {
		s.finish()
	}
	return s.fail("advance", err)
}

// readsBeforeGivingUp is the number of consecutive read errors after which a segment is treated as
// damaged.
const readsBeforeGivingUp = 10

// read reads the oldest record and stores it in s.held.
func (s *Spool) read() error {
	for len(s.segments) > 0 {
		seg := s.segments[0]
		err := s.readFrom(seg)
		switch {
		case err == nil:
			seg.errors = 0
			return nil
		case errors.Is(err, io.EOF): // the end of the segment; if records are missing there, their points count as lost
			s.finish()
		case errors.Is(err, fs.ErrNotExist):
			s.finish()
		case seg.errors < readsBeforeGivingUp:
			seg.errors++
			return err
		default:
			seg.damaged = true
			s.finish()
		}
	}
	return io.EOF
}

// readFrom reads the next record of the first segment and stores it in s.held.
func (s *Spool) readFrom(seg *segment) error {
	if seg.records == 0 {
		return io.EOF
	}
	if s.reader == nil {
		file, err := safefile.Open(seg.path, os.O_RDONLY, 0)
		if err != nil {
			return err
		}
		s.reader, s.offset = file, 0
	}
	for {
		h, payload, err := s.readRecord(seg)
		if errors.Is(err, errDamaged) {
			err = s.resync(seg)
			if err == nil {
				continue
			}
		}
		if err != nil {
			return err
		}
		s.offset += headerSize + int64(h.size)
		if h.number < s.from {
			continue // the record was delivered by an earlier process
		}
		s.from = h.end()
		seg.records--
		seg.points -= h.points
		s.held = &held{Record: Record{Payload: payload, Points: h.points, Time: h.time}, end: h.end()}
		return nil
	}
}

var errDamaged = errors.New("damaged record")

// readRecord reads the record at the current offset in the first segment.
func (s *Spool) readRecord(seg *segment) (header, []byte, error) {
	if s.offset >= seg.size {
		return header{}, nil, io.EOF
	}
	var b [headerSize]byte
	if err := s.readAt(b[:], s.offset); err != nil {
		return header{}, nil, err
	}
	h, ok := parseHeader(b[:])
	if !ok || s.offset+headerSize+int64(h.size) > seg.size {
		return header{}, nil, errDamaged
	}
	payload := make([]byte, h.size)
	if err := s.readAt(payload, s.offset+headerSize); err != nil {
		return header{}, nil, err
	}
	if crc32.Checksum(payload, castagnoli) != h.sum {
		return header{}, nil, errDamaged
	}
	return h, payload, nil
}

func (s *Spool) readAt(b []byte, offset int64) error {
	_, err := s.reader.ReadAt(b, offset)
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: the file is shorter than expected", errDamaged)
	}
	return err
}

// resync moves the offset to the next intact record. It returns io.EOF if there is none.
func (s *Spool) resync(seg *segment) error {
	seg.damaged = true
	rest := make([]byte, seg.size-s.offset-1)
	n, err := s.reader.ReadAt(rest, s.offset+1)
	if err != nil && err != io.EOF {
		return err
	}
	gap := find(rest[:n])
	if gap < 0 {
		s.stats.Damaged += uint64(seg.size - s.offset)
		return io.EOF
	}
	s.stats.Damaged += uint64(gap + 1)
	s.offset += int64(gap + 1)
	return nil
}
