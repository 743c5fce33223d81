// Package graphite sends points to carbon-cache, carbon-relay, or another program that reads one
// of their two protocols over TCP (https://graphite.readthedocs.io/en/stable/feeding-carbon.html).
// Plaintext has a line for each point,
//
//	stats.web.requests 3.2 1795251862
//
// and pickle, with Config.Pickle, frames of points as Python writes them. New makes a
// Sink from a Config; the daemon's outlet calls its AppendPoint and Send.
//
// # Confirmation
//
// The protocol has no acknowledgement, so Send uses TCP's.
//
// By default every Send has a connection of its own. It writes the payload, closes its half, and
// waits for the receiver to close the other half. A receiver closes after reading
// everything. If it dies before, its kernel resets the connection; if it is stopped, it does
// not answer. So a nil error means that the receiving process has read every byte. A relay or
// proxy in between counts as the receiver.
//
// With Config.KeepOpen all sends share one connection. Send returns nil once the receiver's
// kernel has acknowledged every byte (on Linux; elsewhere, once our own kernel has taken them).
//
// A Send that times out leaves its connection open, and the next Send of the same payload
// continues where it stopped. So a receiver that is slow, or stopped for a while, gets nothing
// twice.
//
// With Config.TLS the receiver is the end of TLS. It confirms by closing the TCP connection, or with
// KeepOpen by its kernel's acknowledgement. The end of TLS confirms nothing, as it can come with
// bytes unread. A program behind the end of TLS may get them later, or never.
//
// # Loss and duplicates
//
// Lost: by default nothing that was reported as sent, unless the receiver loses it after reading
// (carbon-cache 1.1.7 drops about a second's unwritten points, even at SIGTERM). With KeepOpen
// also the bytes in the receiver's kernel that its process had not read when it died: at most its
// receive buffer.
//
// Twice: lines of the one payload that was being sent when the connection broke,
// when our process ended, or when Config.GiveUp was over. It is offered again
// as a whole, and how much of it the receiver had read cannot be known. Whisper
// stores the same value again at the same time, so only what adds points up
// on the way (carbon-aggregator) can tell.
//
// A receiver that answers with bytes is no carbon: that is an error, not a
// success, since a web server on a wrong port would read everything too.
package graphite

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net"
	"os"
	"time"

	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/sink"
)

var _ sink.Sink = (*Sink)(nil)

// Sink sends points to one receiver. One goroutine at a time sends and closes.
type Sink struct {
	cfg    Config
	dialer net.Dialer
	seed   maphash.Seed
	idle   *link     // KeepOpen: the connection between two sends
	unsure *delivery // the send that ran out of time, to be gone on with
}

// New makes a Sink. It does not connect: the first Send does.
func New(cfg Config) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.TLS != nil {
		if _, err := cfg.TLS.config(cfg.Addr); err != nil {
			return nil, err
		}
	}
	cfg = cfg.withDefaults()
	return &Sink{
		cfg: cfg,
		dialer: net.Dialer{
			// A host that vanished while we wait for it is noticed in a minute.
			KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 15 * time.Second, Count: 3},
		},
		seed: maphash.MakeSeed(),
	}, nil
}

// AppendPoint appends p as a line, see sink.AppendLine, or to the last frame of dst.
func (s *Sink) AppendPoint(dst []byte, p metric.Point) []byte {
	if s.cfg.Pickle {
		return s.appendPickled(dst, p)
	}
	return sink.AppendLine(dst, s.cfg.Prefix, p)
}

// Send delivers payload, made by AppendPoint. It takes at most
// ConnectTimeout and Timeout together. Errors of the network can be told by
// errors.As with a net.Error or a syscall.Errno.
func (s *Sink) Send(ctx context.Context, payload []byte) error {
	if len(payload) == 0 {
		return nil
	}
	if err := s.send(ctx, payload); err != nil {
		return fmt.Errorf("send %d bytes to graphite at %s: %w", len(payload), s.cfg.Addr, err)
	}
	return nil
}

func (s *Sink) send(ctx context.Context, payload []byte) error {
	d, err := s.delivery(ctx, payload)
	if err != nil {
		return err
	}
	err = d.run(ctx, payload, time.Now().Add(s.cfg.Timeout))
	switch {
	case err == nil && s.cfg.KeepOpen && !d.closed:
		s.idle = d.conn
	case err == nil:
		_ = d.conn.Close() // all is confirmed
	case !isTimeout(err):
		d.abort()
	case time.Since(d.progress) >= s.cfg.GiveUp:
		d.abort()
		return fmt.Errorf("%w; given up after %v without progress (a receiver that never closes its connections needs keep-open)", err, s.cfg.GiveUp)
	default:
		s.unsure = d
	}
	return err
}

// delivery returns the one of payload that was begun, or begins one.
func (s *Sink) delivery(ctx context.Context, payload []byte) (*delivery, error) {
	sum := maphash.Bytes(s.seed, payload)
	if d := s.unsure; d != nil {
		s.unsure = nil
		if d.sum == sum {
			return d, nil
		}
		d.abort()
	}
	conn, err := s.connection(ctx)
	if err != nil {
		return nil, err
	}
	d := &delivery{conn: conn, keepOpen: s.cfg.KeepOpen, sum: sum, size: len(payload), progress: time.Now()}
	if conn.tls != nil {
		if d.sealed, err = conn.seal(payload, !d.keepOpen); err != nil {
			d.abort()
			return nil, err
		}
		d.size = len(d.sealed)
	}
	return d, nil
}

// connection returns the idle connection if its receiver is still there, or a
// new one.
func (s *Sink) connection(ctx context.Context) (*link, error) {
	if conn := s.idle; conn != nil {
		s.idle = nil
		err := probe(conn)
		if err == nil {
			return conn, nil
		}
		_ = conn.Close() // nothing is on its way
		if isAnswer(err) {
			return nil, err
		}
	}
	return s.connect(ctx)
}

func (s *Sink) connect(ctx context.Context) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.ConnectTimeout)
	defer cancel()
	conn, err := s.dialer.DialContext(ctx, "tcp", s.cfg.Addr)
	if err != nil {
		return nil, err
	}
	l := &link{TCPConn: conn.(*net.TCPConn)}
	if s.cfg.TLS == nil {
		return l, nil
	}
	c, err := s.cfg.TLS.config(s.cfg.Addr)
	if err == nil {
		err = l.secure(ctx, c)
	}
	if err != nil {
		_ = l.TCPConn.Close()
		return nil, err
	}
	return l, nil
}

// Close closes what Send kept open. An unfinished send is cut off: it may have
// arrived, or not, or in part.
func (s *Sink) Close() error {
	if s.unsure != nil {
		s.unsure.abort()
		s.unsure = nil
	}
	if s.idle == nil {
		return nil
	}
	err := s.idle.Close()
	s.idle = nil
	if err != nil {
		return fmt.Errorf("close the connection to graphite at %s: %w", s.cfg.Addr, err)
	}
	return nil
}

// isAnswer reports whether err is what the receiver says: bytes, or why it has ended TLS. In TLS
// 1.3 one that does not like our certificate says so when we may have written already.
func isAnswer(err error) bool {
	said, ok := errors.AsType[*net.OpError](err)
	return errors.As(err, new(answerError)) || ok && said.Op == "remote error" // as crypto/tls has it
}

// isTimeout reports whether err is about our patience and not the connection:
// ETIMEDOUT, from the kernel, says that the connection is dead.
func isTimeout(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
