// Package report writes the answers of a daemon for people, as plain ASCII text.
//
// Each answer has a file and a function, from the answer to text:
//
//	fmt.Print(report.Status(report.Page{Width: 80, Now: time.Now(), Zone: time.Local}, answer, status))
//
// A Page says how wide the text may be. A narrow page has fewer columns, and long names lose their
// middle; no row of a table is ever longer than the page. Sentences are wrapped. Colour is never
// the only sign: red text also says FAILING, or begins with "!".
//
// Everything in an answer is made safe for a terminal, because the answering program may not be a statsd.
package report

import (
	"strings"
	"time"

	"github.com/statsd-ops/statsd/internal/ascii"
	"github.com/statsd-ops/statsd/meta/question"
)

// Page describes the output for which a report is written.
type Page struct {
	Width  int // columns
	Colour bool
	Now    time.Time // by the daemon's clock; ages count from it
	Zone   *time.Location
	// Ask begins the commands that a report suggests. "": statsdmonitor.
	Ask string
}

// wide is the width from which pages show more columns.
const wide = 110

// narrow is the width below which pages show only the most important columns.
const narrow = 60

// least is the smallest width. A narrower page is treated like it.
const least = 40

func (p *Page) width() int { return max(p.Width, least) }

// ask returns the command line of a command that is suggested.
func (p *Page) ask(command string) string {
	if p.Ask == "" {
		return "statsdmonitor " + command
	}
	return p.Ask + " " + command
}

// sheet collects the lines of a report.
type sheet struct {
	*Page
	lines []string
}

func (s *sheet) String() string { return strings.Join(s.lines, "\n") + "\n" }

// line appends one line, and cuts it if it is too long.
func (s *sheet) line(parts ...span) {
	room := s.width()
	for i := range parts {
		parts[i].text = fitted(ascii.Safe(parts[i].text), room)
		room -= len(parts[i].text)
	}
	var b strings.Builder
	for i, part := range parts {
		if i == len(parts)-1 || blank(parts[i+1:]) {
			part.text = strings.TrimRight(part.text, " ")
		}
		b.WriteString(s.paint(part.style, part.text))
	}
	s.lines = append(s.lines, b.String())
}

// fitted shortens a text to the available width.
func fitted(text string, room int) string {
	if len(text) > room && strings.Trim(text, " ") == "" {
		return text[:room]
	}
	return shorten(text, room)
}

func blank(parts []span) bool {
	for _, part := range parts {
		if strings.Trim(part.text, " ") != "" {
			return false
		}
	}
	return true
}

// text appends lines of words. All but the first begin with the indent.
func (s *sheet) text(first span, indent int, words string) {
	lines := wrap(ascii.Safe(words), s.width()-indent)
	for i, line := range lines {
		if i > 0 {
			first = span{text: strings.Repeat(" ", indent)}
		}
		s.line(span{pad(ascii.Safe(first.text), indent), first.style}, span{text: line})
	}
}

// groups appends groups of words, three spaces apart. A group that does not fit begins a new line.
// The end comes at the right of the last line, if there is room.
func (s *sheet) groups(label string, indent int, groups []span, end string) {
	row, used := []span{{text: pad(label, indent)}}, indent
	for _, g := range groups {
		g.text = ascii.Safe(g.text)
		switch {
		case used == indent:
		case used+3+len(g.text) > s.width():
			s.line(row...)
			row, used = []span{{text: strings.Repeat(" ", indent)}}, indent
		default:
			row, used = append(row, span{text: "   "}), used+3
		}
		row, used = append(row, g), used+len(g.text)
	}
	if space := s.width() - used - len(end); end != "" && space >= 2 {
		row = append(row, span{text: strings.Repeat(" ", space)}, span{end, dim})
	}
	s.line(row...)
}

// hint appends a command to type next, at the right of the last line if it fits there.
func (s *sheet) hint(command string) {
	if command == "" {
		return
	}
	text := shorten("-> "+ascii.Safe(command), s.width())
	if n := len(s.lines) - 1; n >= 0 {
		if gap := s.width() - visible(s.lines[n]) - len(text); gap >= 2 {
			s.lines[n] += strings.Repeat(" ", gap) + s.paint(dim, text)
			return
		}
	}
	s.lines = append(s.lines, strings.Repeat(" ", s.width()-len(text))+s.paint(dim, text))
}

// foot writes the time of the answer, and whether the answer is complete.
func (s *sheet) foot(a question.Answer) {
	text := "as of the flush at " + s.clock(a.AsOf) + ", " + s.ago(a.AsOf)
	switch {
	case a.AsOf.IsZero():
		text = "no flush yet"
	case a.Live:
		text = "as of " + s.clock(a.AsOf) + ", live"
	}
	if !a.Complete {
		text += "; NOT COMPLETE: cut at a limit"
	}
	s.line(span{text, dim})
}
