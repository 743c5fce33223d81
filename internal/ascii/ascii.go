// Package ascii makes text from other hosts safe to print on a terminal.
package ascii

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Safe escapes everything except printable ASCII, with the escapes of Go strings.
func Safe(s string) string {
	var b []byte
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case ' ' <= r && r <= '~':
			b = append(b, s[0])
		case r == utf8.RuneError && size == 1:
			b = fmt.Appendf(b, `\x%02x`, s[0])
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			b = append(b, quoted[1:len(quoted)-1]...)
		}
		s = s[size:]
	}
	return string(b)
}

// WriteJSON writes v as JSON in ASCII, on one line.
func WriteJSON(w io.Writer, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	ascii := make([]byte, 0, len(text)+1)
	for _, r := range string(text) {
		switch {
		case r <= '~':
			ascii = append(ascii, byte(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			ascii = fmt.Appendf(ascii, `\u%04x\u%04x`, high, low)
		default:
			ascii = fmt.Appendf(ascii, `\u%04x`, r)
		}
	}
	_, err = w.Write(append(ascii, '\n'))
	return err
}
