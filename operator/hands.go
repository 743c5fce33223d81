package operator

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/statsd-ops/statsd/intake"
	"github.com/statsd-ops/statsd/meta/question"
	"github.com/statsd-ops/statsd/metric"
)

// Acts are the functions with which Hands change the daemon. Any goroutine may call them at any
// time.
type Acts struct {
	// OnLoop runs a function on the flush loop, as Sources.OnLoop does.
	OnLoop func(context.Context, func(*Running)) error
	// Flush flushes at once. The points get the time of the next flush, which is then skipped.
	Flush func(context.Context) (question.Flushed, error)
	// Reload reads the settings again. Unless the parameter dry is true, it applies the settings.
	// Reload is nil if a reload is not possible.
	Reload func(dry bool) (question.Reloaded, error)
	// Trace logs matching lines as they are received. Trace(nil) stops this.
	Trace func(*intake.Trace)
	// Delete deletes the matching names of a kind, and yields the deleted names.
	Delete func(ctx context.Context, kind metric.Kind, pattern string) iter.Seq2[string, error]
}

// Hands change the running daemon at the request of operators. The changes are lost when the
// process ends.
type Hands struct {
	Acts
	now        func() time.Time
	flushing   sync.Mutex
	flushedAt  time.Time
	drainUntil atomic.Pointer[time.Time] // end of draining, or nil; it contains a monotonic time, so it does not depend on changes of the clock
	muting     muting
}

// NewHands returns Hands that use the given functions.
func NewHands(a Acts) *Hands { return &Hands{Acts: a, now: time.Now} }

const (
	maxDrain  = 3600  // in seconds
	maxDebug  = 3600  // in seconds
	maxMute   = 86400 // in seconds
	flushOnce = time.Second
)

// lasting returns the parameter for the duration of a change.
func lasting(most, usual int) question.Parameter {
	return question.Parameter{Name: "seconds", Kind: question.Int, Default: usual, Min: 1, Max: most, Help: "for how many seconds"}
}

// named returns the parameter for the names that are changed.
func named(required bool) question.Parameter {
	p := question.Parameter{Name: "match", Required: required, Help: "a name, or a pattern such as web.*"}
	if required {
		p.Min = 1
	}
	return p
}

func option(name, help string) question.Parameter {
	return question.Parameter{Name: name, Kind: question.Bool, Default: false, Help: help}
}

// Changes returns all changes that operators can make.
func (h *Hands) Changes() []question.Change {
	all := []question.Change{
		{
			Name: "debug", Answer: question.Debugged{}, Do: h.debug,
			Parameters: []question.Parameter{named(false), lasting(maxDebug, 600), option("off", "stop logging")},
			Help:       fmt.Sprintf("Logs the received lines of names that match, at most %d a second, for at most an hour. A second call replaces the names of the first call.", intake.MaxTraced),
		},
		{
			Name: "names/mute", Answer: question.Mutes{}, Do: h.mute,
			Parameters: []question.Parameter{named(true), lasting(maxMute, 3600)},
			Help:       "Refuses the samples of names that match: they are counted as samples.refused.muted and not kept. At most 64 patterns can be muted, each for at most a day. A restart ends all mutes.",
		},
		{
			Name: "names/unmute", Answer: question.Mutes{}, Do: h.unmute,
			Parameters: []question.Parameter{{Name: "match", Required: true, Help: "a muted pattern, written as in the answer to the query \"status\""}},
			Help:       "Ends a mute.",
		},
		{
			Name: "names/delete", Answer: question.Deleted{}, Do: h.delete,
			Parameters: []question.Parameter{named(true), {Name: "kind", Choices: kindWords(), Default: allKinds, Help: "remove only names of this kind"}, option("dry_run", "only count the names")},
			Help:       "Removes the names that match, and everything that was collected for them since the last flush, as the management console does.",
		},
		{
			Name: "flush", Answer: question.Flushed{}, Do: h.flush,
			Help: "Publishes at once what was collected since the last flush. The points get the time of the next flush, which is then skipped.",
		},
		{
			Name: "drain", Answer: question.Drained{}, Do: h.drain,
			Parameters: []question.Parameter{lasting(maxDrain, 600), option("off", "stop draining")},
			Help:       "Makes /readyz fail, so that a load balancer sends new clients elsewhere. The daemon still receives.",
		},
	}
	if h.Reload != nil {
		all = append(all, question.Change{
			Name: "reload", Answer: question.Reloaded{}, Do: h.reload,
			Parameters: []question.Parameter{option("dry_run", "only report which settings would change")},
			Help:       "Reads the settings again, as SIGHUP does, and reports which settings have changed and which settings need a restart.",
		})
	}
	return all
}

func (h *Hands) flush(ctx context.Context, _ question.Arguments) (any, error) {
	h.flushing.Lock()
	defer h.flushing.Unlock()
	if left := flushOnce - h.now().Sub(h.flushedAt); left > 0 {
		return nil, &question.Error{Code: question.Busy, Text: "a flush was made less than a second ago", After: left}
	}
	done, err := h.Flush(ctx)
	if err == nil {
		h.flushedAt = h.now()
	}
	return done, err
}

func (h *Hands) reload(_ context.Context, args question.Arguments) (any, error) {
	done, err := h.Reload(args.Bool("dry_run"))
	if err != nil {
		return nil, &question.Error{Code: question.BadParameter, Text: "no setting has changed: " + err.Error(), Next: "correct the settings, and try with dry_run first"}
	}
	return done, nil
}

func (h *Hands) drain(_ context.Context, args question.Arguments) (any, error) {
	if args.Bool("off") {
		h.drainUntil.Store(nil)
		return question.Drained{}, nil
	}
	until := h.now().Add(time.Duration(args.Int("seconds")) * time.Second)
	h.drainUntil.Store(&until)
	return question.Drained{Draining: true, Until: until}, nil
}

// Draining reports whether an operator has drained the daemon, so that load balancers send new
// clients elsewhere.
func (h *Hands) Draining() bool {
	until := h.drainUntil.Load()
	return until != nil && h.now().Before(*until)
}

func (h *Hands) debug(_ context.Context, args question.Arguments) (any, error) {
	pattern := args.Text("match")
	switch {
	case args.Bool("off"):
		h.Trace(nil)
		return question.Debugged{}, nil
	case pattern == "":
		return nil, question.Errorf(question.BadParameter, "match", "match is missing: give a name, or a pattern such as web.*, or off")
	}
	matches, err := patternMatcher(pattern)
	if err != nil {
		return nil, err
	}
	until := h.now().Add(time.Duration(args.Int("seconds")) * time.Second)
	h.Trace(&intake.Trace{Match: matches, Until: until})
	return question.Debugged{Match: pattern, Until: until}, nil
}
