package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/statsd-ops/statsd/internal/safefile"
)

// segment is one of the files that contain the records of a Spool.
type segment struct {
	path    string
	first   uint64 // number of the segment's first point
	size    int64  // size on disk
	records int    // number of records that were not read yet
	points  int    // number of points in the records that were not read yet
	damaged bool
	errors  int // number of consecutive read errors
}

const (
	segmentSuffix   = ".spool"
	quarantineDir   = "quarantine"
	quarantineFiles = 4
	// largestSegment is the maximum size of a segment, whatever MaxBytes is.
	largestSegment = maxSegmentBytes + headerSize + MaxPayload
)

func segmentName(first uint64) string { return fmt.Sprintf("%020d%s", first, segmentSuffix) }

// segmentBytes returns the limit for the size of a segment. A record that would exceed the limit
// begins a new segment.
func (s *Spool) segmentBytes() int64 {
	return min(maxSegmentBytes, s.cfg.MaxBytes/segmentsAtLeast)
}

// scan examines all segments, and removes the segments that are completely delivered.
func (s *Spool) scan() error {
	entries, err := os.ReadDir(s.cfg.Dir) // the entries are sorted by name, and so by number
	if err != nil {
		return err
	}
	expected := s.from
	for _, entry := range entries {
		digits, isSegment := strings.CutSuffix(entry.Name(), segmentSuffix)
		first, err := strconv.ParseUint(digits, 10, 64)
		if !isSegment || err != nil || !entry.Type().IsRegular() {
			continue
		}
		seg := &segment{path: s.path(entry.Name()), first: first}
		if err := s.examine(seg, &expected); isExhausted(err) {
			return err
		} else if err != nil {
			seg.damaged = true
			s.stats.Damaged += uint64(seg.size)
		}
		if seg.records == 0 {
			s.putAway(seg)
		} else {
			s.segments = append(s.segments, seg)
		}
	}
	s.from = max(s.from, 1)
	s.next = max(s.next, s.from, expected)
	if s.position.number == 0 && len(s.segments) == 0 {
		_ = s.position.advance(s.from) // save the position, so that a missing first segment is noticed later
	}
	return nil
}

// examine counts the undelivered records of a segment. *expected is the number that the first point
// of this segment should have. examine sets it to the number that the first point of the next
// segment should have.
func (s *Spool) examine(seg *segment, expected *uint64) error {
	file, err := safefile.Open(seg.path, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer closeFile(&file)
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if seg.size = info.Size(); seg.size > largestSegment {
		seg.damaged = true // this package has not written the file
		s.stats.Damaged += uint64(seg.size)
		return nil
	}
	data := make([]byte, seg.size)
	_, err = io.ReadFull(file, data)
	if err != nil {
		return err
	}
	skipped, tornTail := walk(data, func(h header) {
		if h.number < s.from {
			return // all points of this segment are delivered
		}
		if *expected == 0 { // no position was stored, so begin at the first record
			*expected = h.number
		}
		if h.number > *expected {
			s.stats.Missing += h.number - *expected
		}
		*expected = max(*expected, h.end())
		seg.records++
		seg.points += h.points
	})
	switch {
	case tornTail:
		s.stats.Torn++
	case skipped > 0:
		seg.damaged = true
		s.stats.Damaged += uint64(skipped)
	}
	return nil
}

// finish removes the first segment from the queue. Its unread points count as lost.
func (s *Spool) finish() {
	seg := s.leaveFirst()
	s.stats.Lost += uint64(seg.points)
	s.putAway(seg)
}

// drop frees disk space: it removes the first segment, and counts its unread points as dropped.
func (s *Spool) drop() {
	if s.held != nil {
		s.held.dropped = true
	}
	seg := s.leaveFirst()
	s.stats.Dropped += uint64(seg.points)
	s.from = s.next
	if len(s.segments) > 0 {
		s.from = s.segments[0].first
	}
	s.putAway(seg)
	_ = s.position.advance(s.from) // without a new position, a restart would count the dropped points as missing
}

// leaveFirst removes the first segment from the queue, and subtracts its unread records from the
// counts.
func (s *Spool) leaveFirst() *segment {
	seg := s.segments[0]
	s.segments = s.segments[1:]
	closeFile(&s.reader)
	s.offset = 0
	if len(s.segments) == 0 {
		closeFile(&s.writer)
	}
	s.stats.Records -= seg.records
	s.stats.Points -= seg.points
	s.stats.Bytes -= seg.size
	return seg
}

// putAway removes the file of a finished segment. A damaged file is moved aside instead.
func (s *Spool) putAway(seg *segment) {
	if seg.damaged && s.quarantine(seg.path) == nil {
		s.stats.Quarantined++
		return
	}
	s.trash = append(s.trash, seg.path)
	s.emptyTrash()
}

// emptyTrash removes the files of finished segments. A file that cannot be removed stays in the
// list, and the next call retries.
func (s *Spool) emptyTrash() {
	s.trash = slices.DeleteFunc(s.trash, func(path string) bool {
		err := os.Remove(path)
		return err == nil || errors.Is(err, fs.ErrNotExist)
	})
}

// quarantine moves a file to the quarantine folder, and removes the oldest files in that folder if
// there are too many.
func (s *Spool) quarantine(path string) error {
	dir := s.path(quarantineDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.Rename(path, filepath.Join(dir, filepath.Base(path))); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for len(entries) > quarantineFiles {
		if err := os.Remove(filepath.Join(dir, entries[0].Name())); err != nil {
			return err
		}
		entries = entries[1:]
	}
	return nil
}
