// Package state saves data of a daemon in a file, so that the daemon has the data after a restart. The file contains the
// values of gauges, because later samples can adjust these values. It also contains the times of past flushes, so that
// no flush time is used twice. Save writes the file, Load reads it, and Hold prevents a second daemon from using it.
//
// # The format
//
// A state file is a text file:
//
//	statsd state 2
//	flushes 1795251850000000000 1795251860000000000
//	gauge 1795251852 1795251851123456789 -12.5 app.queue.length
//	end 1 9c1185a5
//
// The first line names the format and its version. Each line "flushes" is a span of past flush times: the first and the
// last flush time, in Unix nanoseconds. Each line "gauge" has four fields:
//
//   - the time of the gauge's last sample, in Unix seconds;
//   - the time of the last sample that set the gauge to a value and did not only adjust it, in Unix nanoseconds, or 0
//     if this time is unknown;
//   - the value, as the shortest decimal number that is parsed as the same float64;
//   - the name.
//
// The line "end" has the number of gauges and the CRC-32C of all preceding bytes. Load also reads version 1 of the
// format, in which a line "gauge" does not have the second field.
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

	"github.com/statsd-ops/statsd/internal/safefile"
)

const (
	format     = "statsd state " // followed by the version
	head       = format + "2\n"
	headBefore = format + "1\n"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrDamaged is returned by Load if the file has an unknown format, or was changed after it was
// written.
var ErrDamaged = errors.New("damaged")

// ErrOther is returned by Load if the file is not a state file. The caller must not replace it.
var ErrOther = errors.New("not a state file")

// Gauge is the value of a gauge.
type Gauge struct {
	Name  []byte // contains no spaces or line ends
	Value float64
	Seen  int64 // time of the last sample, in Unix seconds
	Set   int64 // time of the last sample that set the value and did not only adjust it, in Unix nanoseconds; 0 if unknown
}

// Encoder encodes a state file into buffers: a head, gauges, and an end. Use a new Encoder for each
// file.
type Encoder struct {
	count int
	sum   uint32
}

// Span is a series of flush times, from First to Last, in Unix nanoseconds.
type Span struct{ First, Last int64 }

// MaxSpans is the maximum number of spans in a file.
const MaxSpans = 64

// AppendHead appends the first line and the lines of the flush times to dst.
func (e *Encoder) AppendHead(dst []byte, flushes []Span) []byte {
	from := len(dst)
	dst = append(dst, head...)
	for _, s := range flushes {
		dst = fmt.Appendf(dst, "flushes %d %d\n", s.First, s.Last)
	}
	e.sum = crc32.Update(e.sum, castagnoli, dst[from:])
	return dst
}

// AppendGauge appends the line of a gauge to dst.
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

// AppendEnd appends the last line to dst: the number of gauges and the checksum.
func (e *Encoder) AppendEnd(dst []byte) []byte {
	return fmt.Appendf(dst, "end %d %08x\n", e.count, e.sum)
}

// Load reads the file at path. It returns the spans of flush times, and calls the function take for
// each gauge. The name of a gauge is only valid during the call of take. Load checks the whole file
// before the first call. Errors name the file.
func Load(path string, take func(Gauge)) (flushes []Span, err error) {
	file, err := safefile.Open(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	begin := make([]byte, len(format))
	if n, err := file.ReadAt(begin, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	} else if !safefile.HasHead(begin[:n], format) {
		return nil, fmt.Errorf("read %s: %w", path, ErrOther)
	}
	if _, err := read(file, func(Gauge) {}); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return read(file, take)
}

// maxLine is longer than any valid line.
const maxLine = 128 << 10

func read(r io.Reader, take func(Gauge)) (flushes []Span, err error) {
	lines := bufio.NewReaderSize(r, maxLine)
	var so Encoder
	for number := 1; ; number++ {
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("%w: the last line is missing", ErrDamaged)
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
			ok = ok && so.count == 0 && len(flushes) <= MaxSpans
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
			return nil, fmt.Errorf("%w: line %d is not valid: %.40q", ErrDamaged, number, line)
		}
		so.sum = crc32.Update(so.sum, castagnoli, line)
	}
}

// checkEnd compares the last line with the number of gauges and the checksum of the preceding
// lines.
func (e *Encoder) checkEnd(lines *bufio.Reader, line []byte) error {
	if want := e.AppendEnd(nil); !bytes.Equal(line, want) {
		return fmt.Errorf("%w: the last line is %.40q, and must be %q", ErrDamaged, line, want)
	}
	if _, err := lines.ReadByte(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: the file continues after its end line", ErrDamaged)
	}
	return nil
}

func parseGauge(text []byte) (Gauge, bool) {
	seen, rest, _ := bytes.Cut(text, []byte{' '})
	set := []byte("0")
	if bytes.Count(rest, []byte{' '}) > 1 { // only version 2 has a third number
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
