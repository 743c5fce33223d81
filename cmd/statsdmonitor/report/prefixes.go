package report

import (
	"strings"
	"time"

	"github.com/statsd-ops/statsd/internal/ascii"
	"github.com/statsd-ops/statsd/internal/plural"
	"github.com/statsd-ops/statsd/meta/question"
)

// Prefixes formats the prefixes with the most names.
func Prefixes(p Page, a question.Answer, d question.Prefixes) string {
	s := &sheet{Page: &p}
	s.prefixHead(a, &d)
	if len(d.Prefixes) == 0 {
		s.line(span{text: "no name is known"})
		return s.String()
	}
	columns := []column{
		{head: "names", right: true}, {head: "share", right: true, from: narrow}, {head: "of all", from: wide},
		{head: "new", right: true}, {head: "gone", right: true, from: narrow}, {head: "bytes", right: true, from: wide},
		{head: "newest", right: true, from: wide}, {head: "prefix", flex: true}, {head: ""},
	}
	if !d.Since.IsZero() {
		columns[3].head += " " + s.since(d.Since)
	}
	rows := make([][]span, len(d.Prefixes), len(d.Prefixes)+1)
	for i := range d.Prefixes {
		rows[i] = s.prefixRow(&d.Prefixes[i])
	}
	if d.Others.Names > 0 {
		others := s.prefixRow(&d.Others)
		others[7] = span{"all others", dim}
		rows = append(rows, others)
	}
	s.table(columns, rows)
	s.prefixHint(&d)
	return s.String()
}

func (s *sheet) prefixHead(a question.Answer, d *question.Prefixes) {
	text := plural.Things(uint64(max(d.Held, 0)), "name", "names") + " held"
	if d.Below != "" {
		text += " below " + d.Below
	}
	if a.Complete {
		text += ", all counted"
	} else {
		text += ", NOT all counted"
	}
	if took := seconds(a.TookMillis / 1000); took >= time.Millisecond {
		text += ", in " + plural.Duration(took)
	}
	text += " at " + s.clock(a.AsOf)
	if !d.Since.IsZero() {
		text += "; new: since " + s.minute(d.Since)
	}
	if d.Error > 0 {
		text += ", +-" + count(d.Error)
	}
	s.text(span{}, 0, text)
}

func (s *sheet) prefixRow(x *question.Prefix) []span {
	fresh, gone := signed(x.New), "0"
	if x.Gone > 0 {
		gone = "-" + count(x.Gone)
	}
	if x.AtLeast {
		fresh, gone = ">="+fresh, "-"
	}
	newest, size, mark := "-", "-", span{}
	if !x.Newest.IsZero() {
		newest = s.ago(x.Newest)
	}
	if x.Bytes > 0 {
		size = memory(float64(x.Bytes))
	}
	if x.ManyNew {
		mark = span{"!", warn}
		if s.width() >= wide {
			mark.text = "! many new"
		}
	}
	return []span{
		{text: count(x.Names)}, {text: percent(x.Share)}, {text: bar(x.Share)}, {text: fresh}, {text: gone},
		{text: size}, {text: newest}, {text: x.Prefix}, mark,
	}
}

// prefixHint suggests a command for the first prefix that grows fast. If no prefix grows fast, it
// suggests a command for the largest prefix.
func (s *sheet) prefixHint(d *question.Prefixes) {
	look, explained := d.Prefixes[0].Prefix, false
	for i := range d.Prefixes {
		if d.Prefixes[i].ManyNew {
			look, explained = d.Prefixes[i].Prefix, true
			break
		}
	}
	hint := "-> " + s.ask("prefixes "+argument(strings.TrimSuffix(look, ".")))
	if !strings.HasSuffix(look, ".") {
		hint = "" // not a prefix but a whole name
	}
	if explained {
		hint = pad(hint+" ", 44) + "! more than 10 % are new names"
	}
	if hint = strings.TrimSpace(hint); hint != "" {
		s.spaced(span{}, 0, hint)
	}
}

// argument quotes an argument for a shell, if necessary.
func argument(text string) string {
	text = ascii.Safe(text)
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._-:/@%+=,", r))
	}) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
