// Package spool keeps records on disk, first in, first out, until they are
// delivered: what a sink could not take in time survives an outage, a restart and
// a crash. Append adds a record, Next returns the oldest, and Advance says that it was
// delivered:
//
//	s, err := spool.Open(spool.Config{Dir: "/var/spool/statsd/graphite"})
//	err = s.Append(spool.Record{Payload: payload, Points: 812, Time: now})
//	for {
//		r, err := s.Next() // io.EOF: there is none
//		// ... send r.Payload; if that fails, Next returns r again ...
//		err = s.Advance()
//	}
//
// # What is on disk
//
// Records are appended to segments, files that are named after the number of their
// first point. Header and payload of a record have a checksum each. The file
// "position" has the number of the first point that was not delivered, the file
// "lock" keeps a second process out. A segment whose records are all delivered is
// removed; when MaxBytes would be exceeded, or the disk is full, the oldest
// segment is, and its undelivered points are counted as dropped.
//
// # What survives what
//
// A killed process loses nothing that Append returned nil for, and offers at most the
// one record again that it was sending. A crash of the machine loses at most the last
// Config.FsyncEvery, and can offer again what was delivered during it.
//
// Torn tails, flipped bits and missing files cost the records that they hit, and no
// others: the reader goes on at the next intact record. As all points are
// numbered, what is missing is known exactly. A segment with damage in it is moved
// to the folder "quarantine", which keeps the last few, once it was read.
//
// No state of the disk stops Open; errors of the disk are returned by what met
// them, and the next call tries again. Points in files that vanished are counted as
// lost, as are those in a segment that could not be read ten times in a row: it goes to
// the quarantine, so that it does not hold up the others.
//
// # Why a format of its own
//
// The libraries that were looked at (nsqio/go-diskqueue, tidwall/wal 1.2.1,
// joncrlsn/dque) have no checksums, so a flipped bit is delivered as a wrong value; none
// can drop the oldest by size. After one bad length go-diskqueue puts the rest of
// its file aside and dque gives up; a log with a torn tail is refused by wal as a whole.
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

// ErrInUse is returned while another process has the directory.
var ErrInUse = errors.New("in use")

// ErrClosed is returned by all methods after Close.
var ErrClosed = errors.New("closed")

// Spool is a bounded queue of records on disk. Its methods may be called from any
// goroutine, but Next and Advance belong to one.
type Spool struct {
	cfg       Config
	published atomic.Pointer[Stats]

	mu       sync.Mutex
	stats    Stats
	closed   bool
	lock     *os.File      // nil while the directory could not be opened
	position *positionFile // nil as long
	segments []*segment    // oldest first
	trash    []string      // files that could not be removed yet
	next     uint64        // number of the next appended point
	from     uint64        // number of the next point to read

	writer *os.File // of the last segment; nil: the next record begins one
	buffer []byte   // the record that is written
	timer  *time.Timer
	dirty  bool // there is something to sync

	reader *os.File // of the first segment
	offset int64    // in reader
	held   *held    // what Next returned and Advance has not
}

// held is the record that is being delivered. It stays in memory, so that it can be
// offered again even if its segment was dropped meanwhile.
type held struct {
	Record
	end     uint64
	dropped bool // it is no longer on disk
}

// Open opens the spool in cfg.Dir, or makes one. It returns an error for a
// wrong cfg and, as ErrInUse, when another process has the directory. Whatever else
// is wrong is in Stats, and tried again by the other methods.
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

// Close writes everything to disk and lets go of the directory.
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

// ready makes sure that the directory is there and ours.
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

// setup takes the directory in hand: for the first time, or again after it
// vanished. What it finds there beyond what was known is recovered, what it does
// not find is lost.
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
		s.held.dropped = true // for all we know
	}
	s.stats.Fault = s.fail("open", err)
	return s.stats.Fault
}

// load locks the directory and reads what is in it.
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

// letGo closes all files, and so gives up the lock.
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

// unlock publishes the figures and ends a method.
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

// closeFile closes *f if it is open. What was written is either synced already or
// of no use any more, so an error of the close says nothing.
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
