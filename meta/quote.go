package meta

import "strings"

// QuoteLimit is the maximum number of received bytes that are shown.
const QuoteLimit = 256

// Quote returns b in double quotes as printable ASCII. Other bytes are shown as \xNN, \t, \n or \r.
// Bytes after QuoteLimit are omitted, and "..." follows the closing quote.
func Quote(b []byte) string {
	return string(AppendQuote(make([]byte, 0, min(len(b), QuoteLimit)+2), b))
}

// Escape returns Quote(b) without the quotes. It is for text that is quoted by other code, such as
// the fields of a log.
func Escape(b []byte) string {
	quoted := Quote(b)
	end := strings.LastIndexByte(quoted, '"')
	return quoted[1:end] + quoted[end+1:]
}

// AppendQuote appends Quote(b) to dst.
func AppendQuote(dst, b []byte) []byte {
	const hex = "0123456789abcdef"
	shown := b[:min(len(b), QuoteLimit)]
	dst = append(dst, '"')
	for _, c := range shown {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\t':
			dst = append(dst, `\t`...)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c < ' ' || c > '~':
			dst = append(dst, '\\', 'x', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	dst = append(dst, '"')
	if len(shown) < len(b) {
		dst = append(dst, "..."...)
	}
	return dst
}
