package report

import "strings"

// style is the colour of a text.
type style uint8

// The styles. The text must be understandable without its style, because not every output has colours.
const (
	plain style = iota
	dim
	bold
	good
	warn
	bad
)

// codes are the parameters of the SGR escape sequence: see ECMA-48.
var codes = [...]string{dim: "2", bold: "1", good: "32", warn: "33", bad: "1;31"}

// span is a part of a line in one style.
type span struct {
	text  string
	style style
}

func (p *Page) paint(s style, text string) string {
	if !p.Colour || s == plain || text == "" {
		return text
	}
	return "\x1b[" + codes[s] + "m" + text + "\x1b[0m"
}

// visible returns the number of columns that a text needs, without its escape sequences.
func visible(text string) int {
	n := 0
	for {
		before, rest, found := strings.Cut(text, "\x1b[")
		n += len(before)
		if !found {
			return n
		}
		_, text, _ = strings.Cut(rest, "m")
	}
}

// ofState returns the style for the health state of the daemon, or for the state of a sink.
func ofState(state string) style {
	switch strings.ToLower(state) {
	case "ok":
		return good
	case "degraded", "behind", "removed":
		return warn
	case "failing":
		return bad
	}
	return plain
}
