package nats

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/statsd-ops/statsd/link"
)

const (
	leastVersion = "2.12" // minimum version of nats-server
	leastPayload = 1 << 20
	// memberTTL is how long an owner counts as alive after its last announcement.
	memberTTL = 10 * time.Second
)

// Engine is the connection of an owner to a NATS cluster.
type Engine struct {
	*session
	cluster link.Settings // the settings of the cluster; set by Join
}

var _ link.Engine = (*Engine)(nil)

// NewEngine returns an Engine. It connects when it is first used, so errors of NewEngine are only
// about the files in cfg.
func NewEngine(cfg Config) (*Engine, error) {
	s, err := newSession(cfg, "owner")
	if err != nil {
		return nil, err
	}
	return &Engine{session: s}, nil
}

// Join creates the missing streams and buckets. If the servers cannot create them now, it tries
// again until ctx ends.
func (e *Engine) Join(ctx context.Context, wanted link.Settings) (link.Settings, error) {
	for {
		settings, err := e.join(ctx, wanted)
		if err == nil {
			e.cluster = settings
		}
		if err == nil || ctx.Err() != nil || !e.temporary(err) {
			return settings, err
		}
		e.tell(topicJoin, fmt.Errorf("cannot join the cluster yet, trying again: %w", err))
		select {
		case <-ctx.Done():
			return link.Settings{}, err
		case <-time.After(time.Second):
		}
	}
}

// temporary reports whether the error may disappear soon, for example because the servers are
// electing a leader.
func (e *Engine) temporary(err error) bool {
	if errors.Is(err, natsgo.ErrPermissionViolation) {
		return false
	}
	var api *jetstream.APIError
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, natsgo.ErrTimeout) || errors.Is(err, natsgo.ErrNoResponders) ||
		errors.Is(err, natsgo.ErrReconnectBufExceeded) || errors.As(err, &api) && api.Code == 503 && !isFull(err)
}

func (e *Engine) join(ctx context.Context, wanted link.Settings) (link.Settings, error) {
	if err := e.await(ctx); err != nil {
		return link.Settings{}, err
	}
	if err := e.checkServer(); err != nil {
		return link.Settings{}, e.fail(err)
	}
	settings, err := e.agree(ctx, wanted)
	if err != nil {
		return link.Settings{}, err
	}
	if err := wanted.Compare(settings); err != nil {
		return link.Settings{}, err
	}
	for p := range settings.Partitions {
		if err := e.ensure(ctx, e.messages(p, settings)); err != nil {
			return link.Settings{}, err
		}
	}
	if err := e.ensure(ctx, e.commits()); err != nil {
		return link.Settings{}, err
	}
	return settings, e.ensure(ctx, e.members())
}

func (e *Engine) checkServer() error {
	if v := e.nc.ConnectedServerVersion(); v != "" && older(v, leastVersion) {
		return fmt.Errorf("nats-server %s is too old: use %s or newer", v, leastVersion)
	}
	if n := e.nc.MaxPayload(); n < leastPayload {
		return fmt.Errorf("max_payload of nats-server is %d, and must be at least %d", n, leastPayload)
	}
	return nil
}

// older reports whether the version of a server is older than the version least. It compares only
// the first two numbers of the versions.
func older(version, least string) bool {
	v, l := strings.SplitN(version, ".", 3), strings.SplitN(least, ".", 3)
	for i := range 2 {
		if i >= len(v) {
			return true
		}
		a, _ := strconv.Atoi(v[i])
		if b, _ := strconv.Atoi(l[i]); a != b {
			return a < b
		}
	}
	return false
}

// agree reads the settings of the cluster. If there are none, it creates them.
func (e *Engine) agree(ctx context.Context, wanted link.Settings) (link.Settings, error) {
	if err := e.ensure(ctx, e.bucket(e.settingsBucket(), "settings of a cluster of statsd")); err != nil {
		return link.Settings{}, err
	}
	settings, err := e.settings(ctx)
	if !errors.Is(err, link.ErrNone) {
		return settings, err
	}
	first, err := wanted.First(func(key []byte) { _, _ = rand.Read(key) }) // rand.Read never fails
	if err != nil {
		return link.Settings{}, err
	}
	_, err = e.publish(ctx, &natsgo.Msg{Subject: bucketSubject(e.settingsBucket(), settingsKey), Data: first.Encode()},
		jetstream.WithExpectLastSequencePerSubject(0))
	if err != nil && !isFenced(err) { // a fenced error means that another owner has created the settings first
		return link.Settings{}, err
	}
	return e.settings(ctx)
}

// bucket returns the configuration of the stream behind a key-value bucket. NATS' own tools create such a stream with
// the same settings.
func (e *Engine) bucket(name, description string) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: bucketStream(name), Description: description, Subjects: []string{bucketSubject(name, ">")},
		Storage: jetstream.FileStorage, Replicas: e.cfg.Replicas, Retention: jetstream.LimitsPolicy,
		Discard: jetstream.DiscardNew, MaxBytes: -1, MaxMsgsPerSubject: 1, Duplicates: memberTTL,
		AllowRollup: true, DenyDelete: true, AllowDirect: true,
	}
}

