package main

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

var (
	codeSpan = regexp.MustCompile("`([^`]+)`")
	boldSpan = regexp.MustCompile(`\*\*([^*]+)\*\*`)
	emphasis = regexp.MustCompile(`\*([^*\s][^*]*)\*`)
	linkSpan = regexp.MustCompile(`([Ss]ee )?\[([^\]]+)\]\(([^)\s]+)\)`)
	autoLink = regexp.MustCompile(`<(https?://[^>]+)>`)
)

// text renders a text that contains code, emphasis and links.
func (r *renderer) text(s string) string {
	var spans []string
	keep := func(rendered string) string {
		spans = append(spans, rendered)
		return fmt.Sprintf("\x00%d\x00", len(spans)-1)
	}
	s = linkSpan.ReplaceAllStringFunc(s, r.link)
	s = codeSpan.ReplaceAllStringFunc(s, func(m string) string {
		return keep(`\fB` + escapeCode(strings.Trim(m, "`")) + `\fR`)
	})
	s = autoLink.ReplaceAllStringFunc(s, func(m string) string { return keep(escapeCode(m[1 : len(m)-1])) })
	s = boldSpan.ReplaceAllString(s, "\x01$1\x03")
	s = emphasis.ReplaceAllString(s, "\x02$1\x03")
	s = strings.NewReplacer("\x01", `\fB`, "\x02", `\fI`, "\x03", `\fR`).Replace(escape(s))
	for i, rendered := range slices.Backward(spans) {
		s = strings.ReplaceAll(s, fmt.Sprintf("\x00%d\x00", i), rendered)
	}
	return s
}

// link replaces a link with text. If the link leads to another manual, the text contains the name
// of that manual. If the link leads to another file of the project and follows the word "see", the
// text contains the path of the installed file.
func (r *renderer) link(s string) string {
	m := linkSpan.FindStringSubmatch(s)
	see, text, target := m[1], m[2], m[3]
	file, _, _ := strings.Cut(target, "#")
	switch {
	case strings.Contains(target, "://"):
		return see + text + " (" + target + ")"
	case file == "" || path.Base(file) == r.page.source:
		return see + text
	}
	for _, p := range pages {
		if p.source == path.Base(file) && !strings.Contains(file, "/") {
			name := fmt.Sprintf("%s(%d)", p.name, p.section)
			if r.seeAlso {
				return name
			}
			return reference(see, text, name)
		}
	}
	if see == "" && !r.seeAlso {
		return text
	}
	return reference(see, text, "/usr/share/doc/statsd/"+path.Join("docs", file))
}

// reference adds the target of a link to its text. If the text repeats the target, reference
// returns only the target.
func reference(see, text, place string) string {
	name, _, _ := strings.Cut(path.Base(place), "(")
	if text == name {
		return see + place
	}
	return see + text + " (" + place + ")"
}

// plain removes the markup of a text. It is used for tables, whose columns must have a known width.
func (r *renderer) plain(s string) string {
	s = linkSpan.ReplaceAllString(s, "$1$2")
	s = codeSpan.ReplaceAllString(s, "$1")
	return boldSpan.ReplaceAllString(s, "$1")
}

// escape escapes the characters that have a meaning in roff.
func escape(s string) string {
	var b strings.Builder
	for _, c := range s {
		switch {
		case c == '\\':
			b.WriteString(`\e`)
		case c > '~':
			fmt.Fprintf(&b, `\[u%04X]`, c)
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// escapeCode escapes code. It also prevents roff from replacing ASCII characters by typographic
// ones, so that the code can be copied.
func escapeCode(s string) string {
	return strings.NewReplacer("-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(escape(s))
}
