package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/internal/glob"
	"github.com/statsd-ops/statsd/meta/question"
	"github.com/statsd-ops/statsd/metric"
)

const (
	// maxMutes is the maximum number of muted patterns.
	maxMutes = 64
	// maxDeleted is the maximum number of deleted names in an answer.
	maxDeleted = 100
)

// muting holds the muted patterns.
type muting struct {
	mu  sync.Mutex // held while a mute is changed
	all mutes
	end *time.Timer // removes the mute that ends first

	shown sync.Mutex // guards the field seen, which is a copy of the field all for readers
	seen  mutes
}

type mutes []*muted

type muted struct {
	aggregate.Mute
	pattern string
	until   time.Time
}

// Muted returns the muted patterns.
func (h *Hands) Muted() []question.Mute {
	h.muting.shown.Lock()
	defer h.muting.shown.Unlock()
	all := []question.Mute{}
	for _, m := range h.muting.seen {
		all = append(all, question.Mute{Match: m.pattern, Until: m.until, Samples: m.Samples.Load()})
	}
	return all
}

func (h *Hands) mute(ctx context.Context, args question.Arguments) (any, error) {
	matches, err := patternMatcher(args.Text("match"))
	if err != nil {
		return nil, err
	}
	m := &muted{pattern: args.Text("match"), until: h.now().Add(time.Duration(args.Int("seconds")) * time.Second)}
	h.muting.mu.Lock()
	defer h.muting.mu.Unlock()
	before := h.muting.all
	after := slices.Clone(before)
	if i := before.index(m.pattern); i >= 0 {
		m.Samples.Store(before[i].Samples.Load())
		after[i] = m
	} else if after = append(after, m); len(after) > maxMutes {
		return nil, &question.Error{Code: question.Busy, Text: fmt.Sprintf("%d patterns are muted already", maxMutes), Next: "unmute a pattern first"}
	}
	if m.Match, err = h.untagged(ctx, matches); err != nil {
		return nil, err
	}
	if err := h.apply(ctx, after); err != nil {
		return nil, err
	}
	names, err := h.mark(ctx, m.Match)
	if err != nil { // undo the mute, because some receivers may not have applied it
		return nil, errors.Join(err, h.apply(context.WithoutCancel(ctx), before))
	}
	return question.Mutes{Names: names, Muted: h.Muted()}, nil
}

func (h *Hands) unmute(ctx context.Context, args question.Arguments) (any, error) {
	h.muting.mu.Lock()
	defer h.muting.mu.Unlock()
	pattern := args.Text("match")
	i := h.muting.all.index(pattern)
	if i < 0 {
		return nil, &question.Error{Code: question.NotFound, Parameter: "match", Text: shown(pattern) + " is not muted", Next: "the query \"status\" lists the muted patterns"}
	}
	if err := h.apply(ctx, slices.Delete(slices.Clone(h.muting.all), i, i+1)); err != nil {
		return nil, err
	}
	return question.Mutes{Muted: h.Muted()}, nil
}

func (all mutes) index(pattern string) int {
	return slices.IndexFunc(all, func(m *muted) bool { return m.pattern == pattern })
}

// apply sets all mutes in the table. It starts a timer for the mute that ends first. The caller
// holds muting.mu.
func (h *Hands) apply(ctx context.Context, all mutes) error {
	var table []*aggregate.Mute
	for _, m := range all {
		table = append(table, &m.Mute)
	}
	if err := h.OnLoop(ctx, func(r *Running) { r.Table.SetMutes(table) }); err != nil {
		return err
	}
	h.muting.all = all
	h.muting.shown.Lock()
	h.muting.seen = all
	h.muting.shown.Unlock()
	if h.muting.end != nil {
		h.muting.end.Stop()
	}
	if len(all) > 0 {
		first := slices.MinFunc(all, func(a, b *muted) int { return a.until.Compare(b.until) })
		h.muting.end = time.AfterFunc(first.until.Sub(h.now()), h.expire)
	}
	return nil
}

