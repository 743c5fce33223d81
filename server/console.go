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
	"github.com/statsd-ops/statsd/intake"
	"github.com/statsd-ops/statsd/internal/glob"
	"github.com/statsd-ops/statsd/metric"
)

func (s *Server) openConsole() (err error) {
	if s.cfg.Admin == "" {
		return nil
	}
	s.console, err = console.New(console.Config{
		Address: s.cfg.Admin, Down: s.cfg.AdminDown, Settings: s.cfg.Settings, Log: s.log,
	}, administered{s})
	return err
}

// administered implements console.Daemon for a Server. The flush loop answers queries about the
// table, a few names at a time.
type administered struct{ *Server }

// noteLines updates the field heard, which contains the time of the last received line. It returns
// the totals of what the daemon has received since the start. Only the flush loop calls it.
func (s *Server) noteLines() intake.Tally {
	total := s.flushes.total
	live := s.in.Live()
	total.Add(&live)
	if l := &s.flushes.heard; l.at.IsZero() || l.lines != total.Lines {
		l.lines, l.at = total.Lines, time.Now()
	}
	return total
}

// Stats implements console.Daemon. As in Etsy's console, an event that has not happened has the
// time 0, which is the start of 1970.
func (a administered) Stats(ctx context.Context) (stats []console.Stat, err error) {
	now := time.Now()
	add := func(name string, value float64) { stats = append(stats, console.Stat{Name: name, Value: value}) }
	ago := func(t time.Time) float64 { return max(math.Round(now.Sub(t).Seconds()), 0) }
	var total intake.Tally
	var last time.Time
	if err := a.loop.do(ctx, func() { total, last = a.noteLines(), a.flushes.heard.at }); err != nil {
		return nil, err
	}
	add("uptime", ago(a.started))
	add("messages.last_msg_seen", ago(last))
	add("messages.bad_lines_seen", float64(total.DiscardedSamples()))
	for _, st := range a.out.States() {
		if st.Removed || st.Recorder != nil {
			continue
		}
		published := st.Published
		if published.IsZero() {
			published = a.started
		}
		exception := float64(now.Unix())
		if !st.Failed.IsZero() {
			exception = ago(st.Failed)
		}
		add(st.Name+".last_flush", ago(published))
		add(st.Name+".last_exception", exception)
		add(st.Name+".flush_time", float64(st.Last.Spent.Milliseconds()))
		add(st.Name+".flush_length", float64(st.Last.Bytes))
	}
	return stats, nil
}

// Names implements console.Daemon. The counters that Etsy's statsd keeps about itself come before
// the counters of clients.
func (a administered) Names(ctx context.Context, kind metric.Kind, pattern string) iter.Seq2[console.Name, error] {
	return func(yield func(console.Name, error) bool) {
		match := glob.Matcher(pattern)
		var own []console.Name
		var look *aggregate.Peek
		err := a.loop.do(ctx, func() {
			if kind == metric.Counter {
				own = a.ownCounters()
			}
			look = a.in.Table().Peek(kind, match)
		})
		for _, c := range own {
			if match([]byte(c.Name)) && !yield(c, nil) {
				return
			}
		}
		for err == nil && look.Next() {
			var shown []aggregate.Peeked
			if len(look.Names) > 0 {
				err = a.loop.do(ctx, func() { shown = look.Show() })
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

// ownCounters returns the counters that Etsy's statsd keeps about itself. They count since the last
// flush. Only the flush loop calls it.
func (s *Server) ownCounters() (own []console.Name) {
	prefix := strings.Trim(s.cfg.MetadataPrefix, ".")
	if prefix == "" {
		return nil
	}
	live := s.in.Live()
	for _, c := range etsyCounters(&live) {
		own = append(own, console.Name{Name: prefix + "." + c.name, Value: c.value})
	}
	return own
}

// Delete implements console.Daemon.
func (a administered) Delete(ctx context.Context, kind metric.Kind, pattern string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		gone, err := a.forget(ctx, kind, [][]byte{[]byte(pattern)})
		if err == nil && glob.IsPattern(pattern) {
			var look *aggregate.Peek
			err = a.loop.do(ctx, func() { look = a.in.Table().Peek(kind, glob.Matcher(pattern)) })
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

// forget deletes names from the table and returns the names that existed.
func (s *Server) forget(ctx context.Context, kind metric.Kind, names [][]byte) (gone []string, err error) {
	if err := ctx.Err(); err != nil || len(names) == 0 {
		return nil, err
	}
	err = s.loop.do(ctx, func() {
		for _, name := range names {
			if s.in.Table().Forget(kind, name) {
				gone = append(gone, string(name))
			}
		}
	})
	return gone, err
}
