package spool

import (
	"context"
	"hash/crc32"
	"os"
	"slices"
	"time"

	"github.com/statsd-ops/statsd/internal/safefile"
)

// LogReader reads a Log in order. One goroutine uses it.
type LogReader struct {
	log    *Log
	next   uint64 // number of the next record to return
	lost   uint64 // the records before this number cannot be read
	file   *os.File
	begins uint64 // number of the first record of file
	offset int64
	buffer []byte
}

// LogRecord is a record of a Log.
type LogRecord struct {
	Number uint64
	Time   time.Time // zero if it is damaged
	// Payload is empty if the record is damaged. It is valid until the next call of Next.
	Payload []byte
}

// maxLost bounds how many missing records a reader returns in a row as damaged. It skips a wider gap: only a file of
// another program can make one.
const maxLost = 1 << 20

// Read returns a reader that begins at the record with a number, or at the first existing record after it.
func (l *Log) Read(from uint64) *LogReader { return &LogReader{log: l, next: max(from, 1)} }

// Next waits for the next record. It returns a damaged record without its payload.
func (r *LogReader) Next(ctx context.Context) (LogRecord, error) {
	for {
		place, wait, err := r.place()
		if err != nil {
			return LogRecord{}, err
		}
		if wait != nil {
			select {
			case <-ctx.Done():
				return LogRecord{}, ctx.Err()
			case <-wait:
			}
			continue
		}
		if r.next < r.lost {
			r.next++
			return LogRecord{Number: r.next - 1}, nil
		}
		record, found, err := r.read(place)
		if err != nil || found {
			return record, err
		}
	}
}

// Close closes the file that is being read.
func (r *LogReader) Close() { closeFile(&r.file) }

// logPlace is the position of the next record.
type logPlace struct {
	logSegment
	end uint64 // number after the last record of the segment
}

// place finds the segment of the next record. If the record does not exist yet, it returns a channel to wait for.
func (r *LogReader) place() (logPlace, <-chan struct{}, error) {
	l := r.log
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return logPlace{}, nil, l.fail("read", ErrClosed)
	}
	r.next = max(r.next, l.first)
	if r.next >= l.next {
		if l.grown == nil {
			l.grown = make(chan struct{})
		}
		return logPlace{}, l.grown, nil
	}
	if r.next < r.lost {
		return logPlace{}, nil, nil
	}
	i, found := slices.BinarySearchFunc(l.segments, r.next, func(s *logSegment, n uint64) int {
		return int(min(max(int64(s.first-n), -1), 1))
	})
	if !found {
		i--
	}
	end := l.next
	if i+1 < len(l.segments) {
		end = l.segments[i+1].first
	}
	if i < 0 { // its file is gone
		return logPlace{end: end}, nil, nil
	}
	return logPlace{*l.segments[i], end}, nil, nil
}

// read reads on in a segment until it finds the next record, or knows that it is lost.
func (r *LogReader) read(at logPlace) (LogRecord, bool, error) {
	if err := r.open(at); err != nil {
		return LogRecord{}, false, err
	}
	for r.file != nil {
		h, ok := r.header(at)
		if !ok && !r.resync(at) {
			break
		}
		if !ok {
			continue
		}
		if h.number > r.next {
			r.lose(min(h.number, at.end))
			return LogRecord{}, false, nil
		}
		start := r.offset + headerSize
		r.offset = start + int64(h.size)
		if h.number < r.next {
			continue
		}
		r.next++
		return LogRecord{h.number, time.Unix(0, h.time), r.payload(h, start)}, true, nil
	}
	r.lose(at.end)
	return LogRecord{}, false, nil
}

// lose gives up the records before a number, which are damaged or missing.
func (r *LogReader) lose(until uint64) {
	r.lost = until
	if until-r.next > maxLost {
		r.next = until
	}
}

// open opens the file of a segment, unless it is open. It leaves no file open if the file cannot be read.
func (r *LogReader) open(at logPlace) error {
	if r.file != nil && r.begins == at.first {
		return nil
	}
	closeFile(&r.file)
	if at.path == "" {
		return nil
	}
	file, err := safefile.Open(at.path, os.O_RDONLY, 0)
	if isExhausted(err) {
		return err
	}
	if err == nil {
		r.file, r.begins, r.offset = file, at.first, 0
	}
	return nil
}

// header reads the header at the offset, and reports whether it is intact and its record whole.
func (r *LogReader) header(at logPlace) (header, bool) {
	var b [headerSize]byte
	if r.offset+headerSize > at.size {
		return header{}, false
	}
	if _, err := r.file.ReadAt(b[:], r.offset); err != nil {
		return header{}, false
	}
	h, ok := parseHeader(b[:])
	return h, ok && r.offset+headerSize+int64(h.size) <= at.size
}

// payload reads a payload. It returns nothing if the payload is damaged.
func (r *LogReader) payload(h header, start int64) []byte {
	r.buffer = slices.Grow(r.buffer[:0], h.size)[:h.size]
	if _, err := r.file.ReadAt(r.buffer, start); err != nil || crc32.Checksum(r.buffer, castagnoli) != h.sum {
		return nil
	}
	return r.buffer
}

// resync moves the offset to the next intact record, and reports whether there is one.
func (r *LogReader) resync(at logPlace) bool {
	if r.offset+1 >= at.size || at.size > largestSegment {
		return false
	}
	rest := make([]byte, at.size-r.offset-1)
	n, _ := r.file.ReadAt(rest, r.offset+1) // records that cannot be read count as damaged
	gap := find(rest[:n])
	r.offset += int64(gap + 1)
	return gap >= 0
}

// LogState describes the content of a Log.
type LogState struct {
	First, Next     uint64 // numbers of the oldest record, and of the next one to be appended
	Bytes, MaxBytes int64
}

// State returns the state of the log.
func (l *Log) State() LogState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return LogState{l.first, l.next, l.bytes, l.cfg.MaxBytes}
}
