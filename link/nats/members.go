package nats

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/statsd-ops/statsd/link"
)

const (
	memberPrefix = "own."
	announceWait = 3 * time.Second
)

// Members returns Members that announce this owner under the name id. Call it after Join. Each
// owner needs its own name.
func (e *Engine) Members(id string) link.Members {
	return &members{session: e.session, partitions: e.cluster.Partitions, key: memberPrefix + token(id), life: nuid.Next()}
}

type members struct {
	*session
	partitions int
	key        string
	life       string // random identifier of this process, to recognise another process with the same name
	announced  bool
}

// Run announces the owner every 3 s. While no server answers, the owner keeps its partitions.
func (m *members) Run(ctx context.Context, wanted func([]int)) error {
	var before []int
	for ctx.Err() == nil {
		if all, err := m.announce(ctx); err == nil {
			if mine := m.share(all); before == nil || !slices.Equal(mine, before) {
				before = mine
				wanted(mine)
			}
		} else if ctx.Err() == nil {
			m.tell(topicMember, fmt.Errorf("cannot announce this owner: %w", err))
		}
		pause(ctx, announceWait)
	}
	return m.withdraw()
}

// announce announces that this owner is alive. It returns the keys of all owners that are alive.
func (m *members) announce(ctx context.Context) ([]string, error) {
	if err := m.checkName(ctx); err != nil {
		return nil, err
	}
	subject := bucketSubject(m.memberBucket(), m.key)
	if _, err := m.publish(ctx, &natsgo.Msg{Subject: subject, Data: []byte(m.life)}); err != nil {
		return nil, err
	}
	m.announced = true
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	stream, err := m.js.Stream(ctx, bucketStream(m.memberBucket()))
	if err != nil {
		return nil, m.fail(err)
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(bucketSubject(m.memberBucket(), memberPrefix+">")))
	if err != nil {
		return nil, m.fail(err)
	}
	all := []string{m.key}
	for subject := range info.State.Subjects {
		if key := strings.TrimPrefix(subject, bucketSubject(m.memberBucket(), "")); key != m.key {
			all = append(all, key)
		}
	}
	return all, nil
}

// checkName informs the operators if another process announces the same name.
func (m *members) checkName(ctx context.Context) error {
	if !m.announced {
		return nil // the announcement may be from an earlier run of this daemon
	}
	now, err := m.get(ctx, bucketStream(m.memberBucket()), query{Last: bucketSubject(m.memberBucket(), m.key)})
	if errors.Is(err, link.ErrNone) {
		return nil
	}
	if err == nil && string(now.Data) != m.life {
		m.tell(topicName, fmt.Errorf("another owner has the same name, %s: give each owner its own --collect-id", strings.TrimPrefix(m.key, memberPrefix)))
	}
	return err
}

// withdraw removes the announcement, so that the other owners do not need to wait until it expires.
func (m *members) withdraw() error {
	ctx, cancel := context.WithTimeout(context.Background(), connectPatience)
	defer cancel()
	stream, err := m.js.Stream(ctx, bucketStream(m.memberBucket()))
	if err != nil {
		return m.fail(err)
	}
	return m.fail(stream.Purge(ctx, jetstream.WithPurgeSubject(bucketSubject(m.memberBucket(), m.key))))
}

// share returns the partitions that this owner should own. For each partition, the owner with the
// highest hash should own it. So if an owner starts or stops, only its own partitions change their
// owner.
func (m *members) share(all []string) []int {
	mine := []int{}
	for p := range m.partitions {
		best, winner := uint64(0), ""
		for _, key := range all {
			if h := weight(key, p); winner == "" || h > best || h == best && key < winner {
				best, winner = h, key
			}
		}
		if winner == m.key {
			mine = append(mine, p)
		}
	}
	return mine
}

// weight returns the hash of an owner and a partition.
func weight(key string, p int) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %d", key, p)
	x := h.Sum64() // the FNV hashes of similar names have similar high bits, so mix the bits
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// token converts a name to a valid NATS key. Different names have different keys.
func token(id string) string {
	var b strings.Builder
	for i := range len(id) {
		switch c := id[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "=%02x", c)
		}
	}
	return b.String()
}
