package spool

import (
	"context"
	"hash/crc32"
	"os"
	"slices"
	"time"

	"github.com/statsd-ops/statsd/internal/safefile"
)

// LogReader reads the records of a Log in order. Only one goroutine may use it.
type LogReader struct {
	log    *Log
	next   uint64 // number of the next record that Next returns
	lost   uint64 // the records from the field next up to this number, without this number, cannot be read
	file   *os.File
	begins uint64 // number of the first record in file
	offset int64
	buffer []byte
}

// LogRecord is a record of a Log.
type LogRecord struct {
	Number uint64
	Time   time.Time // zero if the record is damaged
	// Payload is empty if the record is damaged. It is valid until the next call of LogReader.Next.
	Payload []byte
}

// maxLost limits how many missing records in a row a reader returns as damaged. It skips a larger
// gap, because only a file that another program has written can cause it.
const maxLost = 1 << 20

// Read returns a reader that begins at the record with this number. If the record no longer exists,
// the reader begins at the first record after it.
func (l *Log) Read(from uint64) *LogReader { return &LogReader{log: l, next: max(from, 1)} }

// Next returns the next record. If there is none, it waits until one is appended. It returns a
// damaged record without the payload.
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

// Close closes the segment file that the reader has open.
func (r *LogReader) Close() { closeFile(&r.file) }

// logPlace is the segment and the position of the next record.
type logPlace struct {
	logSegment
	end uint64 // one more than the number of the last record in the segment
}

// place finds the segment that contains the next record. If the next record does not exist yet,
// place returns a channel that is closed when the record exists.
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
	if i < 0 { // the file of this segment was removed
		return logPlace{end: end}, nil, nil
	}
	return logPlace{*l.segments[i], end}, nil, nil
}

// read searches for the next record in a segment, until it finds the record, or finds that the
// record is lost.
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

// lose notes that all records before a number are damaged or missing.
func (r *LogReader) lose(until uint64) {
	r.lost = until
	if until-r.next > maxLost {
		r.next = until
	}
}

// open opens the file of a segment, unless the reader has it open already. After a call, r.file is
// nil if the file cannot be opened.
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

// header reads the header at the current offset. It reports whether the header is intact and the
// segment contains the whole record.
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

// payload reads and checks a payload. It returns nil if the payload is damaged.
func (r *LogReader) payload(h header, start int64) []byte {
	r.buffer = slices.Grow(r.buffer[:0], h.size)[:h.size]
	if _, err := r.file.ReadAt(r.buffer, start); err != nil || crc32.Checksum(r.buffer, castagnoli) != h.sum {
		return nil
	}
	return r.buffer
}

// resync moves the offset to the next intact record. It reports whether there is one.
func (r *LogReader) resync(at logPlace) bool {
	if r.offset+1 >= at.size || at.size > largestSegment {
		return false
	}
	rest := make([]byte, at.size-r.offset-1)
	n, _ := r.file.ReadAt(rest, r.offset+1) // on an error, the records that cannot be read count as damaged
	gap := find(rest[:n])
	r.offset += int64(gap + 1)
	return gap >= 0
}

// LogState contains the record numbers and the size of a Log.
type LogState struct {
	First, Next     uint64 // number of the oldest record, and number of the next record to be appended
	Bytes, MaxBytes int64
}

// State returns the numbers of the records in the log, and the size of the log.
func (l *Log) State() LogState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return LogState{l.first, l.next, l.bytes, l.cfg.MaxBytes}
}
