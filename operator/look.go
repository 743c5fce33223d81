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

// onLoop runs f on the flush loop, between two flushes. f must be quick.
func (d *Desk) onLoop(ctx context.Context, f func(*Running)) error {
	err := d.OnLoop(ctx, f)
	if err != nil && !errors.Is(err, ctx.Err()) {
		return question.Errorf(question.Ending, "", "%v", err)
	}
	return err
}

// WriteNames writes all names of the table, one a line: the kind, a space, and the name.
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

// nameFacts is the table's information about a name.
type nameFacts struct {
	kinds   [metric.Kinds]kindFacts
	clashes []clash
	names   int // number of names in the table
}

type kindFacts struct {
	held bool
	seen aggregate.Seen
	now  aggregate.Peeked // count since the last flush
}

// clash is a path that two names share.
type clash struct {
	path  string
	kind  metric.Kind // the name that has the path
	other aggregate.Origin
}

// held reports whether the name is known as any kind.
func (f *nameFacts) held() bool {
	return slices.ContainsFunc(f.kinds[:], func(k kindFacts) bool { return k.held })
}

// kinds are the kind of the sample, or all kinds under which the name is known.
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

// look asks the table about a name.
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

// possibleClashes lists the names that would share a path with a name.
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
