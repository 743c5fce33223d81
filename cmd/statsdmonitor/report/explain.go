package report

import (
	"slices"
	"strings"

	"github.com/statsd-ops/statsd/internal/ascii"
	"github.com/statsd-ops/statsd/meta/question"
)

// steps is the column in which the texts of steps start.
const steps = 11

// Explain formats an explanation: what happens to a line, or what the daemon knows about a name.
func Explain(p Page, a question.Answer, e question.Explanation) string {
	s := &sheet{Page: &p}
	for _, step := range e.Steps {
		mark := span{text: step.Name}
		if step.Name == "means" {
			mark.text = "1/5/15m"
		}
		if !step.OK {
			mark.style = bad
		}
		words := strings.TrimPrefix(step.Text, "means of 1, 5, 15 minutes: ")
		if words == "" {
			words = braces(step.Paths)
		}
		s.spaced(mark, steps, words)
	}
	if !e.Known && len(e.Near) > 0 {
		s.text(span{text: "near"}, steps, strings.Join(e.Near, ", "))
	}
	if !e.Known && allOK(e.Steps) {
		s.text(span{}, steps, "not known: no sample of it came since the start, or it has expired")
	}
	s.foot(a)
	return s.String()
}

// spaced appends words to the sheet as s.text does. If all words fit on one line, spaced also keeps the multiple spaces
// between them.
func (s *sheet) spaced(first span, indent int, words string) {
	if words = ascii.Safe(words); indent+len(words) <= s.width() {
		s.line(span{pad(ascii.Safe(first.text), indent), first.style}, span{text: words})
		return
	}
	s.text(first, indent, words)
}

// braces combines paths that differ only after their last dot: stats.timers.a.{lower,upper}.
func braces(paths []string) string {
	if len(paths) == 0 {
		return ""
	}
	stem := ""
	var ends []string
	for i, path := range paths {
		dot := strings.LastIndexByte(path, '.') + 1
		if i > 0 && path[:dot] != stem {
			return strings.Join(paths, ", ")
		}
		stem = path[:dot]
		ends = append(ends, path[dot:])
	}
	if len(ends) == 1 {
		return stem + ends[0]
	}
	return stem + "{" + strings.Join(ends, ",") + "}"
}

func allOK(steps []question.Step) bool {
	return !slices.ContainsFunc(steps, func(step question.Step) bool { return !step.OK })
}
