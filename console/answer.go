package console

import (
	"context"
	"fmt"
	"strings"

	"github.com/statsd-ops/statsd/metric"
)

// help lists Etsy's commands in Etsy's order, and the commands "sets" and "delsets", which Etsy's
// console does not have.
const help = "Commands: stats, counters, timers, gauges, sets, delcounters, deltimers, delgauges, delsets, health, config, quit\n\n"

// harmless are the commands that change nothing and need no arguments.
var harmless = []string{"help", "stats", "counters", "timers", "gauges", "sets", "health", "config", "quit"}

// kinds maps the words in commands to kinds of metrics.
var kinds = map[string]metric.Kind{
	"counters": metric.Counter, "timers": metric.Timer, "gauges": metric.Gauge, "sets": metric.Set,
}

// answer writes the answer to a command. It returns false if the connection must be closed.
func (s *session) answer(ctx context.Context, line string) (more bool, err error) {
	words := strings.Fields(line)
	if len(words) == 0 {
		words = []string{""}
	}
	command, words := words[0], words[1:]
	deletes := strings.HasPrefix(command, "del")
	kind, ofKind := kinds[strings.TrimPrefix(command, "del")]
	switch {
	case ofKind && deletes:
		return true, s.takeTurn(func() error { return s.remove(ctx, kind, words) })
	case ofKind:
		return true, s.takeTurn(func() error { return s.list(ctx, kind, words) })
	case command == "help":
		s.write(help)
	case command == "stats":
		return true, s.stats(ctx)
	case command == "health":
		s.health(words)
	case command == "config":
		s.config()
	case command == "quit":
		return false, nil
	default:
		s.write("ERROR\n")
		// The line is an HTTP request from a browser. Close the connection, because the request may also contain
		// commands from a web page.
		return !strings.Contains(line, " HTTP/"), nil
	}
	return true, nil
}

// write appends to the answer. Flush returns the write errors.
func (s *session) write(text string) { _, _ = s.out.WriteString(text) }

func (s *session) stats(ctx context.Context) error {
	stats, err := s.daemon.Stats(ctx)
	if err != nil {
		return err
	}
	for _, stat := range stats {
		s.write(stat.Name + ": " + number(stat.Value) + "\n")
	}
	s.write("END\n\n")
	return nil
}

func (s *session) health(words []string) {
	if len(words) > 0 {
		switch down := strings.ToLower(words[0]) == "down"; {
		case !down && strings.ToLower(words[0]) != "up":
		case s.down.Swap(down) != down:
			s.log.Warn().Stringer("client", s.conn.RemoteAddr()).Msgf("health set to %s through the console", state(down))
		}
	}
	s.write("health: " + state(s.down.Load()) + "\n")
}

func state(down bool) string {
	if down {
		return "down"
	}
	return "up"
}

func (s *session) config() {
	s.write("\n")
	if s.settings != nil {
		for _, setting := range s.settings() {
			s.write(setting.Name + ": " + setting.Value + "\n")
		}
	}
}

// list lists all names of a kind. If there are patterns, it lists the names that match each pattern, one pattern
// after the other.
func (s *session) list(ctx context.Context, kind metric.Kind, patterns []string) error {
	if len(patterns) == 0 {
		patterns = []string{"*"}
	}
	o := object{out: s.out}
	for _, pattern := range patterns {
		for name, err := range s.daemon.Names(ctx, kind, pattern) {
			if err != nil {
				return err
			}
			value := number(name.Value)
			if kind == metric.Timer {
				value = array(name.Samples, int(name.Value))
			}
			if err := o.add(key(name.Name) + ": " + value); err != nil {
				return err
			}
		}
	}
	o.end()
	s.write("\nEND\n\n")
	return nil
}

// remove deletes all names that match one of the patterns.
func (s *session) remove(ctx context.Context, kind metric.Kind, patterns []string) error {
	for _, pattern := range patterns {
		n := 0
		for name, err := range s.daemon.Delete(ctx, kind, pattern) {
			if err == nil {
				_, err = fmt.Fprintf(s.out, "deleted: %s\n", name)
				n++
			}
			if err != nil {
				s.logDeleted(kind, pattern, n)
				return err
			}
		}
		if n == 0 {
			s.write("metric " + pattern + " not found\n")
			continue
		}
		s.logDeleted(kind, pattern, n)
	}
	s.write("END\n\n")
	return nil
}

func (s *session) logDeleted(kind metric.Kind, pattern string, n int) {
	if n > 0 {
		s.log.Info().Stringer("client", s.conn.RemoteAddr()).Str("kind", kind.String()).Str("pattern", pattern).Int("names", n).
			Msg("names were deleted through the console")
	}
}
