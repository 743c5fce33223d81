// Package spool is a queue of records on disk. It keeps undelivered points during an outage, a restart and a crash.
// Append adds a record, Next returns the oldest record, and Advance removes the record after its delivery:
//
//	s, err := spool.Open(spool.Config{Dir: "/var/spool/statsd/graphite"})
//	err = s.Append(spool.Record{Payload: payload, Points: 812, Time: now})
//	for {
//		r, err := s.Next() // io.EOF if the spool is empty
//		// ... send r.Payload; if that fails, Next returns r again ...
//		err = s.Advance()
//	}
//
// # Format on disk
//
// Records are appended to segments. A segment is a file whose name is the number of its first point. The header and the
// payload of a record each have a checksum. The file "position" stores the number of the first undelivered point. The
// file "lock" prevents a second process from using the directory. A segment is removed when all its records are
// delivered. When the spool reaches MaxBytes or the disk is full, the oldest segment is removed, and its undelivered
// points count as dropped.
//
// # Crashes and damage
//
// If the process is killed, the spool keeps every record that Append has accepted. At most one record, which was being
// sent, is sent again. A crash of the machine can lose the records that were appended in the last Config.FsyncEvery.
// Records that were delivered in that time may be sent again.
//
// If a file ends with an incomplete record, contains inverted bits, or is missing, only the records concerned are lost:
// the reader continues at the next intact record. All points are numbered, so the spool knows the exact number of
// missing points. A damaged segment is read and then moved to the folder "quarantine", which keeps the last few
// segments.
//
// Open succeeds even if the disk is full or the disk returns errors. If the disk returns an error to a later call of a
// method, the method returns the error, and its next call tries again. If another program removes a file of the spool,
// the points in this file count as lost. After ten consecutive read errors a segment is moved to the quarantine, and
// its points count as lost.
//
// # Why a new format
//
// The existing libraries nsqio/go-diskqueue, tidwall/wal 1.2.1 and joncrlsn/dque have no checksums, so an inverted bit
// results in a wrong value. None of them can drop the oldest records when a size is reached. After a single bad length
// field, go-diskqueue skips the rest of its file and dque stops. wal refuses to open a log with an incomplete record at
// its end.
package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/statsd-ops/statsd/internal/safefile"
)

// ErrInUse is returned if another process uses the directory.
var ErrInUse = errors.New("in use")

// ErrClosed is the error that all methods return after Close.
var ErrClosed = errors.New("closed")

// Spool is a queue of records on disk with a maximum size. Its methods are safe for concurrent use,
// except that only one goroutine may call Next and Advance.
type Spool struct {
	cfg       Config
	published atomic.Pointer[Stats]

	mu       sync.Mutex
	stats    Stats
	closed   bool
	lock     *os.File      // nil if the directory could not be opened
	position *positionFile // nil if the field lock is nil
	segments []*segment    // the oldest segment first
	trash    []string      // paths of files that could not be removed yet
	next     uint64        // number of the next point to append
	from     uint64        // number of the next point to read

	writer *os.File // file of the last segment; nil if the next record begins a new segment
	buffer []byte   // the record that is being written
	timer  *time.Timer
	dirty  bool // whether a sync is necessary

	reader *os.File // file of the first segment
	offset int64    // current offset in the file of the first segment
	held   *held    // the record that Next has returned and Advance has not removed yet
}

// held is the record that is being delivered. It stays in memory, so that it can be sent again even
// if its segment was dropped.
type held struct {
	Record
	end     uint64
	dropped bool // whether the record is no longer on disk
}

// Open opens the spool in cfg.Dir, or creates it. It returns an error if cfg is invalid, or
// ErrInUse if another process uses the directory. Other errors are reported in Stats.Fault, and the
// other methods try again to open the directory.
func Open(cfg Config) (*Spool, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Spool{cfg: cfg.withDefaults()}
	s.mu.Lock()
	defer s.unlock()
	if err := s.setup(); errors.Is(err, ErrInUse) {
		return nil, err
	}
	return s, nil
}

// Close syncs all records to disk, closes the files and unlocks the directory.
func (s *Spool) Close() error {
	s.mu.Lock()
	defer s.unlock()
	if s.closed {
		return s.fail("close", ErrClosed)
	}
	s.closed = true
	err := s.sync()
	if s.held != nil && s.held.dropped {
		s.stats.Dropped += uint64(s.held.Points)
		s.stats.Records--
		s.stats.Points -= s.held.Points
	}
	s.letGo()
	return s.fail("close", err)
}

// ready makes sure that the directory exists and is locked by this process.
func (s *Spool) ready() error {
	if s.closed {
		return ErrClosed
	}
	if s.lock != nil {
		same, err := isAt(s.lock, s.path("lock"))
		if err != nil || same {
			return err
		}
	}
	return s.setup()
}

// setup opens the directory for the first time, or again after it was removed. Records in the
// directory that the spool did not know count as recovered. Known records that are no longer there
// count as lost.
func (s *Spool) setup() error {
	s.letGo()
	known := s.stats
	if s.held != nil {
		known.Records--
		known.Points -= s.held.Points
	}
	s.segments = nil
	s.stats.Records -= known.Records
	s.stats.Points -= known.Points
	s.stats.Bytes = 0
	err := s.load()
	if err != nil {
		s.letGo()
		s.segments = nil
	}
	found := 0
	for _, seg := range s.segments {
		found += seg.points
		s.stats.Records += seg.records
		s.stats.Bytes += seg.size
	}
	s.stats.Points += found
	if found >= known.Points {
		s.stats.Recovered += uint64(found - known.Points)
	} else {
		s.stats.Lost += uint64(known.Points - found)
	}
	if s.held != nil {
		s.held.dropped = true // assume that the held record is no longer on disk
	}
	s.stats.Fault = s.fail("open", err)
	return s.stats.Fault
}

// load locks the directory, and reads which records it contains.
func (s *Spool) load() error {
	if err := safefile.Subdirectory(s.cfg.Dir); err != nil {
		return err
	}
	var err error
	var taken *safefile.InUseError
	if s.lock, err = safefile.Holding(s.path("lock")); errors.As(err, &taken) {
		return fmt.Errorf("%w: %w", ErrInUse, err)
	} else if err != nil {
		return err
	}
	if s.position, err = openPosition(s.path("position")); err != nil {
		return err
	}
	s.from = max(s.from, s.position.number)
	return s.scan()
}

// letGo closes all files. Closing the lock file also unlocks the directory.
func (s *Spool) letGo() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	s.dirty = false
	closeFile(&s.writer)
	closeFile(&s.reader)
	if s.position != nil {
		closeFile(&s.position.file)
		s.position = nil
	}
	closeFile(&s.lock)
}

// unlock publishes the stats and unlocks the mutex. Every method calls it at its end.
func (s *Spool) unlock() {
	stats := s.stats
	s.published.Store(&stats)
	s.mu.Unlock()
}

func (s *Spool) path(name string) string { return filepath.Join(s.cfg.Dir, name) }

func (s *Spool) fail(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s spool %s: %w", what, s.cfg.Dir, err)
}

// closeFile closes *f if it is open. It ignores errors of Close, because the content is already
// synced or no longer needed.
func closeFile(f **os.File) {
	if *f != nil {
		_ = (*f).Close()
		*f = nil
	}
}

// isAt reports whether the open file f is the file at path.
func isAt(f *os.File, path string) (bool, error) {
	there, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotDir) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	ours, err := f.Stat()
	return err == nil && os.SameFile(ours, there), err
}
