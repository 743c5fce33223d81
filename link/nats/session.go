package nats

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// session is a connection. It connects when it is first used and reconnects without end. Without a connection a request
// fails at once; it is not kept for later.
type session struct {
	cfg     Config
	options []natsgo.Option
	start   sync.Once
	broken  error // whether the session is closed or its files are bad
	nc      *natsgo.Conn
	js      jetstream.JetStream

	mu      sync.Mutex
	lost    error // why there is no connection; nil while there is one
	refused error // the last missing permission
	when    time.Time

	told [topics]time.Time
}

// newSession returns a session. The error is about the files of cfg.
func newSession(cfg Config, role string) (*session, error) {
	if cfg.Prefix == "" {
		cfg.Prefix = defaultPrefix
	}
	if cfg.Replicas == 0 {
		cfg.Replicas = defaultReplicas
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = defaultMaxBytes
	}
	s := &session{cfg: cfg}
	access, err := cfg.options()
	if err != nil {
		return nil, s.fail(err)
	}
	s.options = append(access,
		natsgo.Name("statsd "+role+" "+cfg.Name),
		natsgo.CustomInboxPrefix("_INBOX."+cfg.Prefix+"."+role), // edges need no permission to read the answers to owners
		natsgo.MaxReconnects(-1), natsgo.RetryOnFailedConnect(true), natsgo.IgnoreAuthErrorAbort(),
		natsgo.ReconnectWait(200*time.Millisecond), natsgo.ReconnectJitter(200*time.Millisecond, 200*time.Millisecond),
		natsgo.ReconnectBufSize(-1),
		natsgo.PingInterval(2*time.Second), natsgo.MaxPingsOutstanding(2), natsgo.Timeout(requestTimeout),
		natsgo.DisconnectErrHandler(func(_ *natsgo.Conn, err error) { s.disconnected(err) }),
		natsgo.ReconnectErrHandler(func(_ *natsgo.Conn, err error) { s.disconnected(err) }),
		natsgo.ConnectHandler(func(*natsgo.Conn) { s.connectedAgain() }),
		natsgo.ReconnectHandler(func(*natsgo.Conn) { s.connectedAgain() }),
		natsgo.ErrorHandler(func(_ *natsgo.Conn, _ *natsgo.Subscription, err error) { s.failed(err) }))
	return s, nil
}

// connect begins to connect.
func (s *session) connect() {
	if s.nc, s.broken = natsgo.Connect(s.cfg.urls(), s.options...); s.broken == nil {
		s.js, s.broken = jetstream.New(s.nc, jetstream.WithDefaultTimeout(requestTimeout))
	}
}

func (s *session) disconnected(err error) {
	if err == nil {
		return // closed by Close
	}
	s.mu.Lock()
	s.lost = err
	s.mu.Unlock()
	s.tell(topicConnection, s.fail(err))
}

// The topics of messages for operators.
const (
	topicConnection = iota
	topicJoin
	topicMember
	topicName
	topics
)

// tellEvery is the shortest time between two messages of a topic.
const tellEvery = time.Minute

// tell sends a message to the operators.
func (s *session) tell(topic int, err error) {
	s.mu.Lock()
	now := time.Now()
	again := now.Sub(s.told[topic]) < tellEvery
	if !again {
		s.told[topic] = now
	}
	s.mu.Unlock()
	if !again && s.cfg.Tell != nil {
		s.cfg.Tell(err)
	}
}

func (s *session) connectedAgain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = nil
}

// failed handles errors that no call returns, such as a missing permission.
func (s *session) failed(err error) {
	if !errors.Is(err, natsgo.ErrPermissionViolation) {
		return
	}
	s.mu.Lock()
	s.refused, s.when = err, time.Now()
	s.mu.Unlock()
}

// fail adds the servers to an error, and explains the error from the state of the session.
func (s *session) fail(err error) error {
	if err == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	unanswered := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, natsgo.ErrTimeout)
	switch {
	case s.lost != nil && !errors.Is(err, s.lost):
		err = fmt.Errorf("%w: not connected: %w", err, s.lost)
	case unanswered && s.refused != nil && time.Since(s.when) < refusalLasts:
		err = fmt.Errorf("%w: %w", err, s.refused)
	case unanswered:
		err = fmt.Errorf("JetStream has not answered: %w", err)
	}
	return fmt.Errorf("nats://%s: %w", strings.Join(s.cfg.Servers, ","), err)
}

// await waits for a connection.
func (s *session) await(ctx context.Context) error {
	if s.start.Do(s.connect); s.broken != nil {
		return s.fail(s.broken)
	}
	for !s.nc.IsConnected() {
		if s.nc.IsClosed() {
			return s.fail(natsgo.ErrConnectionClosed)
		}
		select {
		case <-ctx.Done():
			return s.fail(ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// connected waits a short time for a connection.
func (s *session) connected(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectPatience)
	defer cancel()
	return s.await(ctx)
}

func (s *session) close() error {
	s.start.Do(func() { s.broken = natsgo.ErrConnectionClosed })
	if s.nc != nil {
		s.nc.Close()
	}
	return nil
}
