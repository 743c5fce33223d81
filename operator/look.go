package operator

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/meta/question"
	"github.com/statsd-ops/statsd/metric"
)

// onLoop runs the function f on the flush loop, between two flushes. The function must return
// quickly.
func (d *Desk) onLoop(ctx context.Context, f func(*Running)) error {
	err := d.OnLoop(ctx, f)
	if err != nil && !errors.Is(err, ctx.Err()) {
		return question.Errorf(question.Ending, "", "%v", err)
	}
	return err
}

// WriteNames writes all names in the table. Each line has a kind, a space, and a name.
func (d *Desk) WriteNames(ctx context.Context, w io.Writer) error {
	out := bufio.NewWriter(w)
	for kind := range metric.Kind(metric.Kinds) {
		var look *aggregate.Peek
		if err := d.onLoop(ctx, func(r *Running) { look = r.Table.Peek(kind, nil) }); err != nil {
			return err
		}
		for look.Next() {
			var names [][]byte
			err := d.onLoop(ctx, func(*Running) {
				for _, shown := range look.Show() {
					names = append(names, shown.Name)
				}
			})
			if err != nil {
				return err
			}
			for _, name := range names {
				fmt.Fprintf(out, "%s %s\n", kind, name)
			}
		}
	}
	return out.Flush()
}

// nameFacts is what the table knows about a name.
type nameFacts struct {
	kinds   [metric.Kinds]kindFacts
	clashes []clash
	names   int // number of names in the table
}

type kindFacts struct {
	held bool
	seen aggregate.Seen
	now  aggregate.Peeked // data since the last flush
}

// clash is a path that two names share: the explained name and the name in the field other.
type clash struct {
	path  string
	kind  metric.Kind // kind of the explained name
	other aggregate.Origin
}

// held reports whether the table has the name, as any kind.
func (f *nameFacts) held() bool {
	return slices.ContainsFunc(f.kinds[:], func(k kindFacts) bool { return k.held })
}

// kinds returns the kind of the sample. Without a sample, it returns all kinds that the table has
// for the name.
func (s *subject) kinds() (kinds []metric.Kind) {
	if s.sample != nil {
		return []metric.Kind{s.sample.Kind}
	}
	for kind := range s.facts.kinds {
		if s.facts.kinds[kind].held {
			kinds = append(kinds, metric.Kind(kind))
		}
	}
	return kinds
}

// look reads the data of a name, and the names that share a path with it, from the table.
func (d *Desk) look(ctx context.Context, r *Running, s *subject) (f nameFacts, err error) {
	possible := possibleClashes(r, s)
	err = d.onLoop(ctx, func(r *Running) {
		f.names = r.Table.Names()
		for kind := range f.kinds {
			k := &f.kinds[kind]
			if k.seen, k.held = r.Table.Seen(metric.Kind(kind), []byte(s.name)); k.held {
				k.now, _ = r.Table.PeekName(metric.Kind(kind), []byte(s.name))
				k.now.Samples = nil
			}
		}
		for _, c := range possible {
			if _, held := r.Table.Seen(c.other.Kind, []byte(c.other.Name)); held && (s.sample != nil || f.kinds[c.kind].held) {
				f.clashes = append(f.clashes, c)
			}
		}
	})
	return f, err
}

// possibleClashes returns the names that would share a path with the subject.
func possibleClashes(r *Running, s *subject) (all []clash) {
	for kind := range metric.Kind(metric.Kinds) {
		if s.sample != nil && s.sample.Kind != kind {
			continue
		}
		o := aggregate.Origin{Kind: kind, Name: s.name}
		for _, path := range r.Scheme.Paths(o, r.Limits.Tagged) {
			for _, other := range r.Scheme.Origins(path, r.Limits.Tagged) {
				if other != o {
					all = append(all, clash{path, kind, other})
				}
			}
		}
	}
	return all
}
