package nats

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/statsd-ops/statsd/link"
)

const (
	readAhead      = 256
	readAheadBytes = 8 << 20
	heartbeat      = time.Second
	pullExpires    = 10 * time.Second
	// silence is how long a reader waits for messages before it checks the consumer.
	silence = 3 * time.Second
	// consumerLasts is how long the server keeps a consumer that no reader uses.
	consumerLasts = 30 * time.Second
	// consumerPause is the minimum time between the creation of two consumers.
	consumerPause = 100 * time.Millisecond
)

// partition is a partition of a NATS cluster: a stream of messages, and commits.
type partition struct {
	*session
	p     int
	slots int64

	last    link.Version    // the last commit that this connection has appended
	chunked map[string]bool // places with divided records; valid if the field last is not zero
}

var _ link.Partition = (*partition)(nil)

func (p *partition) info(ctx context.Context) (*jetstream.StreamInfo, error) {
	if err := p.connected(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	stream, err := p.js.Stream(ctx, p.messageStream(p.p)) // asks the leader of the stream
	if err != nil {
		return nil, p.fail(err)
	}
	return stream.CachedInfo(), nil
}

func (p *partition) State(ctx context.Context) (link.InboxState, error) {
	info, err := p.info(ctx)
	if err != nil {
		return link.InboxState{}, err
	}
	return link.InboxState{
		First: max(info.State.FirstSeq, 1), Last: info.State.LastSeq,
		Bytes: int64(info.State.Bytes), MaxBytes: max(info.Config.MaxBytes, 0),
	}, nil
}

func (p *partition) Trim(ctx context.Context, below uint64) error {
	if err := p.connected(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	stream, err := p.js.Stream(ctx, p.messageStream(p.p))
	if err != nil {
		return p.fail(err)
	}
	// With a larger number than LastSeq+1, Purge would change the number of the next message.
	if state := stream.CachedInfo().State; below <= state.FirstSeq || below > state.LastSeq+1 {
		return nil
	}
	return p.fail(stream.Purge(ctx, jetstream.WithPurgeSequence(below)))
}

func (p *partition) Read(_ context.Context, from uint64) (link.Reader, error) {
	return &reader{p: p, next: max(from, 1)}, nil
}

// reader reads messages with a consumer. It replaces the consumer if necessary.
type reader struct {
	p        *partition
	next     uint64 // number of the next message
	messages jetstream.MessagesContext
}

// Next waits for the next message and returns it. It may be called again after an error.
func (r *reader) Next(ctx context.Context) (link.Entry, error) {
	for {
		if err := ctx.Err(); err != nil {
			return link.Entry{}, err
		}
		if r.messages == nil {
			if err := r.open(ctx); err != nil {
				return link.Entry{}, err
			}
		}
		m, err := r.receive(ctx)
		if err != nil {
			r.reset() // the consumer no longer exists, or its server does not answer
			pause(ctx, consumerPause)
			continue
		}
		if m == nil {
			if err := r.look(ctx); err != nil {
				return link.Entry{}, err
			}
			continue
		}
		meta, err := m.Metadata()
		if err != nil {
			return link.Entry{}, r.p.fail(err)
		}
		seq := meta.Sequence.Stream
		if seq < r.next {
			continue
		}
		if seq > r.next {
			if lost, err := r.behind(ctx); lost || err != nil {
				r.reset()
				if err != nil {
					return link.Entry{}, err
				}
				continue
			}
		}
		r.next = seq + 1
		return link.Entry{Seq: seq, Stored: meta.Timestamp, Data: m.Data()}, nil
	}
}

// pause waits for a duration, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// receive waits for a message and returns it. If no message arrives within the duration silence, it
// returns nil.
func (r *reader) receive(ctx context.Context) (jetstream.Msg, error) {
	patience, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	m, err := r.messages.Next(jetstream.NextContext(patience))
	if err != nil && errors.Is(err, context.DeadlineExceeded) {
		return nil, nil
	}
	return m, err
}

// look replaces the consumer if the consumer has skipped a message. The reader calls look when no message has arrived
// within the duration silence.
func (r *reader) look(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	info, err := r.p.info(ctx)
	if err != nil || info.State.LastSeq >= r.next {
		r.reset()
	}
	return err
}

// behind reports whether the consumer has skipped the message with the number r.next. If the stream still contains this
// message, the consumer has skipped it. If not, an owner has trimmed it.
func (r *reader) behind(ctx context.Context) (bool, error) {
	info, err := r.p.info(ctx)
	return err == nil && info.State.FirstSeq <= r.next, err
}

func (r *reader) open(ctx context.Context) error {
	if err := r.p.connected(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	consumer, err := r.p.js.CreateConsumer(ctx, r.p.messageStream(r.p.p), jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: r.next,
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1, InactiveThreshold: consumerLasts,
	})
	if err != nil {
		return r.p.fail(err)
	}
	r.messages, err = consumer.Messages(jetstream.PullMaxMessagesWithBytesLimit(readAhead, readAheadBytes),
		jetstream.PullExpiry(pullExpires), jetstream.PullHeartbeat(heartbeat), jetstream.WithMessagesErrOnMissingHeartbeat(true))
	return r.p.fail(err)
}

func (r *reader) reset() {
	if r.messages != nil {
		r.messages.Stop()
		r.messages = nil
	}
}

func (r *reader) Close() error {
	r.reset()
	return nil
}
