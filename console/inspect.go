package console

import (
	"bufio"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The layout of Node.js's util.inspect with its default options: compact 3, breakLength 80, maxArrayLength 100
// (https://nodejs.org/docs/latest-v20.x/api/util.html). An object is written on one line if it fits. If it does
// not fit, each entry is written on its own line. The numbers of a long array are aligned in columns.
const (
	breakLength = 80
	maxColumns  = 12 // 4 times the value of the option compact of util.inspect
	maxInLine   = 6  // arrays with at most this many elements are not aligned in columns
	arrayIndent = 2
	// separator is the length of the text between two elements.
	separator = len(", ")
	// rest is added to the length of the entries before this length is compared to breakLength, as in Node.js.
	rest = len("{") + 10
)

// object writes the entries of an object one at a time. It keeps the first entries in memory while they may fit
// on one line.
type object struct {
	out    *bufio.Writer
	held   []string
	length int
	begun  bool // the object is written with each entry on its own line
}

// add writes an entry. It returns write errors.
func (o *object) add(entry string) error {
	if o.begun {
		_, _ = o.out.WriteString(",\n  ")
		_, err := o.out.WriteString(entry)
		return err
	}
	o.held = append(o.held, entry)
	o.length += units(entry) + separator
	if o.length+rest <= breakLength && !strings.Contains(entry, "\n") {
		return nil
	}
	o.begun = true
	_, err := o.out.WriteString("{\n  " + strings.Join(o.held, ",\n  "))
	return err
}

// end writes the entries in memory and the end of the object. Flush returns the write errors.
func (o *object) end() {
	text := "\n}"
	switch {
	case o.begun:
	case len(o.held) == 0:
		text = "{}"
	default:
		text = "{ " + strings.Join(o.held, ", ") + " }"
	}
	_, _ = o.out.WriteString(text)
}

// array formats an array that is in an object, as util.inspect does. The parameter total is the number of all elements.
// The parameter numbers contains the first of these elements.
func array(numbers []float64, total int) string {
	elements := make([]string, 0, len(numbers)+1)
	for _, n := range numbers {
		elements = append(elements, number(n))
	}
	shown := len(elements)
	switch more := total - shown; {
	case more == 1:
		elements = append(elements, "... 1 more item")
	case more > 1:
		elements = append(elements, fmt.Sprintf("... %d more items", more))
	}
	if len(elements) == 0 {
		return "[]"
	}
	lines := elements
	if len(elements) > maxInLine {
		lines = columns(elements, shown)
	}
	if len(lines) == len(elements) {
		length := arrayIndent + rest
		for _, e := range elements {
			length += len(e) + separator
		}
		if length <= breakLength {
			return "[ " + strings.Join(elements, ", ") + " ]"
		}
	}
	return "[\n    " + strings.Join(lines, ",\n    ") + "\n  ]"
}

// columns aligns elements in columns, so that the text is approximately a square. A character is 2.5 times as
// high as wide.
func columns(elements []string, shown int) []string {
	const heightOfCharacter = 2.5
	longest, all := 0, 0
	for _, e := range elements[:shown] {
		longest = max(longest, len(e))
		all += len(e) + separator
	}
	widest := longest + separator
	if 3*widest+arrayIndent >= breakLength || float64(all)/float64(widest) <= 5 && longest > 6 {
		return elements
	}
	spare := math.Sqrt(float64(widest) - float64(all)/float64(len(elements)))
	width := max(float64(widest)-3-spare, 1)
	n := min(int(math.Floor(math.Sqrt(heightOfCharacter*width*float64(shown))/width+0.5)), (breakLength-arrayIndent)/widest, maxColumns)
	if n <= 1 {
		return elements
	}
	widths := make([]int, n)
	for i, e := range elements[:shown] {
		widths[i%n] = max(widths[i%n], len(e))
	}
	var lines []string
	for i := 0; i < shown; i += n {
		var line []string
		for j, e := range elements[i:min(i+n, shown)] {
			line = append(line, fmt.Sprintf("%*s", widths[j], e))
		}
		lines = append(lines, strings.Join(line, ", "))
	}
	return append(lines, elements[shown:]...)
}

// number formats a number like JavaScript.
func number(f float64) string {
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		text := strconv.FormatFloat(f, 'e', -1, 64)
		return strings.Replace(text, "e-0", "e-", 1)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// key formats a name as a key of an object. It quotes the name unless it is an identifier.
func key(name string) string {
	switch identifier, simple := looks(name); {
	case identifier && name != "__proto__":
		return name
	case simple && !identifier:
		return "'" + name + "'"
	}
	quote := byte('\'')
	if strings.Contains(name, "'") {
		switch {
		case !strings.Contains(name, `"`):
			quote = '"'
		case !strings.Contains(name, "`") && !strings.Contains(name, "${"):
			quote = '`'
		}
	}
	quoted := string(quote) + escape(name, rune(quote)) + string(quote)
	if name == "__proto__" {
		return "[" + quoted + "]"
	}
	return quoted
}

// looks reports whether a name is an identifier, and whether it needs no escapes in quotes. Nearly all names need
// no escapes.
func looks(name string) (identifier, simple bool) {
	identifier, simple = name != "", true
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_':
		case '0' <= c && c <= '9':
			identifier = identifier && i > 0
		default:
			identifier = false
			simple = simple && ' ' <= c && c <= '~' && c != '\'' && c != '\\'
		}
	}
	return identifier, simple
}

var escapes = map[rune]string{'\b': `\b`, '\t': `\t`, '\n': `\n`, '\f': `\f`, '\r': `\r`, '\\': `\\`, '\'': `\'`}

// escape escapes control characters, backslashes and single quotes.
func escape(name string, quote rune) string {
	var b strings.Builder
	for _, r := range name {
		switch text, has := escapes[r]; {
		case r == '\'' && quote != '\'':
			b.WriteRune(r)
		case has:
			b.WriteString(text)
		case r < ' ' || r >= 0x7f && r < 0xa0:
			fmt.Fprintf(&b, `\x%02X`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// units returns the length of a text in JavaScript, which is the number of UTF-16 code units.
func units(text string) int {
	n := utf8.RuneCountInString(text)
	for _, r := range text {
		if r > 0xffff {
			n++
		}
	}
	return n
}
