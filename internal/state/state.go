// Package state is the file in which the daemon keeps over a restart what its
// successor needs: the values of gauges, so that adjustments go on from them, and
// the times of flushes, so that no two have the same. Save writes such a file,
// Load reads it.
//
// # The format
//
// Lines of text:
//
//	statsd state 2
//	flushes 1795251850000000000 1795251860000000000
//	gauge 1795251852 1795251851123456789 -12.5 app.queue.length
//	end 1 9c1185a5
//
// The first names the format and its version. Then come spans
// of flush boundaries that have been given, from the first to the last of each, in
// Unix nanoseconds. Each gauge has the Unix second in
// which it was last seen, the Unix nanosecond in which it was last set (0 if not known), its value as the
// shortest decimal number that reads back as the same float64, and its name. The last line has the number of gauges, and the CRC-32C
// of all bytes before it. Version 1 does not say when gauges were set; Load reads it too.
package state

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"strconv"
)

const (
	head       = "statsd state 2\n"
	headBefore = "statsd state 1\n"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrDamaged is what Load returns for a file that does not have the format, or
// not the bytes that were written.
var ErrDamaged = errors.New("damaged")

// Gauge is the value of a gauge.
type Gauge struct {
	Name  []byte // without spaces and line ends
	Value float64
	Seen  int64 // in Unix seconds
	Set   int64 // when it was last set, in Unix nanoseconds; 0 if not known
}

// Encoder writes the format to buffers: a head, gauges, an end. Its zero value is
// for one file.
type Encoder struct {
	count int
	sum   uint32
}

// Span is flush boundaries, from the first to the last, in Unix nanoseconds.
type Span struct{ First, Last int64 }

// MostSpans is how many spans a file can have.
const MostSpans = 64

// AppendHead appends what a file begins with to dst.
func (e *Encoder) AppendHead(dst []byte, flushes []Span) []byte {
	from := len(dst)
	dst = append(dst, head...)
	for _, s := range flushes {
		dst = fmt.Appendf(dst, "flushes %d %d\n", s.First, s.Last)
	}
	e.sum = crc32.Update(e.sum, castagnoli, dst[from:])
	return dst
}

// AppendGauge appends a gauge.
func (e *Encoder) AppendGauge(dst []byte, g Gauge) []byte {
	from := len(dst)
	e.count++
	dst = strconv.AppendInt(append(dst, "gauge "...), g.Seen, 10)
	dst = strconv.AppendInt(append(dst, ' '), g.Set, 10)
	dst = strconv.AppendFloat(append(dst, ' '), g.Value, 'g', -1, 64)
	dst = append(append(append(dst, ' '), g.Name...), '\n')
	e.sum = crc32.Update(e.sum, castagnoli, dst[from:])
	return dst
}

// AppendEnd appends the end of the file.
func (e *Encoder) AppendEnd(dst []byte) []byte {
	return fmt.Appendf(dst, "end %d %08x\n", e.count, e.sum)
}

// Load returns the flush boundaries in the file at path, and calls take for each
// gauge; the name is borrowed. It does so only once it has
// found the whole file to be as it was written. The error names the file.
func Load(path string, take func(Gauge)) (flushes []Span, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if _, err := read(file, func(Gauge) {}); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return read(file, take)
}

// maxLine is more than a line with the longest name has.
const maxLine = 128 << 10

func read(r io.Reader, take func(Gauge)) (flushes []Span, err error) {
	lines := bufio.NewReaderSize(r, maxLine)
	var so Encoder
	for number := 1; ; number++ {
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("%w: it ends without its last line", ErrDamaged)
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("%w: line %d is too long", ErrDamaged, number)
		case err != nil:
			return nil, err
		}
		word, rest, _ := bytes.Cut(line[:len(line)-1], []byte{' '})
		var ok bool
		switch {
		case number == 1:
			ok = string(line) == head || string(line) == headBefore
		case string(word) == "flushes":
			var s Span
			s, ok = parseSpan(rest)
			flushes = append(flushes, s)
			ok = ok && so.count == 0 && len(flushes) <= MostSpans
		case string(word) == "gauge":
			var g Gauge
			if g, ok = parseGauge(rest); ok {
				take(g)
				so.count++
			}
		case string(word) == "end":
			return flushes, so.checkEnd(lines, line)
		}
		if !ok {
			return nil, fmt.Errorf("%w: line %d is %.40q", ErrDamaged, number, line)
		}
		so.sum = crc32.Update(so.sum, castagnoli, line)
	}
}

// checkEnd compares the last line with what stands before it.
func (e *Encoder) checkEnd(lines *bufio.Reader, line []byte) error {
	if want := e.AppendEnd(nil); !bytes.Equal(line, want) {
		return fmt.Errorf("%w: it ends with %.40q, but what stands before asks for %q", ErrDamaged, line, want)
	}
	if _, err := lines.ReadByte(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: it goes on after its last line", ErrDamaged)
	}
	return nil
}

func parseGauge(text []byte) (Gauge, bool) {
	seen, rest, _ := bytes.Cut(text, []byte{' '})
	set := []byte("0")
	if bytes.Count(rest, []byte{' '}) > 1 { // version 2
		set, rest, _ = bytes.Cut(rest, []byte{' '})
	}
	value, name, found := bytes.Cut(rest, []byte{' '})
	seenAt, errSeen := strconv.ParseInt(string(seen), 10, 64)
	setAt, errSet := strconv.ParseInt(string(set), 10, 64)
	v, errValue := strconv.ParseFloat(string(value), 64)
	ok := found && errSeen == nil && errSet == nil && errValue == nil && !math.IsNaN(v) && !math.IsInf(v, 0)
	return Gauge{Name: name, Value: v, Seen: seenAt, Set: setAt}, ok
}

func parseSpan(text []byte) (Span, bool) {
	first, last, _ := bytes.Cut(text, []byte{' '})
	from, errFrom := strconv.ParseInt(string(first), 10, 64)
	to, errTo := strconv.ParseInt(string(last), 10, 64)
	return Span{from, to}, errFrom == nil && errTo == nil && from <= to
}
