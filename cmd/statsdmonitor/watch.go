package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// watchEvery is the time between two answers.
const watchEvery = 2 * time.Second

// Escape sequences of ECMA-48.
const (
	toTop      = "\x1b[H"
	clearLine  = "\x1b[K"
	clearBelow = "\x1b[J"
	hideCursor = "\x1b[?25l"
	showCursor = "\x1b[?25h"
)

// watch sends a query repeatedly until ctx ends. The first attempt must succeed. If a later attempt fails,
// watch tries again, because the daemon may be restarting.
func (s *session) watch(ctx context.Context) error {
	every := watchEvery
	if s.text("watch") != "" {
		every = s.duration("watch")
	}
	first, err := s.command.read(ctx, s)
	if err != nil {
		return err
	}
	if s.redraws() {
		_, _ = s.out.WriteString(hideCursor) // Flush returns the write error
		defer s.leave()
	}
	if err := s.draw(first, nil, true); err != nil {
		return err
	}
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(every):
		}
		r, err := s.command.read(ctx, s)
		if ctx.Err() != nil {
			return nil
		}
		if err := s.draw(r, err, false); err != nil {
			return err
		}
	}
	return nil
}

// redraws reports whether each answer replaces the previous one on the terminal.
func (s *session) redraws() bool { return s.screen.redraw && !s.on("json") }

// leave restores the terminal.
func (s *session) leave() {
	_, _ = s.out.WriteString("\n" + showCursor)
	_ = s.out.Flush() // the terminal may be closed
}

// draw shows a result, or an error.
func (s *session) draw(r result, failed error, first bool) error {
	switch {
	case s.redraws():
		if failed != nil {
			return s.redraw(time.Now().Format(time.TimeOnly) + "  " + failed.Error() + "\n")
		}
		return s.redraw(r.text(s.page(r.now)))
	case failed != nil:
		fmt.Fprintf(s.errs, "statsdmonitor: %s\n", failed)
		return nil
	case !first && !s.on("json"):
		_, _ = s.out.WriteString("\n")
	}
	return s.print(r)
}

// redraw replaces the content of the terminal. It uses a single write and does not clear the terminal first, so
// that the terminal does not flicker. Lines that do not fit are left out.
func (s *session) redraw(text string) error {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if height := s.screen.height(); height > 2 && len(lines) > height-1 {
		more := len(lines) - (height - 2)
		lines = append(lines[:height-2], fmt.Sprintf("... %d more lines", more))
	}
	var b strings.Builder
	b.WriteString(toTop)
	for i, line := range lines {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(line + clearLine)
	}
	b.WriteString(clearBelow)
	if _, err := s.out.WriteString(b.String()); err != nil {
		return err
	}
	return s.out.Flush()
}
