// Package graphite sends points to carbon-cache, carbon-relay, or another program that accepts one of carbon's two
// protocols over TCP (https://graphite.readthedocs.io/en/stable/feeding-carbon.html). The plaintext protocol has a line
// for each point:
//
//	stats.web.requests 3.2 1795251862
//
// The pickle protocol (Config.Pickle) has frames of points in Python's pickle format. New makes a Sink from a Config.
// The daemon's outlet calls AppendPoint and Send.
//
// # Confirmation
//
// Carbon's protocols have no acknowledgement, so Send uses the acknowledgements of TCP.
//
// By default, each Send uses a new connection. It writes the payload, closes the sending half of the connection, and
// waits until the receiver closes the other half. A receiver closes the connection after it has read everything. If the
// receiver dies before that, its kernel resets the connection. If the receiver is stopped (SIGSTOP), the connection stays
// open. Therefore, if Send returns nil, the receiving process has read every byte. If there is a relay or proxy, the
// relay or proxy is the receiver.
//
// With Config.KeepOpen, all sends share one connection. Send returns nil when the receiver's kernel has acknowledged
// every byte. On systems other than Linux, Send returns nil when the local kernel has accepted every byte.
//
// A Send that times out leaves its connection open, and the next Send of the same payload continues on this connection.
// A receiver that is slow, or stopped for a while, therefore gets no duplicates.
//
// With Config.TLS, the receiver is the program that terminates TLS. Its confirmation is the end of the TCP connection,
// or with KeepOpen the acknowledgement of its kernel. TLS's close_notify message is no confirmation, because a program
// can send it with unread bytes. The points may reach carbon later or never if carbon runs behind this program.
//
// # Loss and duplicates
//
// By default, points for which Send returned nil are lost only if the receiver loses them after it has read them.
// carbon-cache 1.1.7 writes points to disk about a second after it has read them. When it ends, it loses the points
// that it has not written yet, even after SIGTERM. With KeepOpen, the bytes in the receive buffer are lost too if the
// receiving process dies before it reads them.
//
// A payload can be duplicated if the connection breaks, the daemon exits, or Config.GiveUp expires during a Send. The
// whole payload is then sent again, because it is unknown how much the receiver has read. For Whisper, duplicates are
// harmless: it stores the same value for the same time again. Only a receiver that adds up points, such as
// carbon-aggregator, counts a duplicated point twice.
//
// A receiver that sends bytes is not carbon, so Send returns an error. This finds a web server on a wrong port, which
// would also read the whole payload and close the connection.
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

// Sink sends points to one receiver. Send and Close must not be called concurrently.
type Sink struct {
	cfg    Config
	lines  sink.Lines
	dialer net.Dialer
	seed   maphash.Seed
	idle   *link     // with KeepOpen, the connection between two sends
	unsure *delivery // a delivery that timed out and can be continued
}

// New returns a Sink. It connects at the first Send.
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
		cfg:   cfg,
		lines: sink.Lines{Prefix: cfg.Prefix},
		dialer: net.Dialer{
			// keepalives detect a dead host within a minute
			KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 15 * time.Second, Count: 3},
		},
		seed: maphash.MakeSeed(),
	}, nil
}

// AppendPoint appends p to dst as a line (see sink.Lines), or to the last pickle frame in dst.
func (s *Sink) AppendPoint(dst []byte, p metric.Point) []byte {
	if s.cfg.Pickle {
		return s.appendPickled(dst, p)
	}
	return s.lines.Append(dst, p)
}

// Send delivers a payload made by AppendPoint. It takes at most ConnectTimeout plus Timeout. Network errors can
// be found with errors.As, as a net.Error or a syscall.Errno.
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
		_ = d.conn.Close() // all bytes are confirmed
	case !isTimeout(err):
		d.abort()
	case time.Since(d.progress) >= s.cfg.GiveUp:
		d.abort()
		return fmt.Errorf("%w; given up after %v without progress; if the receiver never closes its connections, set keep-open for this sink", err, s.cfg.GiveUp)
	default:
		s.unsure = d
	}
	return err
}

// delivery returns the unfinished delivery of payload if there is one, and a new delivery if not.
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

// connection returns the idle connection if the receiver has not closed it, and a new connection if it has.
func (s *Sink) connection(ctx context.Context) (*link, error) {
	if conn := s.idle; conn != nil {
		s.idle = nil
		err := probe(conn)
		if err == nil {
			return conn, nil
		}
		_ = conn.Close() // closing loses nothing, because all data on an idle connection is confirmed
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

// Close closes all open connections. An unfinished payload may have arrived completely or in part.
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

// isAnswer reports whether the receiver sent an answer: unexpected bytes, or a TLS error. In TLS 1.3, a receiver
// can reject the client certificate after the client has already sent data.
func isAnswer(err error) bool {
	said, ok := errors.AsType[*net.OpError](err)
	// crypto/tls sets Op to "remote error" for errors that the receiver sent.
	return errors.As(err, new(answerError)) || ok && said.Op == "remote error"
}

// isTimeout reports whether a timeout of this package has expired. ETIMEDOUT from the kernel is different: it
// means that the connection is dead.
func isTimeout(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