// expire removes the mutes that have ended.
func (h *Hands) expire() {
	h.muting.mu.Lock()
	defer h.muting.mu.Unlock()
	now := h.now()
	left := slices.DeleteFunc(slices.Clone(h.muting.all), func(m *muted) bool { return !now.Before(m.until) })
	_ = h.apply(context.Background(), left) // fails only if the daemon is ending
}

// untagged returns a matcher that also compares names without their tags, so patterns need not
// contain tags.
func (h *Hands) untagged(ctx context.Context, matches func([]byte) bool) (func([]byte) bool, error) {
	tagged := false
	if err := h.OnLoop(ctx, func(r *Running) { tagged = r.Listen.Tagged() }); err != nil || !tagged {
		return matches, err
	}
	return func(name []byte) bool {
		bare, _ := metric.CutTags(name)
		return matches(bare) || matches(name)
	}, nil
}

// mark applies the mutes to all matching names that are already in the table, a few hundred names
// at a time. It returns the number of the matching names.
func (h *Hands) mark(ctx context.Context, matches func([]byte) bool) (marked int, err error) {
	for kind := range metric.Kind(metric.Kinds) {
		err := h.walk(ctx, kind, matches, func(r *Running, look *aggregate.Peek) {
			r.Table.Mark(kind, look.Names)
			marked += len(look.Show())
		})
		if err != nil {
			return marked, err
		}
	}
	return marked, nil
}

// walk visits all matching names of a kind. On the flush loop it calls the function visit for a few
// hundred names at a time.
func (h *Hands) walk(ctx context.Context, kind metric.Kind, matches func([]byte) bool, visit func(*Running, *aggregate.Peek)) error {
	var look *aggregate.Peek
	err := h.OnLoop(ctx, func(r *Running) { look = r.Table.Peek(kind, matches) })
	for err == nil && look.Next() {
		if len(look.Names) > 0 {
			err = h.OnLoop(ctx, func(r *Running) { visit(r, look) })
		}
		if err == nil {
			err = ctx.Err()
		}
	}
	return err
}

func (h *Hands) delete(ctx context.Context, args question.Arguments) (any, error) {
	matches, err := patternMatcher(args.Text("match"))
	if err != nil {
		return nil, err
	}
	d := &question.Deleted{Match: args.Text("match"), Kind: args.Text("kind"), DryRun: args.Bool("dry_run"), First: []string{}}
	for kind := range metric.Kind(metric.Kinds) {
		if d.Kind != allKinds && d.Kind != kind.String() {
			continue
		}
		if d.DryRun {
			err = h.walk(ctx, kind, matches, func(_ *Running, look *aggregate.Peek) {
				for _, p := range look.Show() {
					addDeleted(d, string(p.Name))
				}
			})
		} else {
			err = h.deleteKind(ctx, kind, d)
		}
		if err != nil {
			return nil, fmt.Errorf("stopped after %d names: %w", d.Names, err)
		}
	}
	return *d, nil
}

func (h *Hands) deleteKind(ctx context.Context, kind metric.Kind, d *question.Deleted) error {
	for name, err := range h.Delete(ctx, kind, d.Match) {
		if err != nil {
			return err
		}
		addDeleted(d, name)
	}
	return nil
}

func addDeleted(d *question.Deleted, name string) {
	if d.Names++; len(d.First) < maxDeleted {
		d.First = append(d.First, shown(name))
	}
}

// allKinds is the argument that means every kind.
const allKinds = "all"

// kindWords returns the names of all kinds, and allKinds.
func kindWords() []string {
	words := []string{}
	for k := range metric.Kind(metric.Kinds) {
		words = append(words, k.String())
	}
	return append(words, allKinds)
}

// patternMatcher returns a matcher for a pattern. It returns an error if the pattern is invalid,
// because glob.Matcher would treat such a pattern as a plain name.
func patternMatcher(pattern string) (func([]byte) bool, error) {
	if _, err := glob.Parse(pattern); err != nil {
		return nil, question.Errorf(question.BadParameter, "match", "match: %v", err)
	}
	return glob.Matcher(pattern), nil
}