// members returns the configuration of the bucket with the owners that are alive. An announcement
// expires after memberTTL.
func (e *Engine) members() jetstream.StreamConfig {
	c := e.bucket(e.memberBucket(), "owners of a cluster of statsd")
	c.Storage, c.MaxAge = jetstream.MemoryStorage, memberTTL
	return c
}

// messages returns the configuration of the stream with the messages of a partition. When the stream is full, it
// refuses new messages. By itself, it never removes a message that it has accepted.
func (e *Engine) messages(p int, settings link.Settings) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: e.messageStream(p), Subjects: []string{e.messageSubject(p)},
		Storage: jetstream.FileStorage, Replicas: e.cfg.Replicas, Retention: jetstream.LimitsPolicy,
		Discard: jetstream.DiscardNew, MaxBytes: e.cfg.MaxBytes / int64(settings.Partitions), MaxMsgSize: leastPayload,
		MaxMsgsPerSubject: -1, Duplicates: 2 * time.Minute, DenyDelete: true,
	}
}

// commits returns the configuration of the stream of all commits. Commits never expire.
func (e *Engine) commits() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:     e.commitStream(),
		Subjects: []string{e.cfg.Prefix + ".w.*.*", e.cfg.Prefix + ".x.*.*.*"},
		Storage:  jetstream.FileStorage, Replicas: e.cfg.Replicas, Retention: jetstream.LimitsPolicy,
		Discard: jetstream.DiscardOld, MaxBytes: -1, MaxMsgsPerSubject: 1, Duplicates: time.Minute,
	}
}

// ensure creates a stream. If the stream exists, ensure checks that its configuration cannot cause
// a loss of data.
func (e *Engine) ensure(ctx context.Context, want jetstream.StreamConfig) error {
	ctx, cancel := context.WithTimeout(ctx, 2*requestTimeout)
	defer cancel()
	stream, err := e.js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = e.js.CreateStream(ctx, want)
	}
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // another owner has created the stream with another --collect-bytes
		stream, err = e.js.Stream(ctx, want.Name)
	}
	if err == nil {
		err = check(stream.CachedInfo().Config, want)
	}
	if err != nil {
		return e.fail(fmt.Errorf("stream %s: %w%s", want.Name, err, hint(err)))
	}
	return nil
}

// check returns an error if the configuration of a stream could cause a loss of messages or
// commits. Operators may change the size of a stream and its number of replicas.
func check(got, want jetstream.StreamConfig) error {
	switch {
	case strings.Join(got.Subjects, " ") != strings.Join(want.Subjects, " "):
		return fmt.Errorf("the stream has the subjects %q, and must have %q: use another prefix in --collect", got.Subjects, want.Subjects)
	case got.Retention != want.Retention, got.Discard != want.Discard, got.MaxAge != want.MaxAge, got.MaxMsgsPerSubject != want.MaxMsgsPerSubject,
		got.MaxMsgs > 0, got.Discard == jetstream.DiscardOld && got.MaxBytes > 0, got.AllowDirect != want.AllowDirect, got.Storage != want.Storage:
		return fmt.Errorf("the configuration of the stream was changed, and data could be lost: set it back to %s", guarded(want))
	}
	return nil
}

// guarded describes the settings that the function check compares, with their correct values.
func guarded(want jetstream.StreamConfig) string {
	bytes := ""
	if want.Discard == jetstream.DiscardOld {
		bytes = ", no max-bytes"
	}
	return strings.ToLower(fmt.Sprintf("storage=%v, retention=%v, discard=%s, max-age=%v (0s is none), no max-msgs%s, max-msgs-per-subject=%d, allow-direct=%v",
		want.Storage, want.Retention, strings.TrimPrefix(want.Discard.String(), "Discard"), want.MaxAge, bytes, want.MaxMsgsPerSubject, want.AllowDirect))
}

const (
	// codeNoPeers means that too few servers have enough space for a stream. codeNoCopies means that
	// there is only one server, so replicas are impossible.
	codeNoPeers  = 10005
	codeNoCopies = 10074
)

// hint returns advice for an error that occurred when a stream was created.
func hint(err error) string {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return ""
	}
	switch {
	case api.ErrorCode == codeNoPeers && strings.Contains(api.Description, "insufficient storage"), isFull(err):
		return ": raise max_file_store of the NATS servers, or lower --collect-bytes"
	case api.ErrorCode == codeNoPeers, api.ErrorCode == codeNoCopies:
		return ": start more NATS servers, or lower --collect-replicas"
	}
	return ""
}

// Partition returns a partition. Call it after Join.
func (e *Engine) Partition(p int) link.Partition {
	return &partition{session: e.session, p: p, slots: e.cluster.Slots()}
}

// Close closes the connection.
func (e *Engine) Close() error { return e.close() }
