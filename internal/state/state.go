// Package state is the file in which the daemon keeps the values of gauges over a
// restart, so that adjustments go on from them. Save writes one, Load reads it.
//
// # The format
//
// Lines of text:
//
//	statsd state 1
//	gauge 1795251852 -12.5 app.queue.length
//	end 1 9c1185a5
//
// The first names the format and its version. Each gauge has the Unix second in
// which it was last seen, its value as the shortest decimal number that reads back as the same
// float64, and its name. The last line has the number of gauges, and the CRC-32C
// of all bytes before it.
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

const head = "statsd state 1\n"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrDamaged is what Load returns for a file that does not have the format, or
// not the bytes that were written.
var ErrDamaged = errors.New("damaged")

// Gauge is the value of a gauge.
type Gauge struct {
	Name  []byte // without spaces and line ends
	Value float64
	Seen  int64 // in Unix seconds
}

// Encoder writes the format to buffers. Its zero value is for one file.
type Encoder struct {
	count int
	sum   uint32
}

// AppendGauge appends a gauge to dst; before the first, what a file begins with.
func (e *Encoder) AppendGauge(dst []byte, g Gauge) []byte {
	from := len(dst)
	if e.count == 0 {
		dst = append(dst, head...)
	}
	e.count++
	dst = strconv.AppendInt(append(dst, "gauge "...), g.Seen, 10)
	dst = strconv.AppendFloat(append(dst, ' '), g.Value, 'g', -1, 64)
	dst = append(append(append(dst, ' '), g.Name...), '\n')
	e.sum = crc32.Update(e.sum, castagnoli, dst[from:])
	return dst
}

// AppendEnd appends the end of the file.
func (e *Encoder) AppendEnd(dst []byte) []byte {
	if e.count == 0 {
		dst = append(dst, head...)
		e.sum = crc32.Update(0, castagnoli, []byte(head))
	}
	return fmt.Appendf(dst, "end %d %08x\n", e.count, e.sum)
}

// Load calls take for each gauge in the file at path; the name is borrowed. It
// does so only once it has found the whole file to be as it was written. The error
// names the file.
func Load(path string, take func(Gauge)) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := read(file, func(Gauge) {}); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return read(file, take)
}

// maxLine is more than a line with the longest name has.
const maxLine = 128 << 10

func read(r io.Reader, take func(Gauge)) error {
	lines := bufio.NewReaderSize(r, maxLine)
	sum, number := uint32(0), 0
	for {
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF):
			return fmt.Errorf("%w: it ends without its last line", ErrDamaged)
		case errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("%w: line %d is too long", ErrDamaged, number+1)
		case err != nil:
			return err
		}
		kind, rest, _ := bytes.Cut(line[:len(line)-1], []byte{' '})
		switch {
		case number == 0:
			if string(line) != head {
				return fmt.Errorf("%w: it begins with %.40q, not with %q", ErrDamaged, line, head)
			}
		case string(kind) == "end":
			return checkEnd(lines, line, Encoder{number - 1, sum})
		default:
			g, ok := parse(rest)
			if !ok || string(kind) != "gauge" {
				return fmt.Errorf("%w: line %d is no gauge", ErrDamaged, number+1)
			}
			take(g)
		}
		sum = crc32.Update(sum, castagnoli, line)
		number++
	}
}

func checkEnd(lines *bufio.Reader, line []byte, e Encoder) error {
	if want := fmt.Sprintf("end %d %08x\n", e.count, e.sum); string(line) != want {
		return fmt.Errorf("%w: it ends with %.40q, but what stands before asks for %q", ErrDamaged, line, want)
	}
	if _, err := lines.ReadByte(); err != io.EOF {
		return fmt.Errorf("%w: it goes on after its last line", ErrDamaged)
	}
	return nil
}

func parse(text []byte) (Gauge, bool) {
	seen, rest, _ := bytes.Cut(text, []byte{' '})
	value, name, found := bytes.Cut(rest, []byte{' '})
	at, errSeen := strconv.ParseInt(string(seen), 10, 64)
	v, errValue := strconv.ParseFloat(string(value), 64)
	ok := found && errSeen == nil && errValue == nil && !math.IsNaN(v) && !math.IsInf(v, 0)
	return Gauge{name, v, at}, ok
}
