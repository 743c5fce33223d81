package nats

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/statsd-ops/statsd/link"
)

// Sender is the connection of an edge to a NATS cluster.
type Sender struct {
	*session

	reading sync.Mutex
	cluster *link.Settings // nil until the settings are known
}

var (
	_ link.Sender  = (*Sender)(nil)
	_ link.Watcher = (*Sender)(nil)
)

// NewSender returns a Sender. It connects when it is first used, so errors of NewSender are only
// about the files in cfg.
func NewSender(cfg Config) (*Sender, error) {
	s, err := newSession(cfg, "edge")
	if err != nil {
		return nil, err
	}
	return &Sender{session: s}, nil
}

// Settings returns the settings of the cluster. It waits until an owner has created them.
func (s *Sender) Settings(ctx context.Context) (link.Settings, error) {
	const again = 500 * time.Millisecond
	for {
		settings, err := s.known(ctx)
		if err == nil {
			return settings, nil
		}
		select {
		case <-ctx.Done():
			return link.Settings{}, err
		case <-time.After(again):
		}
	}
}

// known returns the settings of the cluster. It reads them only once.
func (s *Sender) known(ctx context.Context) (link.Settings, error) {
	s.reading.Lock()
	defer s.reading.Unlock()
	if s.cluster != nil {
		return *s.cluster, nil
	}
	settings, err := s.settings(ctx)
	if errors.Is(err, link.ErrNone) || isNoStream(err) {
		err = s.fail(errors.New("the cluster has no settings: start an owner first, with --collect"))
	}
	if err != nil {
		return link.Settings{}, err
	}
	s.cluster = &settings
	return settings, nil
}

// isNoStream reports whether a stream does not exist, or JetStream does not answer.
func isNoStream(err error) bool {
	return errors.Is(err, natsgo.ErrNoResponders) || errors.Is(err, jetstream.ErrStreamNotFound)
}

// Send publishes a message, and waits until a majority of the servers has stored it.
func (s *Sender) Send(ctx context.Context, m link.Message) error {
	settings, err := s.known(ctx)
	if err != nil {
		return err
	}
	if m.Partition < 0 || m.Partition >= settings.Partitions {
		return &link.RefusedError{Reason: fmt.Sprintf("partition %d does not exist: the cluster has %d partitions", m.Partition, settings.Partitions)}
	}
	_, err = s.publish(ctx, &natsgo.Msg{Subject: s.messageSubject(m.Partition), Data: m.Data},
		jetstream.WithMsgID(m.ID), jetstream.WithExpectStream(s.messageStream(m.Partition)))
	if errors.Is(err, natsgo.ErrMaxPayload) || errors.Is(err, jetstream.ErrStreamMessageExceedsMaximum) {
		return &link.RefusedError{Reason: err.Error()}
	}
	return err
}

// Committed returns the time of a partition's last commit.
func (s *Sender) Committed(ctx context.Context, partition int) (time.Time, error) {
	m, err := s.get(ctx, s.commitStream(), query{Last: commitSubject(s.cfg.Prefix, partition, "*")})
	return m.Time, err
}

// Close closes the connection.
func (s *Sender) Close() error { return s.close() }
