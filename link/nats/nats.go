// Package nats connects edges and owners over NATS JetStream: nats://H1,H2,H3.
//
// # Layout
//
// With the prefix "sd", and P partitions:
//
//	SD_P_0 ...   streams of messages, subject sd.p.0 ...; a full one refuses messages
//	SD_W         commits: subject sd.w.PARTITION.PLACE, the newest of each; sd.x.* has parts of large ones
//	sd_members   key-value bucket: owners that are alive
//	sd_cluster   key-value bucket: the settings
//
// Windows share a ring of places. A commit is published with the condition that the last commit of its partition,
// in any place, is the one that it follows. The server checks it, so one of several owners wins, and the
// others are fenced. No lease, no durable consumer and no acknowledgement is needed.
//
// # Reading
//
// An owner reads with a consumer in memory that it can lose at any time. It checks the numbers of the
// messages. When it hears nothing for some seconds it asks how far the stream is, and makes another consumer
// if it has missed something.
package nats

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/statsd-ops/statsd/link"
)

// Config says how to reach a NATS cluster.
type Config struct {
	// Servers are "host:port", or "host" for port 4222. One is enough: it names the others.
	Servers []string
	// Name is shown in the server's list of connections.
	Name string
	// Creds is a file with a JWT and a seed, NKey one with a seed. Both are empty without authentication.
	Creds, NKey string
	// CA is a PEM file with the authorities to trust. Cert and Key are PEM files of a client certificate.
	// TLS is used if one of them is set, if TLS is true, or if the server wants it.
	CA, Cert, Key string
	TLS           bool
	// Prefix names all subjects, streams and buckets. Empty means "sd".
	Prefix string
	// Replicas and MaxBytes matter when the first owner makes the streams. Zero means 3 and 64 GiB, for all
	// messages together.
	Replicas int
	MaxBytes int64
	// Tell is told what an operator must know about the connection. It may be nil.
	Tell func(error)
}

const (
	defaultPrefix   = "sd"
	defaultReplicas = 3
	defaultMaxBytes = 64 << 30

	// requestTimeout is how long a server may take. A stream elects a new leader in some seconds.
	requestTimeout = 5 * time.Second
	// connectPatience is how long a call waits for a connection before it fails.
	connectPatience = 2 * time.Second
	// refusalLasts is how long a refused right explains requests that get no answer.
	refusalLasts = 2 * requestTimeout
)

// session is a connection. It begins to connect when it is first used, reconnects for ever, and keeps nothing
// for later: a request without a connection fails.
type session struct {
	cfg     Config
	options []natsgo.Option
	start   sync.Once
	broken  error // the connection cannot even be tried
	nc      *natsgo.Conn
	js      jetstream.JetStream

	mu      sync.Mutex
	lost    error // why there is no connection; nil while there is one
	refused error // the last right that was missing
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
	access, err := cfg.access()
	if err != nil {
		return nil, s.fail(err)
	}
	s.options = append(access,
		natsgo.Name("statsd "+role+" "+cfg.Name),
		natsgo.CustomInboxPrefix("_INBOX."+cfg.Prefix+"."+role), // so that an edge has no right to read what owners are told
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

func (c Config) urls() string { return "nats://" + strings.Join(c.Servers, ",nats://") }

// access returns the options of authentication and TLS. The files are read again at each connect, except for
// an nkey.
func (c Config) access() (options []natsgo.Option, err error) {
	if c.Creds != "" {
		file, err := os.Open(c.Creds)
		if err != nil {
			return nil, err
		}
		_ = file.Close()
		options = append(options, natsgo.UserCredentials(c.Creds))
	}
	if c.NKey != "" {
		nkey, err := natsgo.NkeyOptionFromSeed(c.NKey)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", c.NKey, err)
		}
		options = append(options, nkey)
	}
	if c.TLS || c.CA != "" || c.Cert != "" {
		options = append(options, natsgo.Secure(&tls.Config{MinVersion: tls.VersionTLS12}))
	}
	if c.CA != "" {
		options = append(options, natsgo.RootCAs(c.CA))
	}
	if c.Cert != "" || c.Key != "" {
		options = append(options, natsgo.ClientCert(c.Cert, c.Key))
	}
	var probe natsgo.Options
	for _, o := range options {
		if err := o(&probe); err != nil {
			return nil, err
		}
	}
	return options, nil
}

func (s *session) disconnected(err error) {
	if err == nil {
		return // closed on purpose
	}
	s.mu.Lock()
	s.lost = err
	s.mu.Unlock()
	s.tell(topicConnection, s.fail(err))
}

// The topics of what operators are told.
const (
	topicConnection = iota
	topicJoin
	topicMember
	topicName
	topics
)

// tellEvery is the shortest time between two messages of a topic.
const tellEvery = time.Minute

// tell tells something that an operator must know.
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

// failed hears of errors that no call returns, such as a right that is missing.
func (s *session) failed(err error) {
	if !errors.Is(err, natsgo.ErrPermissionViolation) {
		return
	}
	s.mu.Lock()
	s.refused, s.when = err, time.Now()
	s.mu.Unlock()
}

// fail names the servers, and explains an error by what the session knows.
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

// connected waits a moment for a connection.
func (s *session) connected(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectPatience)
	defer cancel()
	return s.await(ctx)
}

