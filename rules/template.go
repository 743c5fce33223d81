package rules

import (
	"regexp"
	"strconv"
	"strings"
)

// template makes a text from the captures of a match.
type template struct {
	text  string
	parts []part // the parts of a glob's template; nil for a regular expression
}

// part is a text or a reference. The reference 0 is the whole name, the reference 1 is the first
// capture.
type part struct {
	text string
	ref  int // number of the reference; noRef for a text
}

const noRef = -1

// reference matches a reference in a glob's template. As in statsd_exporter, $1$2 is a single
// reference, which does not exist.
var reference = regexp.MustCompile(`\$\{?([a-zA-Z0-9_\$]+)\}?`)

// newTemplate parses the template text of a glob. captures is the number of the glob's captures. A
// reference to a capture that does not exist is left out of the template, and is returned in
// missing. If the parameter whole is true, $0 is the whole name.
func newTemplate(text string, captures int, whole bool) (t template, missing []string) {
	t.text = text
	first := 1
	if whole {
		first = 0
	}
	at := 0
	for _, m := range reference.FindAllStringSubmatchIndex(text, -1) {
		t.add(text[at:m[0]])
		at = m[1]
		ref, err := strconv.Atoi(text[m[2]:m[3]])
		if err != nil || ref < first || ref > captures {
			missing = append(missing, text[m[0]:m[1]])
			continue
		}
		t.parts = append(t.parts, part{ref: ref})
	}
	t.add(text[at:])
	return t, missing
}

func (t *template) add(text string) {
	if text != "" {
		t.parts = append(t.parts, part{text: text, ref: noRef})
	}
}

// append appends the text for a name and its captures to dst.
func (t *template) append(dst, name []byte, captures [][]byte) []byte {
	for i := range t.parts {
		switch p := &t.parts[i]; p.ref {
		case noRef:
			dst = append(dst, p.text...)
		case 0:
			dst = append(dst, name...)
		default:
			dst = append(dst, captures[p.ref-1]...)
		}
	}
	return dst
}

// expandReference matches a reference in the template of a regular expression. The syntax is the
// same as in Go's package regexp.
var expandReference = regexp.MustCompile(`\$(?:\$|\{([a-zA-Z0-9_]+)\}|([a-zA-Z0-9_]+))`)

// missingIn returns the references in a template to captures that a regular expression does not
// have.
func missingIn(text string, regex *regexp.Regexp) (missing []string) {
	for _, m := range expandReference.FindAllStringSubmatch(text, -1) {
		name := m[1] + m[2]
		if n, err := strconv.Atoi(name); name == "" || err == nil && n <= regex.NumSubexp() || err != nil && regex.SubexpIndex(name) > 0 {
			continue
		}
		missing = append(missing, m[0])
	}
	return missing
}

// adviceFor explains what is wrong with a reference, and what to write instead.
func adviceFor(ref string) string {
	inner := strings.Trim(ref, "${}")
	digits := 0
	for digits < len(inner) && '0' <= inner[digits] && inner[digits] <= '9' {
		digits++
	}
	switch {
	case strings.Contains(inner, "$"):
		return "is read as one reference, and is empty; write ${" + strings.ReplaceAll(strings.ReplaceAll(inner, "${", "$"), "$", "}${") + "}"
	case inner == "0":
		return "is empty in a glob; with match_type glob+, $0 is the whole name"
	case digits > 0 && digits < len(inner) && !strings.HasPrefix(ref, "${"):
		return "is read as one reference, and is empty; write ${" + inner[:digits] + "}" + inner[digits:]
	}
	return "refers to no part of the match, and is empty"
}
