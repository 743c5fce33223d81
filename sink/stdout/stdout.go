// Package stdout writes points to the standard output, one per line, in the format of carbon's line
// receiver:
//
//	stats.web.requests 3.2 1795251862
//
// It shows the points of a daemon and feeds pipes. New makes a Sink from a Config; the daemon's
// outlet calls its AppendPoint and Send.
//
// # Pipes
//
// A pipe without a reader blocks its writer. Send writes only as much as fits into the pipe, so it ends in time, or
// when its context ends. The next Send of the same payload writes the rest. Lines of up to 512 bytes are written whole:
// another writer to the same pipe, such as a log, cannot tear them.
//
// Send returns an error for a closed pipe. Go ends a process that writes to a closed pipe on its
// standard output, unless the process asked to be notified of SIGPIPE.
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

// Config configures the lines and the time limit.
type Config struct {
	// Prefix is put in front of every path, with a dot between. Empty means none.
	Prefix string

	// Timeout limits one Send. Zero means 10 s. After it Send returns an error, and the next Send of
	// the same payload continues. So a shorter Timeout only has the effect that a stopped reader is reported sooner.
	Timeout time.Duration
}

const defaultTimeout = 10 * time.Second

// atOnce is the size of one write. A pipe with room accepts this many bytes in one piece (POSIX's PIPE_BUF).
const atOnce = 512

var errStandsStill = fmt.Errorf("nothing reads it: %w", os.ErrDeadlineExceeded)

// Validate returns an error that begins with the name of the setting, which is NAME=VALUE in the
// URL of a sink.
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
	cfg  Config
	out  *os.File
	seed maphash.Seed

	unfinished uint64 // checksum of the payload that Send gave up
	written    int    // bytes of it already written
	torn       bool   // whether it was given up inside a line
}

// New makes a Sink.
func New(cfg Config) (*Sink, error) { return newSink(cfg, os.Stdout) }

func newSink(cfg Config, out *os.File) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	return &Sink{cfg: cfg, out: out, seed: maphash.MakeSeed()}, nil
}

// AppendPoint appends the line of sink.AppendLine.
func (s *Sink) AppendPoint(dst []byte, p metric.Point) []byte {
	return sink.AppendLine(dst, s.cfg.Prefix, p)
}

// Send writes payload, lines made by AppendPoint.
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
		if s.torn && s.written == 0 { // another payload was given up
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

// firstLines returns the lines at the start of b that can be written at once, or a part of a line
// that is too long.
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

// Close does nothing: the standard output belongs to the process.
func (s *Sink) Close() error { return nil }
