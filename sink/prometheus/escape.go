package prometheus

import (
	"unicode"
	"unicode/utf8"
)

// appendName appends a text as the name of a family or of a label, as statsd_exporter does. Each
// character other than A-Z, a-z, 0-9 and _ becomes _. Several dashes in a row become a single _. If the text
// begins with a digit, a _ is put before it. The result can be empty.
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

// appendValue appends a text as the value of a label, without quotes around it. Control characters
// other than a newline and a tab become _.
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

// appendHelp appends a text as the help of a family.
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

// printed returns _ for a control character other than a newline.
func printed(c rune) rune {
	if unicode.IsControl(c) && c != '\n' {
		return '_'
	}
	return c
}
