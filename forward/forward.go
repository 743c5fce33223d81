// Package forward implements the edges of a cluster. An edge sends the rows of each interval to an engine (see package
// link). The engine stores the rows for the owners, which are the daemons that merge the rows and publish the points.
//
//	e, err := forward.New(cfg)           // uses saved settings of the cluster, if there are any
//	settings, err := e.Join(ctx)         // if there are none, waits until the cluster answers
//	f := e.Take(interval, collected)     // at each flush, before the interval is summarised
//	f.Encode(emit)                       // makes payloads of messages, on another goroutine
//	err = e.Send(ctx, payload)           // must be repeated until it returns nil
//
// Package delivery keeps the payloads until they are sent, and repeats failed sends. Each message contains its edge,
// the run of the edge and its interval, so owners merge a repeated message only once.
package forward

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/statsd-ops/statsd/internal/clock"
	"github.com/statsd-ops/statsd/internal/glob"
	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/partial"
)

// Target configures the cluster to which this daemon forwards its intervals, and selects the
// forwarded names. Changes need a restart. The struct tag of each field names the field's flag.
type Target struct {
	// ForwardTo is the address of the cluster. If it is empty (the default), nothing is forwarded.
	ForwardTo string `flag:"--forward"`
	// ForwardAfter and ForwardUntil limit the intervals that the cluster gets. They are ends of flush
	// intervals, or zero for no limit. The cluster gets the intervals that end after the time
	// ForwardAfter and not after the time ForwardUntil.
	ForwardAfter time.Time `flag:"--forward"`
	ForwardUntil time.Time
	// ForwardID is the name of this edge in the cluster, by default the host name. Each edge needs its
	// own name.
	ForwardID string `flag:"--forward-id"`
	// ForwardMatch selects the names to forward. If it is empty (the default), all names are
	// forwarded.
	ForwardMatch []glob.Glob `flag:"--forward-match"`
	// ForwardOnly means that this daemon's sinks do not get the forwarded names from its own flushes. It is for a
	// daemon that is an edge and an owner: such a daemon gets the forwarded names back from the cluster. If
	// ForwardMatch is set, the sinks never get the forwarded names. If neither ForwardOnly nor ForwardMatch is set, the
	// sinks get all names, and the cluster gets them too.
	ForwardOnly bool
	// Connect returns the connection to the cluster. It is required if ForwardTo is set.
	Connect func() (link.Sender, error)
}

// Validate returns an error if a setting is not valid. The error names the flag of the setting.
func (t *Target) Validate() error {
	if t.ForwardTo == "" && t.ForwardID == "" { // ForwardID may be empty if nothing is forwarded
		return nil
	}
	if err := link.CheckName(t.ForwardID); err != nil {
		return metric.FlagErrorf("--forward-id", t.ForwardID, "%w", err)
	}
	return nil
}

// Config is the configuration for New.
type Config struct {
	Target
	// Interval and Tags are the daemon's --flush-interval and --tags. They must be the same as in the
	// cluster.
	Interval time.Duration
	Tags     string
	// Cache is the file that stores the settings of the cluster for the next start. If it is empty,
	// each start waits until the cluster answers.
	Cache string
	// Log receives the messages for operators.
	Log zerolog.Logger
}

// Edge forwards the intervals of one run of a daemon to a cluster. New creates it.
type Edge struct {
	cfg    Config
	epoch  int64
	sender link.Sender

	mu              sync.Mutex
	settings        link.Settings // Partitions is zero until the settings are known
	waits           error         // why Join still waits; nil when the settings are known
	number, samples uint64        // number of intervals given to Take, and of their samples

	spare chan *partial.Rows // Rows that Take reuses

	// verified means that the cluster has confirmed the settings in use. If there are no saved settings,
	// Join asks the cluster. If New has used saved settings, the first call of Send asks the cluster.
	verified atomic.Bool

	encoder  *partial.Encoder // only the method Encode uses this encoder
	delivery delivery         // only the method Send uses this field
	watch    watch
}

