package prometheus

import (
	"unicode"
	"unicode/utf8"
)

// appendName appends text as the name of a family or label, with the same rules as statsd_exporter. Each
// character except A-Z, a-z, 0-9 and _ is replaced by _. A sequence of dashes is replaced by a single _. If the
// text starts with a digit, a _ is added before it. The result can be empty.
func appendName(dst, text []byte) []byte {
	if len(text) > 0 && '0' <= text[0] && text[0] <= '9' {
		dst = append(dst, '_')
	}
	before := rune(0)
	for _, c := range string(text) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_':
			dst = append(dst, byte(c))
		case c != '-' || before != '-':
			dst = append(dst, '_')
		}
		before = c
	}
	return dst
}

// appendValue appends text as a label value, without the quotes. Control characters other than newline and tab
// are replaced by _.
func appendValue(dst, text []byte) []byte {
	for _, c := range string(text) {
		switch {
		case c == '\\', c == '"':
			dst = append(dst, '\\', byte(c))
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case unicode.IsControl(c) && c != '\t':
			dst = append(dst, '_')
		default:
			dst = utf8.AppendRune(dst, c)
		}
	}
	return dst
}

// appendHelp appends text as the help text of a family.
func appendHelp(dst []byte, text string) []byte {
	for _, c := range text {
		switch {
		case c == '\\':
			dst = append(dst, '\\', '\\')
		case c == '\n':
			dst = append(dst, '\\', 'n')
		default:
			dst = utf8.AppendRune(dst, printed(c))
		}
	}
	return dst
}

// printed returns _ for control characters other than newline.
func printed(c rune) rune {
	if unicode.IsControl(c) && c != '\n' {
		return '_'
	}
	return c
}
