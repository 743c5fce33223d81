package main

import (
	"regexp"
	"strings"
)

// blockKind is the type of a block in a Markdown text.
type blockKind int

const (
	paragraph blockKind = iota
	heading             // the level is 1 to 6
	code
	table
	bullet   // an item of a list, whose content is in inner
	numbered // an item of a numbered list, whose number is in text
)

// block is a part of a Markdown text, such as a paragraph, a heading, or a list item.
type block struct {
	kind  blockKind
	level int
	text  string // without line breaks, except in code
	rows  [][]string
	inner []block
}

var (
	headingLine = regexp.MustCompile(`^(#{1,6}) (.*)$`)
	bulletLine  = regexp.MustCompile(`^[-*] `)
	numberLine  = regexp.MustCompile(`^(\d+)\. `)
	ruleLine    = regexp.MustCompile(`^\|[-: |]+\|$`)
	commentLine = regexp.MustCompile(`^<!--.*-->$`)
)

// parse splits a Markdown text into blocks. It supports only the syntax that the manuals use:
// headings, paragraphs, lists, fenced or indented code, and tables.
func parse(text string) (blocks []block) {
	p := &parser{lines: strings.Split(strings.TrimRight(text, "\n"), "\n")}
	for len(p.lines) > 0 {
		if b, ok := p.next(); ok {
			blocks = append(blocks, b)
		}
	}
	return blocks
}

type parser struct{ lines []string }

// next reads the next block. It returns false at the end of the text.
func (p *parser) next() (block, bool) {
	line := p.lines[0]
	switch {
	case strings.TrimSpace(line) == "", commentLine.MatchString(line):
		p.lines = p.lines[1:]
		return block{}, false
	case strings.HasPrefix(line, "```"):
		return p.fenced(), true
	case strings.HasPrefix(line, "    "):
		return p.indented(), true
	case strings.HasPrefix(line, "|"):
		return p.table(), true
	case headingLine.MatchString(line):
		p.lines = p.lines[1:]
		m := headingLine.FindStringSubmatch(line)
		return block{kind: heading, level: len(m[1]), text: m[2]}, true
	case bulletLine.MatchString(line):
		return block{kind: bullet, inner: p.item(2)}, true
	case numberLine.MatchString(line):
		m := numberLine.FindStringSubmatch(line)
		return block{kind: numbered, text: m[1], inner: p.item(len(m[0]))}, true
	}
	return p.paragraph(), true
}

// take removes the next n lines and returns them.
func (p *parser) take(n int) []string {
	taken := p.lines[:n]
	p.lines = p.lines[n:]
	return taken
}

func (p *parser) fenced() block {
	n := 1
	for n < len(p.lines) && !strings.HasPrefix(p.lines[n], "```") {
		n++
	}
	inner := p.take(min(n+1, len(p.lines)))[1:n]
	return block{kind: code, text: strings.Join(inner, "\n")}
}

func (p *parser) indented() block {
	n := 0
	for n < len(p.lines) && (strings.HasPrefix(p.lines[n], "    ") || strings.TrimSpace(p.lines[n]) == "") {
		n++
	}
	var inner []string
	for _, line := range p.take(n) {
		inner = append(inner, strings.TrimPrefix(line, "    "))
	}
	return block{kind: code, text: strings.TrimRight(strings.Join(inner, "\n"), "\n")}
}

func (p *parser) table() block {
	n := 0
	for n < len(p.lines) && strings.HasPrefix(p.lines[n], "|") {
		n++
	}
	b := block{kind: table}
	for _, line := range p.take(n) {
		if !ruleLine.MatchString(line) {
			b.rows = append(b.rows, cells(line))
		}
	}
	return b
}

// cells splits a row of a table into cells. \| in a cell does not end the cell.
func cells(line string) (texts []string) {
	line = strings.ReplaceAll(strings.Trim(line, "|"), `\|`, "\x00")
	for text := range strings.SplitSeq(line, "|") {
		texts = append(texts, strings.ReplaceAll(strings.TrimSpace(text), "\x00", "|"))
	}
	return texts
}

// item reads a list item. The item consists of the rest of its first line, the lines with the same
// indentation as the text, and the lines that continue its paragraph.
func (p *parser) item(margin int) []block {
	n, blank := 1, false
	for ; n < len(p.lines); n++ {
		line := p.lines[n]
		switch {
		case strings.TrimSpace(line) == "":
			blank = true
			continue
		case strings.HasPrefix(line, "  "):
		case blank || starts(line):
			return parse(strings.Join(outdent(p.take(n), margin), "\n"))
		}
		blank = false
	}
	return parse(strings.Join(outdent(p.take(n), margin), "\n"))
}

// outdent removes the marker of an item, and the same number of spaces from each following line.
func outdent(lines []string, margin int) (out []string) {
	for i, line := range lines {
		if spaces := len(line) - len(strings.TrimLeft(line, " ")); i > 0 {
			line = line[min(spaces, margin):]
		} else {
			line = line[margin:]
		}
		out = append(out, line)
	}
	return out
}

// starts reports whether a line starts a new block, even if it directly follows a paragraph.
func starts(line string) bool {
	return bulletLine.MatchString(line) || numberLine.MatchString(line) || headingLine.MatchString(line) ||
		strings.HasPrefix(line, "```") || strings.HasPrefix(line, "|") || commentLine.MatchString(line)
}

func (p *parser) paragraph() block {
	n := 1
	for n < len(p.lines) && strings.TrimSpace(p.lines[n]) != "" && !starts(p.lines[n]) {
		n++
	}
	var words []string
	for _, line := range p.take(n) {
		words = append(words, strings.TrimSpace(line))
	}
	return block{kind: paragraph, text: strings.Join(words, " ")}
}