// publish publishes a message, and waits until a quorum has it.
func (s *session) publish(ctx context.Context, m *natsgo.Msg, options ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	if err := s.connected(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	ack, err := s.js.PublishMsg(ctx, m, append(options, jetstream.WithRetryAttempts(0))...)
	if isFull(err) {
		return nil, fmt.Errorf("%w: %w", link.ErrFull, s.fail(err))
	}
	return ack, s.fail(err)
}

// The codes of the server's errors that package jetstream does not name.
const (
	codeMaxBytes        = 10077 // "maximum bytes exceeded": the stream is full
	codeNoResources     = 10023 // "insufficient resources"
	codeNoStorage       = 10047 // "insufficient storage resources available"
	codeNoMemory        = 10028 // "insufficient memory resources available"
	codeAccountResource = 10002 // "resource limits exceeded for account"
)

func isFull(err error) bool {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return false
	}
	switch api.ErrorCode {
	case codeMaxBytes, codeNoResources, codeNoStorage, codeNoMemory, codeAccountResource:
		return true
	}
	return false
}

// stored is a message as the leader of a stream returns it.
type stored struct {
	Subject string    `json:"subject"`
	Seq     uint64    `json:"seq"`
	Header  []byte    `json:"hdrs"`
	Data    []byte    `json:"data"`
	Time    time.Time `json:"time"`
}

// query names one message: the last one of a subject, which may be a pattern, or the one of a number.
type query struct {
	Last string `json:"last_by_subj,omitempty"`
	Seq  uint64 `json:"seq,omitempty"`
}

// get asks the leader of a stream for a message. It returns ErrNone if there is none.
func (s *session) get(ctx context.Context, stream string, q query) (stored, error) {
	if err := s.connected(ctx); err != nil {
		return stored{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	question, _ := json.Marshal(q) // it has strings and numbers only
	m, err := s.nc.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+stream, question)
	if err != nil {
		return stored{}, s.fail(err)
	}
	var answer struct {
		Error   *jetstream.APIError `json:"error"`
		Message stored              `json:"message"`
	}
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		return stored{}, s.fail(fmt.Errorf("the answer about stream %s: %w", stream, err))
	}
	switch {
	case answer.Error == nil:
		return answer.Message, nil
	case answer.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return stored{}, link.ErrNone
	}
	return stored{}, s.fail(fmt.Errorf("stream %s: %w", stream, answer.Error))
}

// layout names things.
func (s *session) messageStream(p int) string {
	return fmt.Sprintf("%s_P_%d", strings.ToUpper(s.cfg.Prefix), p)
}
func (s *session) messageSubject(p int) string { return fmt.Sprintf("%s.p.%d", s.cfg.Prefix, p) }
func (s *session) commitStream() string        { return strings.ToUpper(s.cfg.Prefix) + "_W" }
func (s *session) settingsBucket() string      { return s.cfg.Prefix + "_cluster" }
func (s *session) memberBucket() string        { return s.cfg.Prefix + "_members" }

const settingsKey = "settings"

// bucketStream and bucketSubject are how NATS keeps a key-value bucket.
func bucketStream(bucket string) string       { return "KV_" + bucket }
func bucketSubject(bucket, key string) string { return "$KV." + bucket + "." + key }

// settings reads the settings of the cluster. It returns ErrNone if there are none.
func (s *session) settings(ctx context.Context) (link.Settings, error) {
	m, err := s.get(ctx, bucketStream(s.settingsBucket()), query{Last: bucketSubject(s.settingsBucket(), settingsKey)})
	if err != nil {
		return link.Settings{}, err
	}
	settings, err := link.ParseSettings(m.Data)
	return settings, s.fail(err)
}

func (s *session) close() error {
	s.start.Do(func() { s.broken = natsgo.ErrConnectionClosed })
	if s.nc != nil {
		s.nc.Close()
	}
	return nil
}
