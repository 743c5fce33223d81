// Package report formats the answers of a daemon for people, as plain ASCII text.
//
// For each kind of answer there is a file with a function that converts the answer to text:
//
//	fmt.Print(report.Status(report.Page{Width: 80, Now: time.Now(), Zone: time.Local}, answer, status))
//
// A Page contains the maximum width of the text. On a narrow page, tables have fewer columns, and long names are
// shortened in the middle. A row of a table is never longer than the page. Sentences are wrapped. Information is never
// shown by colour alone: red text also contains FAILING, or starts with "!".
//
// All text in an answer is made safe for a terminal, because the server may be another program than statsd.
package report

import (
	"strings"
	"time"

	"github.com/statsd-ops/statsd/internal/ascii"
	"github.com/statsd-ops/statsd/meta/question"
)

// Page describes the output that a report is formatted for.
type Page struct {
	Width  int // in columns
	Colour bool
	Now    time.Time // daemon's time, from which ages are computed
	Zone   *time.Location
	// Ask is the beginning of the commands that a report suggests. If Ask is empty, these commands
	// start with statsdmonitor.
	Ask string
}

// wide is a page width. On a page narrower than this, tables do not have all columns.
const wide = 110

// narrow is a page width. On a page narrower than this, tables have only the most important columns.
const narrow = 60

// least is the minimum width. For a narrower page, reports are formatted with this width.
const least = 40

func (p *Page) width() int { return max(p.Width, least) }

// ask returns the complete command line for a command that a report suggests, such as statsdmonitor prefixes.
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

// line appends one line. It cuts off the end if the line is too long.
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

// fitted shortens text to the available width.
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

// text appends words, wrapped to several lines. The first line starts with the span first. All other lines start with
// indent spaces.
func (s *sheet) text(first span, indent int, words string) {
	lines := wrap(ascii.Safe(words), s.width()-indent)
	for i, line := range lines {
		if i > 0 {
			first = span{text: strings.Repeat(" ", indent)}
		}
		s.line(span{pad(ascii.Safe(first.text), indent), first.style}, span{text: line})
	}
}

// groups appends groups of words, with three spaces between groups. A group that does not fit
// starts a new line. The parameter end is right-aligned on the last line if it fits.
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

// hint appends a suggested command. It is right-aligned on the last line if it fits.
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
