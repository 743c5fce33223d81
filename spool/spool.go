// Package spool is a queue of records on disk, so that undelivered points survive an outage, a
// restart and a crash. Append adds a record, Next returns the oldest, and Advance removes it
// after its delivery:
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
// Records are appended to segments. A segment is a file named after the number of its first point.
// The header and the payload of a record have a checksum each. The file "position" holds the number of the first
// undelivered point; the file "lock" keeps a second process out. A segment is removed when all its records are
// delivered. If MaxBytes would be exceeded, or the disk is full, the oldest segment is removed, and its undelivered
// points count as dropped.
//
// # Crashes and damage
//
// If the process is killed, every record that Append accepted is kept, and at most the record
// that was being sent is sent again. A crash of the machine loses at most the records of the
// last Config.FsyncEvery; records delivered in that time may be sent again.
//
// Torn tails, flipped bits and missing files only lose the damaged records: the reader continues at
// the next intact record. All points are numbered, so that the number of
// missing points is exact. A damaged segment is moved to the folder "quarantine" after reading;
// the folder keeps the last few.
//
// Open succeeds in any state of the disk. A method returns the disk errors it meets, and the next
// call tries again. Points in vanished files count as lost. After ten consecutive errors a segment is
// moved to the quarantine, and its points count as lost.
//
// # Why a new format
//
// Existing libraries (nsqio/go-diskqueue, tidwall/wal 1.2.1, joncrlsn/dque) have no checksums, so
// that a flipped bit becomes a wrong value, and none can drop the oldest records by size. After
// one bad length go-diskqueue skips the rest of its file and dque stops; wal refuses a whole log
// with a torn tail.
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

// ErrInUse is returned when another process uses the directory.
var ErrInUse = errors.New("in use")

// ErrClosed is the error that all methods return after Close.
var ErrClosed = errors.New("closed")

// Spool is a bounded queue of records on disk. Its methods may be called from any goroutine, but
// Next and Advance from one only.
type Spool struct {
	cfg       Config
	published atomic.Pointer[Stats]

	mu       sync.Mutex
	stats    Stats
	closed   bool
	lock     *os.File      // nil while the directory could not be opened
	position *positionFile // nil while lock is nil
	segments []*segment    // oldest first
	trash    []string      // files that could not be removed yet
	next     uint64        // number of the next appended point
	from     uint64        // number of the next point to read

	writer *os.File // the file of the last segment; nil if the next record begins a new one
	buffer []byte   // the record being written
	timer  *time.Timer
	dirty  bool // something must be synced

	reader *os.File // of the first segment
	offset int64    // in reader
	held   *held    // returned by Next, not yet removed by Advance
}

// held is the record being delivered. It stays in memory and can be sent again even if its segment
// was dropped.
type held struct {
	Record
	end     uint64
	dropped bool // it is no longer on disk
}

// Open opens the spool in cfg.Dir or creates it. It returns an error if cfg is wrong, or ErrInUse
// if another process uses the directory. Other errors are in Stats; the other methods retry.
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

// Close writes everything to disk and unlocks the directory.
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

// ready makes sure that the directory exists and is locked.
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

// setup opens the directory for the first time, or again after it vanished. Records in the directory that were not
// known count as recovered. Known records that are gone count as lost.
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
		s.held.dropped = true // the worst case
	}
	s.stats.Fault = s.fail("open", err)
	return s.stats.Fault
}

// load locks the directory and reads its content.
func (s *Spool) load() error {
	if err := safefile.Directory(s.cfg.Dir); err != nil {
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

// letGo closes all files, which releases the lock.
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

// unlock publishes the stats and unlocks the spool. Every method ends with it.
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

// closeFile closes *f if it is open. An error of Close does not matter: the content is already synced or no longer
// needed.
func closeFile(f **os.File) {
	if *f != nil {
		_ = (*f).Close()
		*f = nil
	}
}

// isAt reports whether f is the file at path.
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
