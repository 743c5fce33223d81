// Package stdout is a sink that writes points to the standard output, one per line, in the format of carbon's line
// receiver:
//
//	stats.web.requests 3.2 1795251862
//
// The output is for people and for pipes to other programs. New makes a Sink from a Config. The daemon's outlet calls
// AppendPoint and Send.
//
// # Pipes
//
// A write to a full pipe blocks until the pipe is read. To avoid this, Send writes only as many bytes as fit into the
// pipe. It returns after its timeout, or when its context ends. The next Send of the same payload writes the remaining
// bytes. A line of up to 512 bytes is written in one piece: another process that writes to the same pipe, such as a log,
// cannot write into the middle of a line.
//
// Send returns an error for a closed pipe. The Go runtime kills a process that writes to a closed pipe on its standard
// output. The daemon avoids this by handling SIGPIPE with signal.Notify.
package stdout

import (
	"bytes"
	"context"
	"fmt"
	"hash/maphash"
	"os"
	"time"

	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink"
)

var _ sink.PointSink = (*Sink)(nil)

// Config configures the prefix and the time limit.
type Config struct {
	// Prefix is added before every path, with a dot between them. Empty means no prefix.
	Prefix string

	// Timeout limits each Send. Zero means 10 s. After a timeout Send returns an error, and the next Send of the
	// same payload continues. With a shorter Timeout, a stopped reader is reported sooner, and nothing else changes.
	Timeout time.Duration
}

const defaultTimeout = 10 * time.Second

// atOnce is the size of one write. A pipe with enough room accepts this number of bytes in one piece (POSIX's
// PIPE_BUF).
const atOnce = 512

var errStandsStill = fmt.Errorf("no program reads the output: %w", os.ErrDeadlineExceeded)

// Validate returns an error that begins with the name of the setting, as in the sink's URL: prefix or timeout.
func (c Config) Validate() error {
	if err := sink.CheckPrefix(c.Prefix); err != nil {
		return metric.FlagErrorf("prefix", nil, "%w", err)
	}
	if c.Timeout < 0 {
		return metric.FlagErrorf("timeout", nil, "%v is negative", c.Timeout)
	}
	return nil
}

// Sink writes points to the standard output.
type Sink struct {
	cfg   Config
	lines sink.Lines
	out   *os.File
	seed  maphash.Seed

	unfinished uint64 // checksum of the payload that Send has not completely written
	written    int    // number of written bytes of the unfinished payload
	torn       bool   // the last write ended inside a line
}

// New returns a Sink for the standard output of the process.
func New(cfg Config) (*Sink, error) { return newSink(cfg, os.Stdout) }

func newSink(cfg Config, out *os.File) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	return &Sink{cfg: cfg, lines: sink.Lines{Prefix: cfg.Prefix}, out: out, seed: maphash.MakeSeed()}, nil
}

// AppendPoint appends p as a line: see sink.Lines.
func (s *Sink) AppendPoint(dst []byte, p metric.Point) []byte {
	return s.lines.Append(dst, p)
}

// Send writes a payload that was made by AppendPoint.
func (s *Sink) Send(ctx context.Context, payload []byte) error {
	sum := maphash.Bytes(s.seed, payload)
	if sum != s.unfinished {
		s.unfinished, s.written = sum, 0
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.Timeout, errStandsStill)
	defer cancel()
	if err := s.write(ctx, payload); err != nil {
		return fmt.Errorf("write %d bytes to the standard output: %w", len(payload)-s.written, err)
	}
	s.unfinished = 0
	return nil
}

func (s *Sink) write(ctx context.Context, payload []byte) error {
	for s.written < len(payload) {
		if err := waitForRoom(ctx, s.out); err != nil {
			return err
		}
		if s.torn && s.written == 0 { // end the incomplete line of another payload
			if _, err := s.out.Write([]byte{'\n'}); err != nil {
				return err
			}
			s.torn = false
			continue
		}
		n, err := s.out.Write(firstLines(payload[s.written:]))
		if n > 0 {
			s.written += n
			s.torn = payload[s.written-1] != '\n'
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// firstLines returns the complete lines at the start of b that fit into one write. If the first line is too long,
// it returns a part of this line.
func firstLines(b []byte) []byte {
	if len(b) <= atOnce {
		return b
	}
	b = b[:atOnce]
	if end := bytes.LastIndexByte(b, '\n'); end >= 0 {
		b = b[:end+1]
	}
	return b
}

// Close does nothing, because the standard output belongs to the process.
func (s *Sink) Close() error { return nil }
