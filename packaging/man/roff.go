package main

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// renderer writes one manual in the language of man(7).
type renderer struct {
	strings.Builder
	page    page
	seeAlso bool // whether the current section has the heading "See also"
}

func (r *renderer) line(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if strings.HasPrefix(line, "'") {
		line = `\&` + line
	}
	r.WriteString(line + "\n")
}

// say writes a line of text. If the text starts with a dot, say escapes the dot, because roff would
// read the line as a macro.
func (r *renderer) say(text string) {
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	r.line("%s", text)
}

func (r *renderer) blocks(blocks []block) {
	for i, b := range blocks {
		after := i > 0 && blocks[i-1].kind == heading
		switch b.kind {
		case heading:
			r.heading(b)
		case paragraph:
			if !after && i > 0 {
				r.line(".PP")
			}
			r.say(r.text(b.text))
		case code:
			r.code(b.text, after)
		case table:
			r.table(b.rows, after)
		case bullet:
			r.item(b)
		case numbered:
			r.line(".IP %s. 4", b.text)
			r.inside(b.inner)
		}
	}
}

func (r *renderer) heading(b block) {
	r.seeAlso = b.text == "See also"
	if b.level <= 2 {
		r.line(".SH %s", strings.ToUpper(r.text(b.text)))
		return
	}
	r.line(".SS %s", r.text(b.text))
}

// item writes a list item. If an item begins with code and a colon, it is written as a term with an
// explanation.
func (r *renderer) item(b block) {
	if term, text, ok := definition(b.inner); ok {
		r.line(".TP 7")
		r.say(r.text(term))
		b.inner[0].text = text
	} else {
		r.line(`.IP \(bu 2`)
	}
	r.inside(b.inner)
}

// definition splits an item such as "`--flag=X`: text" or "**Term:** text" into its term and its
// text.
func definition(item []block) (term, text string, ok bool) {
	if len(item) == 0 || item[0].kind != paragraph {
		return "", "", false
	}
	text = item[0].text
	if !strings.HasPrefix(text, "`") {
		return "", "", false
	}
	for _, end := range []struct {
		mark  string
		limit int
	}{{"`: ", maxTable}, {"): ", maxTable}, {": ", maxTable / 2}} {
		term, rest, found := strings.Cut(text, end.mark)
		term += strings.TrimSuffix(end.mark, ": ")
		if found && utf8.RuneCountInString(term) <= end.limit && balanced(term) {
			return term, rest, true
		}
	}
	return "", "", false
}

// balanced reports whether all code and brackets that begin in a term also end in this term.
func balanced(term string) bool {
	outside := codeSpan.ReplaceAllString(term, "")
	return !strings.Contains(outside, "`") && strings.Count(outside, "(") == strings.Count(outside, ")") && !strings.Contains(outside, ". ")
}

// inside writes the content of a list item. The blocks after its first paragraph have the same
// indentation as that paragraph.
func (r *renderer) inside(blocks []block) {
	if len(blocks) == 0 {
		return
	}
	r.blocks(blocks[:1])
	if len(blocks) > 1 {
		r.line(".RS")
		r.blocks(blocks[1:])
		r.line(".RE")
	}
}

func (r *renderer) code(text string, after bool) {
	if !after {
		r.line(".PP")
	}
	r.line(".RS 2\n.nf")
	for line := range strings.SplitSeq(text, "\n") {
		for _, part := range fold(line) {
			r.say(escapeCode(part))
		}
	}
	r.line(".fi\n.RE")
}

// maxCode is the maximum length of a line of code that fits on a terminal of 80 columns.
const maxCode = 70

// fold splits a line that is too long. It splits at the last space that keeps the first part within
// the margin.
func fold(line string) (parts []string) {
	for utf8.RuneCountInString(line) > maxCode {
		i := strings.LastIndexByte(line[:min(len(line), maxCode)], ' ')
		if strings.TrimSpace(line[:max(i, 0)]) == "" {
			break
		}
		parts, line = append(parts, line[:i]), "    "+line[i+1:]
	}
	return append(parts, line)
}

// maxTable is the maximum width of a table that fits on a terminal of 80 columns.
const maxTable = 70

// table writes a table. It writes a list if the columns do not fit on the page.
func (r *renderer) table(rows [][]string, after bool) {
	widths := make([]int, len(rows[0]))
	for i := range rows {
		for len(rows[i]) < len(widths) {
			rows[i] = append(rows[i], "")
		}
		for j := range widths {
			widths[j] = max(widths[j], utf8.RuneCountInString(r.plain(rows[i][j])))
		}
	}
	total := 0
	for _, w := range widths {
		total += w + 2
	}
	if total-2 > maxTable {
		r.tableAsList(rows)
		return
	}
	var lines []string
	for i, row := range rows {
		var line strings.Builder
		for j, width := range widths {
			text := r.plain(row[j])
			line.WriteString(text + strings.Repeat(" ", width+2-utf8.RuneCountInString(text)))
		}
		if text := strings.TrimRight(line.String(), " "); i > 0 || text != "" {
			lines = append(lines, text)
		}
	}
	r.code(strings.Join(lines, "\n"), after)
}

// tableAsList writes a table as a list. Each item begins with the first cell of a row. The other
// cells follow, each after the heading of its column.
func (r *renderer) tableAsList(rows [][]string) {
	head := rows[0]
	for _, row := range rows[1:] {
		r.line(".TP 7")
		r.say(`\fB` + r.text(strings.ReplaceAll(row[0], "`", "")) + `\fR`)
		if len(row) == 2 {
			r.say(r.text(row[1]))
			continue
		}
		for i, text := range row[1:] {
			if text == "" {
				continue
			}
			if i > 0 {
				r.line(".br")
			}
			label := head[i+1]
			if label != "" {
				label += ": "
			}
			r.say(r.text(label + text))
		}
	}
}
