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

// session is a connection to NATS. It connects when it is first used, and reconnects as often as necessary. A request
// waits for a connection, at most for connectPatience, and then fails. It is not queued.
type session struct {
	cfg     Config
	options []natsgo.Option
	start   sync.Once
	broken  error // the error of the first connect, or of a closed session
	nc      *natsgo.Conn
	js      jetstream.JetStream

	mu      sync.Mutex
	lost    error // why the connection was lost; nil while connected
	refused error // the last error about a missing permission
	when    time.Time

	told [topics]time.Time
}

// newSession returns a session. An error of newSession is always about a file in cfg.
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
		natsgo.CustomInboxPrefix("_INBOX."+cfg.Prefix+"."+role), // separate for edges and owners, so that edges need no permission to read the answers to owners
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

// connect starts to connect in the background.
func (s *session) connect() {
	if s.nc, s.broken = natsgo.Connect(s.cfg.urls(), s.options...); s.broken == nil {
		s.js, s.broken = jetstream.New(s.nc, jetstream.WithDefaultTimeout(requestTimeout))
	}
}

func (s *session) disconnected(err error) {
	if err == nil {
		return // the session was closed
	}
	s.mu.Lock()
	s.lost = err
	s.mu.Unlock()
	s.tell(topicConnection, s.fail(err))
}

// These are the topics of messages to operators.
const (
	topicConnection = iota
	topicJoin
	topicMember
	topicName
	topics
)

// tellEvery is the minimum time between two messages about a topic.
const tellEvery = time.Minute

// tell sends a message about a topic to the operators.
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

// failed remembers errors that no request returns, such as a missing permission.
func (s *session) failed(err error) {
	if !errors.Is(err, natsgo.ErrPermissionViolation) {
		return
	}
	s.mu.Lock()
	s.refused, s.when = err, time.Now()
	s.mu.Unlock()
}

// fail adds the addresses of the servers to an error. If the state of the session shows a possible
// cause, fail adds this cause too.
func (s *session) fail(err error) error {
	if err == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	unanswered := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, natsgo.ErrTimeout)
	switch {
	case s.lost != nil && !errors.Is(err, s.lost):
		err = fmt.Errorf("%w: no connection to a NATS server: %w", err, s.lost)
	case unanswered && s.refused != nil && time.Since(s.when) < refusalLasts:
		err = fmt.Errorf("%w: %w", err, s.refused)
	case unanswered:
		err = fmt.Errorf("JetStream, the storage of the NATS servers, has not answered: %w", err)
	}
	return fmt.Errorf("nats://%s: %w", strings.Join(s.cfg.Servers, ","), err)
}

// await waits until the session is connected.
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

// connected waits for a connection, for connectPatience at most.
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
