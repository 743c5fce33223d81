package server

import (
	"context"
	"fmt"
	"iter"
	"math"
	"strings"
	"time"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/console"
	"github.com/statsd-ops/statsd/internal/glob"
	"github.com/statsd-ops/statsd/metric"
)

func (s *Server) bindConsole() (err error) {
	if s.cfg.Admin == "" {
		return nil
	}
	s.console, err = console.New(console.Config{
		Address: s.cfg.Admin, Down: s.cfg.AdminDown, Settings: s.cfg.Settings, Log: s.log,
	}, administered{s})
	return err
}

func (s *Server) closeConsole() error {
	if s.console == nil {
		return nil
	}
	return s.console.Close()
}

// administered is the Server as the console sees it. What it asks of the table is done by
// the flush loop, a little at a time.
type administered struct{ *Server }

// heard is when the last line came, to the second: the flush loop looks that often. It
// belongs to the flush loop.
type heard struct {
	lines uint64
	at    time.Time
}

// noteLines sees whether there were lines since it last looked, and returns what came in since
// the start. It is for the flush loop.
func (s *Server) noteLines() tally {
	total := s.flushes.total
	live := s.live()
	total.add(&live)
	if l := &s.heard; l.at.IsZero() || l.lines != total.lines {
		l.lines, l.at = total.lines, time.Now()
	}
	return total
}

// live returns what came in since the last flush.
func (s *Server) live() (t tally) {
	for _, l := range s.lanes {
		l.shard.Lock()
		t.add(&l.tally)
		l.shard.Unlock()
	}
	return t
}

// Stats implements console.Daemon. What never happened was in 1970, as with Etsy's.
func (a administered) Stats(ctx context.Context) (stats []console.Stat, err error) {
	now := time.Now()
	add := func(name string, value float64) { stats = append(stats, console.Stat{Name: name, Value: value}) }
	ago := func(t time.Time) float64 { return max(math.Round(now.Sub(t).Seconds()), 0) }
	var total tally
	var last time.Time
	if err := a.reloads.between(ctx, func() { total, last = a.noteLines(), a.heard.at }); err != nil {
		return nil, err
	}
	add("uptime", ago(a.started))
	add("messages.last_msg_seen", ago(last))
	add("messages.bad_lines_seen", float64(total.discardedSamples()))
	for _, o := range a.currentOutlets() {
		st := o.look()
		published := st.published
		if published.IsZero() {
			published = a.started
		}
		exception := float64(now.Unix())
		if !st.failed.IsZero() {
			exception = ago(st.failed)
		}
		add(o.name+".last_flush", ago(published))
		add(o.name+".last_exception", exception)
		add(o.name+".flush_time", float64(st.last.spent.Milliseconds()))
		add(o.name+".flush_length", float64(st.last.bytes))
	}
	return stats, nil
}

// Names implements console.Daemon. Counters begin with those that Etsy's keeps of itself.
func (a administered) Names(ctx context.Context, kind metric.Kind, pattern string) iter.Seq2[console.Name, error] {
	return func(yield func(console.Name, error) bool) {
		match := matcher(pattern)
		var own []console.Name
		var look *aggregate.Peek
		err := a.reloads.between(ctx, func() {
			if kind == metric.Counter {
				own = a.ownCounters()
			}
			look = a.table.Peek(kind, match)
		})
		for _, c := range own {
			if match([]byte(c.Name)) && !yield(c, nil) {
				return
			}
		}
		for err == nil && look.Next() {
			var shown []aggregate.Peeked
			if len(look.Names) > 0 {
				err = a.reloads.between(ctx, func() { shown = look.Show() })
			}
			for _, p := range shown {
				if !yield(console.Name{Name: string(p.Name), Value: p.Value, Samples: p.Samples}, nil) {
					return
				}
			}
			if err == nil {
				err = ctx.Err()
			}
		}
		if err != nil {
			yield(console.Name{}, err)
		}
	}
}

// ownCounters are the counters that Etsy's statsd keeps of itself, since the last flush.
// It is for the flush loop.
func (s *Server) ownCounters() (own []console.Name) {
	prefix := strings.Trim(s.cfg.MetadataPrefix, ".")
	if prefix == "" {
		return nil
	}
	t := s.live()
	for _, c := range t.etsyCounters() {
		own = append(own, console.Name{Name: prefix + "." + c.Name, Value: c.Value})
	}
	return own
}

// isPattern reports whether text can stand for another name than itself.
func isPattern(text string) bool { return strings.ContainsAny(text, `*?[\`) }

// matcher returns what matches the names that a pattern stands for. What is none stands
// for itself.
func matcher(pattern string) func(name []byte) bool {
	if pattern == "*" {
		return func([]byte) bool { return true }
	}
	if g, err := glob.Parse(pattern); err == nil && isPattern(pattern) {
		return func(name []byte) bool { return g.Match(string(name)) }
	}
	return func(name []byte) bool { return string(name) == pattern }
}

// Delete implements console.Daemon.
func (a administered) Delete(ctx context.Context, kind metric.Kind, pattern string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		gone, err := a.forget(ctx, kind, [][]byte{[]byte(pattern)})
		if err == nil && isPattern(pattern) {
			var look *aggregate.Peek
			err = a.reloads.between(ctx, func() { look = a.table.Peek(kind, matcher(pattern)) })
			for err == nil && look.Next() {
				for _, name := range gone {
					if !yield(name, nil) {
						return
					}
				}
				gone, err = a.forget(ctx, kind, look.Names)
			}
		}
		for _, name := range gone {
			if !yield(name, nil) {
				return
			}
		}
		if err != nil {
			yield("", fmt.Errorf("delete %s: %w", pattern, err))
		}
	}
}

// forget makes the table forget names, and returns those that were known.
func (s *Server) forget(ctx context.Context, kind metric.Kind, names [][]byte) (gone []string, err error) {
	if err := ctx.Err(); err != nil || len(names) == 0 {
		return nil, err
	}
	err = s.reloads.between(ctx, func() {
		for _, name := range names {
			if s.table.Forget(kind, name) {
				gone = append(gone, string(name))
			}
		}
	})
	return gone, err
}
