// Package corpus compares the line parser with two other parsers: a second implementation of the
// rules in docs/lines.md, and the parser of Etsy's statsd. The input is a corpus, which consists of
// unusual lines. The function Lines generates them from a seed.
package corpus

import (
	"math/rand/v2"
	"strings"
	"unicode/utf8"
)

// Lines returns the first n lines of the corpus. Tests use the first 20,000 lines. With make soak
// they use 100,000 lines.
func Lines(n int) []string {
	g := generator{rand.New(rand.NewPCG(12, 5))}
	all := make([]string, n)
	for i := range all {
		all[i] = g.line(i)
	}
	return all
}

// generator makes unusual lines.
type generator struct{ *rand.Rand }

// blanks are kinds of white space, including some that are not ASCII.
var blanks = []string{" ", "\t", "\r", "\v", "\f", "  ", " \t ", "\u00a0", "\ufeff", "\u2003"}

func (g generator) pick(from ...string) string { return from[g.IntN(len(from))] }

func (g generator) oneIn(n int) bool { return g.IntN(n) == 0 }

// printable returns a printable ASCII character. As i grows, it returns all of them one after
// another.
func (g generator) printable(i int) string { return string(rune(' ' + i%('~'-' '+1))) }

// line makes the i-th line. Most lines have one unusual part, some have several.
func (g generator) line(i int) string {
	if g.oneIn(300) {
		return g.pick(blanks...) + g.pick(blanks...)
	}
	var b strings.Builder
	b.WriteString(g.name(i))
	for n := 1 + g.IntN(8)/6 + g.IntN(8)/7; n > 0; n-- {
		b.WriteString(":" + g.group(i))
	}
	line := b.String()
	if g.oneIn(8) {
		line += g.pick(blanks...)
	}
	for g.oneIn(6) {
		line = g.mutate(line, i)
	}
	return strings.ReplaceAll(line, "\n", "")
}

// mutate inserts or removes text at a random position of a line, or cuts the line at this position.
func (g generator) mutate(line string, i int) string {
	at := g.IntN(len(line) + 1)
	for at < len(line) && !utf8.RuneStart(line[at]) { // do not cut a UTF-8 character of a set member
		at++
	}
	switch g.IntN(5) {
	case 0:
		return line[:at] + g.pick(blanks...) + line[at:]
	case 1:
		return line[:at] + g.pick(":", "|", "@", "#", "|#", "|@", "::", "||") + line[at:]
	case 2:
		_, n := utf8.DecodeRuneInString(line[at:])
		return line[:at] + line[at+n:]
	case 3:
		return line[:at]
	}
	return line[:at] + g.printable(i) + line[at:]
}

func (g generator) name(i int) string {
	switch g.IntN(12) {
	case 0:
		return "a" + g.printable(i) + "b"
	case 1:
		return g.printable(i) + "x"
	case 2:
		return "x" + g.pick(blanks...) + "y" + g.pick(blanks...)
	case 3:
		return g.pick("", "!", "a..b", "a/b", "a=b", "a;k=v", "a;k=v;l=w", "é", "x\u0085y", "a\xffb", "_x", "_e{1,1}", "_sc", "_sc|x", "a|#b", "a|b",
			"__proto__", "constructor", "toString", "nan", ".", "a b c", "%41", "'a'", `"a"`)
	}
	return g.pick("a", "app.hits", "Web-01.req_ms")
}

func (g generator) group(i int) string {
	parts := []string{g.value(i)}
	if !g.oneIn(25) {
		parts = append(parts, g.kind(i))
	}
	for g.oneIn(3) {
		parts = append(parts, g.section(i))
	}
	return strings.Join(parts, "|")
}

func (g generator) value(i int) string {
	v := g.number()
	switch g.IntN(12) {
	case 0:
		return g.pick(blanks...) + v
	case 1:
		return v + g.pick(blanks...)
	case 2:
		return v + g.printable(i)
	case 3:
		return g.printable(i) + v
	case 4:
		return v + ":" + g.number()
	case 5:
		return g.pick("", "-", "+", ".", "e5", "1e", "1e+", "--1", "+-1", "1.2.3", "1,5", "1_000", "nan", "NaN", "inf", "Infinity", "-Infinity", "1e309", "1e-400",
			"0x10", "0XfF", "-0x10", "0b101", "0o17", "017", "0x", "0xg", "1n", "0x1p3", "1d", "true", "null", " ", "é", "2001:db8::1", "user 7", "0x123456789abcdef01")
	}
	return v
}

func (g generator) number() string {
	return g.pick("", "", "", "+", "-") + g.pick("0", "1", "3", "42", "320", "007", "1.5", ".5", "5.", "0.1", "1e3", "2.5E-2", "1e+2", "123456789012345678",
		"0.0040531158447265625", "9007199254740993", "1e22", "1e23")
}

func (g generator) kind(i int) string {
	switch g.IntN(10) {
	case 0:
		return g.pick(blanks...) + g.pick("c", "g", "ms", "s")
	case 1:
		return g.pick("c", "g", "ms", "s") + g.pick(blanks...)
	case 2:
		return g.pick("c", "g", "ms", "s", "") + g.printable(i)
	case 3:
		return g.pick("", "C", "G", "MS", "Ms", "q", "kv", "count", "m s", "1", "@0.5", "#k", "#k:v", "d", "h", "m")
	}
	return g.pick("c", "c", "g", "ms", "s")
}

func (g generator) section(i int) string {
	switch g.IntN(9) {
	case 0, 1:
		return "@" + g.pick("0.1", "0.5", "1", ".25", "1.", "0.100000")
	case 2:
		return g.pick("", " ") + "@" + g.pick("", "0", "0.0", "2", "10", "-1", "-0", "+0.5", " 0.5", "0.5 ", "1e-1", "1E-2", "5e-1", "0x1", "0b1", ".", "0.5.5", "x", "nan", "Infinity",
			"1e400", "1e-320", "0,5", g.printable(i))
	case 3:
		return "#" + g.pick("k:v", "k:v,l:w", "flag", "", "k:", ":v", "k:v;x", "url:http://h:80/?q=1", "k=v", g.printable(i))
	case 4:
		return g.pick("c:", "e:", "card:", "T", "zz:", "X:", "T:", "x1:", "-:") + g.pick("ci-83c0", "in-4026", "it-false,cn-web,pu-75a2-0d", "low", "1640995200", "", "a:b", "5")
	case 5:
		return g.pick("", " ", "x", "zz", "c", "g", "ms", "#", g.printable(i))
	case 6:
		return g.pick("x", "c", "foo", "x1") + ":" + g.number() + "|" + g.pick("c", "g", "ms", "s", "q")
	}
	return g.pick("@0.5", "#k:v", "c:ci-1", "e:it-true", "card:high", "T1")
}
