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

// segment is a file of records.
type segment struct {
	path    string
	first   uint64 // number of its first point
	size    int64  // on disk
	records int    // not yet read
	points  int    // points in these records
	damaged bool
	errors  int // consecutive read errors
}

const (
	segmentSuffix   = ".spool"
	quarantineDir   = "quarantine"
	quarantineFiles = 4
	// No segment is larger, for any MaxBytes.
	largestSegment = maxSegmentBytes + headerSize + MaxPayload
)

func segmentName(first uint64) string { return fmt.Sprintf("%020d%s", first, segmentSuffix) }

// segmentBytes is the size at which a new segment begins.
func (s *Spool) segmentBytes() int64 {
	return min(maxSegmentBytes, s.cfg.MaxBytes/segmentsAtLeast)
}

// scan reads all segments, and removes the finished ones.
func (s *Spool) scan() error {
	entries, err := os.ReadDir(s.cfg.Dir) // sorted by name, so by number
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
		_ = s.position.advance(s.from) // detects a missing first segment
	}
	return nil
}

// examine counts the undelivered records of a segment. *expected is the number of the first point after the earlier
// segments. examine sets it to the number after this segment.
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
		seg.damaged = true // this package did not write it
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
			return // delivered
		}
		if *expected == 0 { // no position was stored: begin at the first record
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

// finish ends the first segment. Its unread points are lost.
func (s *Spool) finish() {
	seg := s.leaveFirst()
	s.stats.Lost += uint64(seg.points)
	s.putAway(seg)
}

// drop makes room: it ends the first segment and drops its unread points.
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
	_ = s.position.advance(s.from) // otherwise a restart would count them as missing
}

// leaveFirst removes the first segment from the queue, and its unread records from the counts.
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

// putAway removes the file of a finished segment, or moves it aside if it is damaged.
func (s *Spool) putAway(seg *segment) {
	if seg.damaged && s.quarantine(seg.path) == nil {
		s.stats.Quarantined++
		return
	}
	s.trash = append(s.trash, seg.path)
	s.emptyTrash()
}

// emptyTrash removes finished files. Files that cannot be removed stay in the list for the next call.
func (s *Spool) emptyTrash() {
	s.trash = slices.DeleteFunc(s.trash, func(path string) bool {
		err := os.Remove(path)
		return err == nil || errors.Is(err, fs.ErrNotExist)
	})
}

// quarantine moves the file at path aside, and removes the oldest files there if they are too
// many.
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
