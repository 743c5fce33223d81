// Package graphite sends points to carbon-cache, carbon-relay, or another program that reads one of
// their two protocols over TCP (https://graphite.readthedocs.io/en/stable/feeding-carbon.html). The
// plaintext protocol has a line for each point,
//
//	stats.web.requests 3.2 1795251862
//
// and the pickle protocol (Config.Pickle) has frames of points in Python's pickle format. New makes a
// Sink from a Config; the daemon's outlet calls its AppendPoint and Send.
//
// # Confirmation
//
// The protocols have no acknowledgement, so Send uses TCP's.
//
// By default every Send uses a new connection. It writes the payload, closes the sending half, and
// waits for the receiver to close the other half. A receiver closes after reading everything. If the receiver dies
// before that, its kernel resets the connection. If it is stopped, it does not answer. So a nil error means that the
// receiving process has read every byte. A relay or proxy in between counts as the receiver.
//
// With Config.KeepOpen all sends share one connection. Send returns nil once the receiver's kernel has
// acknowledged every byte (on Linux; elsewhere, once the local kernel has accepted them).
//
// A Send that times out leaves its connection open, and the next Send of the same payload continues.
// So a receiver that is slow, or stopped for a while, gets no duplicates.
//
// With Config.TLS the receiver is the program that terminates TLS. It confirms by closing the TCP
// connection, or with KeepOpen by its kernel's acknowledgement. The TLS close message confirms
// nothing, because it can be sent with bytes unread. A program behind the receiver may get the points
// later, or never.
//
// # Loss and duplicates
//
// By default no point that was reported as sent is lost, unless the receiver loses it after reading (carbon-cache 1.1.7
// drops about a second's unwritten points, even at SIGTERM). With KeepOpen, bytes that the receiving process had not
// read when it died are lost too: at most its receive buffer.
//
// A payload can be duplicated if it was being sent when the connection broke, when the daemon ended, or when
// Config.GiveUp was over. The whole payload is then sent again, because it is unknown how much the receiver had read.
// Whisper then stores the same value at the same time again, which changes nothing. Only a receiver that adds points
// up, such as carbon-aggregator, counts them twice.
//
// A receiver that sends bytes is not carbon. This is an error, because otherwise a web server on a wrong port would
// count as a success: it reads everything too.
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

var _ sink.PointSink = (*Sink)(nil)

// Sink sends points to one receiver. Only one goroutine at a time may send or close.
type Sink struct {
	cfg    Config
	dialer net.Dialer
	seed   maphash.Seed
	idle   *link     // KeepOpen: the connection while no send runs
	unsure *delivery // a send that timed out and can continue
}

// New makes a Sink. The first Send connects.
func New(cfg Config) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.TLS != nil {
		if _, err := cfg.TLS.Client(cfg.Addr); err != nil {
			return nil, err
		}
	}
	cfg = cfg.withDefaults()
	return &Sink{
		cfg: cfg,
		dialer: net.Dialer{
			// keepalives notice a vanished host within a minute
			KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 15 * time.Second, Count: 3},
		},
		seed: maphash.MakeSeed(),
	}, nil
}

// AppendPoint appends p as a line (see sink.AppendLine), or adds it to the last pickle frame of
// dst.
func (s *Sink) AppendPoint(dst []byte, p metric.Point) []byte {
	if s.cfg.Pickle {
		return s.appendPickled(dst, p)
	}
	return sink.AppendLine(dst, s.cfg.Prefix, p)
}

// Send delivers payload, made by AppendPoint. It takes at most ConnectTimeout plus Timeout.
// errors.As recognises network errors, as a net.Error or a syscall.Errno.
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
		_ = d.conn.Close() // everything is confirmed
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

// delivery returns the unfinished delivery of payload, or begins a new one.
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

// connection returns the idle connection if its receiver still holds it, or a new one.
func (s *Sink) connection(ctx context.Context) (*link, error) {
	if conn := s.idle; conn != nil {
		s.idle = nil
		err := probe(conn)
		if err == nil {
			return conn, nil
		}
		_ = conn.Close() // no data is in flight
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
	c, err := s.cfg.TLS.Client(s.cfg.Addr)
	if err == nil {
		err = l.secure(ctx, c)
	}
	if err != nil {
		_ = l.TCPConn.Close()
		return nil, err
	}
	return l, nil
}

// Close closes open connections. The payload of an unfinished send may have arrived, fully or in
// part.
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

// isAnswer reports whether the receiver answered: with bytes, or with a TLS error. In TLS 1.3 the receiver may reject
// our certificate after we have already written.
func isAnswer(err error) bool {
	said, ok := errors.AsType[*net.OpError](err)
	return errors.As(err, new(answerError)) || ok && said.Op == "remote error" // the Op that crypto/tls uses
}

// isTimeout reports whether our own time limit is over. ETIMEDOUT from the kernel means something else: the connection
// is dead.
func isTimeout(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
