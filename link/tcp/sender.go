package tcp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/statsd-ops/statsd/link"
)

// SenderConfig configures the Sender of an edge.
type SenderConfig struct {
	// Address is the "host:port" of the central daemon. It is resolved for each connection.
	Address string
	// TLS returns the TLS configuration for an address. If it is nil, TLS is not used.
	TLS func(addr string) (*tls.Config, error)
	// Keys are the keys shared with the central daemon. Keys is nil if there are none.
	Keys Keys

	longest time.Duration // maximum pause between two attempts to connect; tests make it shorter
}

const (
	connectTimeout = 5 * time.Second  // maximum time for the TCP connection to open, and then again for the handshake
	answerTimeout  = 10 * time.Second // maximum time without an answer while at least one answer is expected
	firstPause     = 100 * time.Millisecond
	longestPause   = 5 * time.Second
)

// Sender is the connection of an edge to a central daemon. Until it is closed, it reconnects after failures, with
// increasing pauses. Several goroutines may call Send at the same time: they share the connection.
type Sender struct {
	cfg    SenderConfig
	ctx    context.Context // the method Close cancels this context
	cancel context.CancelFunc
	start  sync.Once
	ended  chan struct{}

	mu       sync.Mutex
	conn     *edgeConn // nil while not connected
	settings link.Settings
	used     link.Settings // settings of the central daemon that got the first message; zero before that
	err      error         // why the Sender is not connected
	changed  chan struct{} // closed when conn or err changes
}

var _ link.Sender = (*Sender)(nil)

// NewSender returns a Sender. It connects when it is first used.
func NewSender(cfg SenderConfig) *Sender {
	if cfg.longest == 0 {
		cfg.longest = longestPause
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Sender{cfg: cfg, ctx: ctx, cancel: cancel, ended: make(chan struct{}), changed: make(chan struct{})}
}

// Settings returns the settings of the cluster. It waits until the central daemon answers.
func (s *Sender) Settings(ctx context.Context) (link.Settings, error) {
	for {
		_, settings, err := s.connection(ctx)
		if err == nil || ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			return settings, err
		}
	}
}

// Send sends a message, and waits until the central daemon has stored it. If the Sender is not connected, Send waits
// for the result of the next attempt to connect.
func (s *Sender) Send(ctx context.Context, m link.Message) error {
	if len(m.Data) == 0 || len(m.Data) > maxMessage {
		return &link.RefusedError{Reason: fmt.Sprintf("the message has %d bytes, and 1 to %d are allowed", len(m.Data), maxMessage)}
	}
	c, settings, err := s.connection(ctx)
	if err != nil {
		return err
	}
	s.use(settings)
	return s.fail(c.send(ctx, m))
}

// Close closes the connection, and waits until the Sender's goroutine has ended.
func (s *Sender) Close() error {
	s.cancel()
	s.start.Do(func() { close(s.ended) })
	<-s.ended
	return nil
}

// connection returns the current connection. If there is none, it waits for the result of the next
// attempt to connect.
func (s *Sender) connection(ctx context.Context) (*edgeConn, link.Settings, error) {
	s.start.Do(func() { go s.run(s.ctx) })
	s.mu.Lock()
	conn, settings, changed, before := s.conn, s.settings, s.changed, s.err
	s.mu.Unlock()
	if conn != nil {
		return conn, settings, nil
	}
	select {
	case <-changed:
	case <-s.ended:
		return nil, link.Settings{}, s.fail(net.ErrClosed)
	case <-ctx.Done():
		if before == nil {
			before = ctx.Err()
		}
		return nil, link.Settings{}, s.fail(before)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return nil, link.Settings{}, s.fail(s.err)
	}
	return s.conn, s.settings, nil
}

func (s *Sender) fail(err error) error {
	var refused *link.RefusedError
	if err == nil || errors.As(err, &refused) {
		return err
	}
	return fmt.Errorf("forward to statsd://%s: %w", s.cfg.Address, err)
}

// run connects, and reconnects after failures, until ctx ends.
func (s *Sender) run(ctx context.Context) {
	defer close(s.ended)
	pause := firstPause
	for ctx.Err() == nil {
		conn, settings, err := s.connect(ctx)
		if err == nil {
			s.set(conn, settings, nil)
			err = conn.serve(ctx)
			pause = firstPause
		}
		s.set(nil, link.Settings{}, err)
		select {
		case <-ctx.Done():
		case <-time.After(pause/2 + rand.N(pause)): // a random pause, so that edges that lost the same central daemon do not reconnect at the same time
		}
		pause = min(2*pause, s.cfg.longest)
	}
}

var errOther = errors.New("the central daemon at this address has other settings than before, or its directory is new: start the earlier central daemon again, or restart this daemon to join the new cluster")

// use records the settings of the central daemon that gets the messages.
func (s *Sender) use(settings link.Settings) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used.Partitions == 0 {
		s.used = settings
	}
}

// check returns an error if earlier messages went to a central daemon with other settings. Later messages are still
// made for the earlier central daemon's partitions and member key, so the new central daemon must not get them.
func (s *Sender) check(settings link.Settings) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used.Partitions > 0 && s.used != settings {
		return errOther
	}
	return nil
}

func (s *Sender) set(conn *edgeConn, settings link.Settings, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn, s.settings, s.err = conn, settings, err
	close(s.changed)
	s.changed = make(chan struct{})
}

// connect connects to the central daemon, and performs the handshake.
func (s *Sender) connect(ctx context.Context) (*edgeConn, link.Settings, error) {
	dialer := net.Dialer{Timeout: connectTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", s.cfg.Address)
	if err != nil {
		return nil, link.Settings{}, err
	}
	var settings link.Settings
	plain := conn
	stop := context.AfterFunc(ctx, func() { _ = plain.Close() })
	defer stop()
	if s.cfg.TLS != nil {
		var cfg *tls.Config
		if cfg, err = s.cfg.TLS(s.cfg.Address); err == nil {
			conn = tls.Client(conn, cfg)
		}
	}
	if err == nil {
		err = conn.SetDeadline(time.Now().Add(connectTimeout))
	}
	w := newWire(conn)
	if err == nil {
		settings, err = greetCentral(w, s.cfg.Keys)
		err = explain(err)
	}
	if err == nil {
		err = s.check(settings)
	}
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		return nil, link.Settings{}, errors.Join(err, conn.Close())
	}
	return newEdgeConn(conn, w), settings, nil
}

// explain replaces or extends an error of the handshake if the central daemon could not send the reason.
func explain(err error) error {
	remote, ok := errors.AsType[*net.OpError](err)
	switch {
	case ok && remote.Op == "remote error":
		return fmt.Errorf("the central daemon refuses this daemon's certificate, requires a certificate, or refuses this daemon's version of TLS: %w", err)
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return errors.New("the central daemon closed the connection during the handshake: its log says why; perhaps it does not allow this address, or requires statsd+tls://")
	}
	return err
}
