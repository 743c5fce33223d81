package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/internal/safefile"
)

// ErrFull is returned by Log.Append if the log has reached its maximum size, or the disk has too little space left.
var ErrFull = errors.New("full")

// LogConfig configures a Log.
type LogConfig struct {
	// Dir is the directory of the log. Nothing else may use it; the caller must make sure that no
	// other process does. If the directory is missing, it is created with access for its owner only.
	Dir string
	// MaxBytes limits the total size of the segments on disk.
	MaxBytes int64
	// KeepFree is the number of bytes that must stay free on the disk. Append returns ErrFull if a
	// record would leave fewer.
	KeepFree int64
	// Next is the smallest number that the next record can get. A crash of the machine can lose the
	// newest records. If another program remembers the numbers of lost records, set Next to a higher
	// number, so that new records do not get these numbers.
	Next uint64
}

// Log is a log of records on disk. It differs from a Spool in two points: it can be read from any position, several
// times, and it refuses new records when it is full. Its records are numbered from 1. They keep their numbers when
// the log is opened again. A damaged record also keeps its number.
//
// After Append, a record survives the end of the process. After Sync, it also survives a crash of
// the machine. Trim marks records as no longer needed, and the next Sync removes them.
//
// All methods are safe for concurrent use.
type Log struct {
	cfg LogConfig

	mu       sync.Mutex
	segments []*logSegment // the oldest segment first; records are appended to the last segment
	writer   *os.File      // file of the last segment; nil if the next record begins a new segment
	buffer   []byte        // the record that is being written
	first    uint64        // number of the oldest record that was not trimmed
	next     uint64        // number of the next record
	bytes    int64         // size of all segments
	dirty    bool          // whether a sync is necessary
	closed   bool
	grown    chan struct{} // closed at the next Append; nil if no reader waits
}

// logSegment is one of the files that contain the records of a Log.
type logSegment struct {
	path  string
	first uint64 // number of the first record
	size  int64
}

// OpenLog opens the log in cfg.Dir, or creates it.
func OpenLog(cfg LogConfig) (*Log, error) {
	l := &Log{cfg: cfg}
	if err := l.load(); err != nil {
		return nil, l.fail("open", err)
	}
	return l, nil
}

func (l *Log) load() error {
	if err := safefile.Subdirectory(l.cfg.Dir); err != nil {
		return err
	}
	entries, err := os.ReadDir(l.cfg.Dir) // the entries are sorted by name, and so by number
	if err != nil {
		return err
	}
	for _, entry := range entries {
		digits, isSegment := strings.CutSuffix(entry.Name(), segmentSuffix)
		first, err := strconv.ParseUint(digits, 10, 64)
		if !isSegment || err != nil || first == 0 || !entry.Type().IsRegular() {
			continue
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		l.segments = append(l.segments, &logSegment{filepath.Join(l.cfg.Dir, entry.Name()), first, info.Size()})
		l.bytes += info.Size()
	}
	if l.next, err = l.end(); err != nil {
		return err
	}
	l.next = max(l.next, l.cfg.Next, 1)
	l.first = l.next
	if len(l.segments) > 0 {
		l.first = l.segments[0].first
	}
	return nil
}

// end returns the number after the newest record. It reads only the last segment. Damage in other
// segments is found by readers.
func (l *Log) end() (uint64, error) {
	if len(l.segments) == 0 {
		return 0, nil
	}
	last := l.segments[len(l.segments)-1]
	if last.size > largestSegment {
		return 0, fmt.Errorf("%s has %d bytes, but this program never writes such a large file: another program has changed the file", last.path, last.size)
	}
	data, err := safefile.ReadFile(last.path, largestSegment)
	if err != nil {
		return 0, err
	}
	end := last.first
	walk(data, func(h header) { end = max(end, h.end()) })
	return end, nil
}

// Append adds a record at the end of the log and returns the number of the record. It returns
// ErrFull if the log or the disk is full. If it returns an error, the log contains no part of the
// record. Append does not keep the payload.
func (l *Log) Append(payload []byte, at time.Time) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return 0, l.fail("append to", ErrClosed)
	}
	if len(payload) == 0 || len(payload) > MaxPayload {
		return 0, l.fail("append to", fmt.Errorf("a record of %d bytes cannot be stored: it must have 1 byte to 16 MiB", len(payload)))
	}
	number := l.next
	l.buffer = appendRecord(l.buffer[:0], number, Record{Payload: payload, Points: 1, Time: at.UnixNano()})
	if err := l.checkRoom(); err != nil {
		return 0, l.fail("append to", err)
	}
	if err := l.write(); isFull(err) {
		return 0, l.fail("append to", fmt.Errorf("%w: %w", ErrFull, err))
	} else if err != nil {
		return 0, l.fail("append to", err)
	}
	l.next++
	l.dirty = true
	l.wake()
	return number, nil
}

