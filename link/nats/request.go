package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/statsd-ops/statsd/link"
)

// publish publishes a message, and waits until a majority of the servers has stored it.
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

// These are the server's error codes that package jetstream does not define.
const (
	codeMaxBytes        = 10077 // the error "maximum bytes exceeded": the stream is full
	codeNoResources     = 10023 // the error "insufficient resources"
	codeNoStorage       = 10047 // the error "insufficient storage resources available"
	codeNoMemory        = 10028 // the error "insufficient memory resources available"
	codeAccountResource = 10002 // the error "resource limits exceeded for account"
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

// stored is a message in a stream, as the leader of the stream returns it.
type stored struct {
	Subject string    `json:"subject"`
	Seq     uint64    `json:"seq"`
	Header  []byte    `json:"hdrs"`
	Data    []byte    `json:"data"`
	Time    time.Time `json:"time"`
}

// query selects a message: the last message with a subject, which may be a pattern, or the message
// with a number.
type query struct {
	Last string `json:"last_by_subj,omitempty"`
	Seq  uint64 `json:"seq,omitempty"`
}

// get asks the leader of a stream for a message. It returns ErrNone if there is no such message.
func (s *session) get(ctx context.Context, stream string, q query) (stored, error) {
	if err := s.connected(ctx); err != nil {
		return stored{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	question, _ := json.Marshal(q) // never fails, because q contains only a string and a number
	m, err := s.nc.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+stream, question)
	if err != nil {
		return stored{}, s.fail(err)
	}
	var answer struct {
		Error   *jetstream.APIError `json:"error"`
		Message stored              `json:"message"`
	}
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		return stored{}, s.fail(fmt.Errorf("cannot read the answer about stream %s: %w", stream, err))
	}
	switch {
	case answer.Error == nil:
		return answer.Message, nil
	case answer.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return stored{}, link.ErrNone
	}
	return stored{}, s.fail(fmt.Errorf("stream %s: %w", stream, answer.Error))
}

// messageStream returns the name of the stream with the messages of partition p. The following
// functions return the names of the other streams, subjects and buckets.
func (s *session) messageStream(p int) string {
	return fmt.Sprintf("%s_P_%d", strings.ToUpper(s.cfg.Prefix), p)
}
func (s *session) messageSubject(p int) string { return fmt.Sprintf("%s.p.%d", s.cfg.Prefix, p) }
func (s *session) commitStream() string        { return strings.ToUpper(s.cfg.Prefix) + "_W" }
func (s *session) settingsBucket() string      { return s.cfg.Prefix + "_cluster" }
func (s *session) memberBucket() string        { return s.cfg.Prefix + "_members" }

const settingsKey = "settings"

// bucketStream and bucketSubject return the names of the stream and the subjects behind a key-value
// bucket.
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