// New returns an Edge. If an earlier run has saved the settings of the cluster, and they match the
// daemon's settings, the Edge uses them.
func New(cfg Config) (*Edge, error) {
	e := &Edge{cfg: cfg, epoch: time.Now().UnixNano(), spare: make(chan *partial.Rows, maxSpare)}
	e.cfg.Log = cfg.Log.With().Str("cluster", cfg.ForwardTo).Logger()
	err := cfg.Validate()
	if err != nil {
		return nil, err
	}
	if e.sender, err = cfg.Connect(); err != nil {
		return nil, metric.FlagErrorf("--forward", cfg.ForwardTo, "%w", err)
	}
	e.waits = errUnanswered
	s, ok, err := e.load()
	if err != nil {
		return nil, errors.Join(err, e.sender.Close())
	}
	if ok && e.fits(s) == nil {
		err = e.adopt(s)
	}
	return e, err
}

// Target returns the Target in the Config of the Edge.
func (e *Edge) Target() *Target { return &e.cfg.Target }

// Sender returns the connection to the cluster.
func (e *Edge) Sender() link.Sender { return e.sender }

var errUnanswered = errors.New("the cluster has not answered yet")

// fits returns a *link.MismatchError if the daemon's settings differ from the settings of the
// cluster.
func (e *Edge) fits(cluster link.Settings) error {
	wanted := cluster
	wanted.Interval, wanted.Tags = e.cfg.Interval, e.cfg.Tags
	return wanted.Compare(cluster)
}

// adopt makes the Edge use the given settings.
func (e *Edge) adopt(s link.Settings) (err error) {
	e.encoder, err = partial.NewEncoder(e.cfg.ForwardID, e.epoch, s.Partitions)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.settings, e.waits = s, nil
	return err
}

// Settings returns the settings of the cluster. The result known is false if the cluster has not
// answered yet.
func (e *Edge) Settings() (s link.Settings, known bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.settings, e.settings.Partitions > 0
}

// Run identifies a run of an edge, and counts its intervals and samples.
type Run struct {
	Epoch   int64  // when the run began, in Unix nanoseconds
	Number  uint64 // number of the last interval; the first is 1
	Samples uint64 // number of samples in all intervals of the run
}

// Run returns the start time of the current run, and the numbers of its intervals and samples.
func (e *Edge) Run() Run {
	e.mu.Lock()
	defer e.mu.Unlock()
	return Run{e.epoch, e.number, e.samples}
}

// Waits returns the reason why the settings are not known yet, or nil.
func (e *Edge) Waits() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.waits
}

const (
	// askPatience is the maximum duration of a request for the settings.
	askPatience = 3 * time.Second
	askPause    = time.Second
	// tellEvery is the time between two log messages that say why Join waits.
	tellEvery = time.Minute
)

// Join returns the settings of the cluster. If they are not known yet, it waits until the cluster answers. The error is
// a *link.MismatchError, or the error of ctx.
func (e *Edge) Join(ctx context.Context) (link.Settings, error) {
	if s, known := e.Settings(); known {
		return s, nil
	}
	for told := (time.Time{}); ; {
		s, err := e.ask(ctx)
		if err == nil {
			e.verified.Store(true)
			e.cfg.Log.Info().Int("partitions", s.Partitions).Msg("joined the cluster")
			return s, e.adopt(s)
		}
		if _, mismatch := errors.AsType[*link.MismatchError](err); mismatch || ctx.Err() != nil {
			return s, err
		}
		e.wait(err)
		if now := time.Now(); now.Sub(told) >= tellEvery {
			told = now
			e.cfg.Log.Warn().Err(err).Msg("the settings of the cluster are not known yet: the daemon takes no samples until the cluster answers; trying again each second")
		}
		if !clock.Sleep(ctx, askPause) {
			return s, ctx.Err()
		}
	}
}

func (e *Edge) wait(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.waits = err
}

// ask asks the cluster for its settings, and saves them for the next start.
func (e *Edge) ask(ctx context.Context) (link.Settings, error) {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	s, err := e.sender.Settings(ctx)
	if err != nil {
		return s, fmt.Errorf("cannot get the settings of the cluster: %w", err)
	}
	if err := e.fits(s); err != nil {
		return s, err
	}
	e.save(s)
	return s, nil
}