// checkRoom returns ErrFull if the record in the buffer does not fit.
func (l *Log) checkRoom() error {
	if l.bytes+int64(len(l.buffer)) > l.cfg.MaxBytes {
		return fmt.Errorf("%w: the log has %d of at most %d bytes", ErrFull, l.bytes, l.cfg.MaxBytes)
	}
	free, err := freeBytes(l.cfg.Dir)
	if err == nil && free < l.cfg.KeepFree+int64(len(l.buffer)) {
		return fmt.Errorf("%w: the disk has %d bytes left, and at least %d bytes must stay free", ErrFull, free, l.cfg.KeepFree)
	}
	return nil // an error means that the directory was removed; Append creates it again
}

// write writes the buffer to the last segment, or to a new one.
func (l *Log) write() error {
	if err := l.checkWriter(); err != nil {
		return err
	}
	if l.writer == nil {
		if err := l.begin(); err != nil {
			return err
		}
	}
	seg := l.segments[len(l.segments)-1]
	if _, err := l.writer.WriteAt(l.buffer, seg.size); err != nil {
		if l.writer.Truncate(seg.size) != nil {
			l.seal() // readers skip the partly written record
		}
		return err
	}
	seg.size += int64(len(l.buffer))
	l.bytes += int64(len(l.buffer))
	return nil
}

// checkWriter ends the last segment if the segment is large enough, or if another program has removed it.
func (l *Log) checkWriter() error {
	if l.writer == nil {
		return nil
	}
	seg := l.segments[len(l.segments)-1]
	there, err := isAt(l.writer, seg.path)
	if err != nil {
		return err
	}
	if !there || seg.size+int64(len(l.buffer)) > min(maxSegmentBytes, l.cfg.MaxBytes/segmentsAtLeast) && seg.size > 0 {
		l.seal()
	}
	return nil
}

// begin makes a new segment. A file with the same number can exist, but it contains no complete
// record and is overwritten.
func (l *Log) begin() error {
	if err := safefile.Subdirectory(l.cfg.Dir); err != nil {
		return err
	}
	path := filepath.Join(l.cfg.Dir, segmentName(l.next))
	file, err := safefile.Open(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	l.writer = file
	if n := len(l.segments); n > 0 && l.segments[n-1].first == l.next {
		l.bytes -= l.segments[n-1].size
		l.segments = l.segments[:n-1]
	}
	l.segments = append(l.segments, &logSegment{path: path, first: l.next})
	return nil
}

func (l *Log) seal() {
	_ = l.writer.Sync() // Log.Sync syncs only the last segment
	closeFile(&l.writer)
}

// Trim says that the records before the record with the given number are no longer needed.
func (l *Log) Trim(below uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if below = min(below, l.next); below > l.first {
		l.first = below
		l.dirty = true
	}
}

// Sync waits until all records are on disk. Then it removes the segments that contain only trimmed records. It always
// keeps the newest segment, because its name shows the next number after a restart.
func (l *Log) Sync() error {
	l.mu.Lock()
	writer, dirty, trimmed := l.writer, l.dirty, l.first
	l.dirty = false
	l.mu.Unlock()
	if !dirty {
		return nil
	}
	err := safefile.SyncDirectory(l.cfg.Dir)
	if writer != nil {
		if failed := writer.Sync(); failed != nil && !errors.Is(failed, os.ErrClosed) { // a closed file was already synced by seal
			err = errors.Join(failed, err)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		err = l.remove(trimmed)
	}
	l.dirty = l.dirty || err != nil
	return l.fail("sync", err)
}

// remove removes each segment that contains only records before the record with the given number.
func (l *Log) remove(below uint64) error {
	for len(l.segments) > 1 && l.segments[1].first <= below {
		if err := os.Remove(l.segments[0].path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		l.bytes -= l.segments[0].size
		l.segments = slices.Delete(l.segments, 0, 1)
	}
	return nil
}

// Close syncs and closes the log. Readers that wait for a record get ErrClosed.
func (l *Log) Close() error {
	err := l.Sync()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	closeFile(&l.writer)
	l.wake()
	return err
}

// wake wakes the readers that wait for a record.
func (l *Log) wake() {
	if l.grown != nil {
		close(l.grown)
		l.grown = nil
	}
}

func (l *Log) fail(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s log %s: %w", what, l.cfg.Dir, err)
}
