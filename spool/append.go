package spool

import (
	"cmp"
	"fmt"
	"os"
	"time"

	"github.com/statsd-ops/statsd/internal/safefile"
)

// Append adds r at the end of the spool. If the spool or the disk is full, Append drops the oldest
// segment. If it returns an error, the spool contains no part of r. Append does not keep r.Payload.
func (s *Spool) Append(r Record) error {
	s.mu.Lock()
	defer s.unlock()
	if len(r.Payload) == 0 || len(r.Payload) > MaxPayload || r.Points < 1 || int64(r.Points) > 1<<32-1 {
		return s.fail("append to", fmt.Errorf("a record of %d bytes and %d points cannot be stored: it must have 1 byte to 16 MiB, and at least 1 point", len(r.Payload), r.Points))
	}
	if err := s.append(r); err != nil {
		return s.fail("append to", err)
	}
	s.next += uint64(r.Points)
	s.stats.Appended += uint64(r.Points)
	return nil
}

func (s *Spool) append(r Record) error {
	if err := s.ready(); err != nil {
		return err
	}
	if err := s.checkWriter(); err != nil {
		return err
	}
	s.buffer = appendRecord(s.buffer[:0], s.next, r)
	if int64(len(s.buffer)) > s.cfg.MaxBytes {
		return fmt.Errorf("a record of %d bytes is larger than --spool-max-bytes", len(s.buffer))
	}
	for s.stats.Bytes+int64(len(s.buffer)) > s.cfg.MaxBytes && len(s.segments) > 0 {
		s.drop()
	}
	err := s.write(r.Points)
	if isFull(err) && len(s.segments) > 0 {
		s.drop()
		err = s.write(r.Points)
	}
	return err
}

// checkWriter checks that the file of the current segment still exists. If another program has
// removed the file, checkWriter opens the directory again (see setup).
func (s *Spool) checkWriter() error {
	if s.writer == nil {
		return nil
	}
	last := s.segments[len(s.segments)-1]
	if there, err := isAt(s.writer, last.path); err != nil || there {
		return err
	}
	return s.setup()
}

// write writes the buffer to the last segment or to a new one. The buffer contains one record. The
// parameter points is the number of points in this record.
func (s *Spool) write(points int) error {
	if s.writer != nil && s.segments[len(s.segments)-1].size+int64(len(s.buffer)) > s.segmentBytes() {
		s.seal()
	}
	if s.writer == nil {
		if err := s.begin(); err != nil {
			return err
		}
	}
	seg := s.segments[len(s.segments)-1]
	if _, err := s.writer.WriteAt(s.buffer, seg.size); err != nil {
		s.cut(seg)
		return err
	}
	seg.size += int64(len(s.buffer))
	seg.records++
	seg.points += points
	s.stats.Bytes += int64(len(s.buffer))
	s.stats.Records++
	s.stats.Points += points
	s.syncSoon()
	return nil
}

// begin makes a new segment and opens it for writing.
func (s *Spool) begin() error {
	s.emptyTrash()
	path := s.path(segmentName(s.next))
	file, err := safefile.Open(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	s.writer = file
	s.segments = append(s.segments, &segment{path: path, first: s.next})
	return nil
}

// seal ends the current segment, so that the next record begins a new segment.
func (s *Spool) seal() {
	if err := s.writer.Sync(); err != nil {
		s.stats.SyncErrors++
	}
	closeFile(&s.writer)
}

// cut removes a partly written record and seals the segment. If the record cannot be removed,
// readers skip it.
func (s *Spool) cut(seg *segment) {
	if seg.size == 0 { // the segment contains no other record
		closeFile(&s.writer)
		s.segments = s.segments[:len(s.segments)-1]
		s.putAway(seg)
		return
	}
	_ = s.writer.Truncate(seg.size)
	s.seal()
}

// syncSoon schedules a sync after FsyncEvery, unless a sync is already scheduled.
func (s *Spool) syncSoon() {
	if s.dirty {
		return
	}
	s.dirty = true
	s.timer = time.AfterFunc(s.cfg.FsyncEvery, func() {
		s.mu.Lock()
		defer s.unlock()
		_ = s.sync() // the error is counted in SyncErrors
	})
}

// sync waits until all records are on disk, and not only in the kernel's memory.
func (s *Spool) sync() error {
	if !s.dirty {
		return nil
	}
	s.dirty = false
	err := cmp.Or(s.position.save(), s.position.file.Sync(), safefile.SyncDirectory(s.cfg.Dir))
	if s.writer != nil {
		err = cmp.Or(s.writer.Sync(), err)
	}
	if err != nil {
		s.stats.SyncErrors++
	}
	return err
}
