package metric

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// Dialect selects the rules where statsd daemons differ: how names are cleaned, how an empty value
// is read, and how strict values and types are.
type Dialect uint8

// The dialects.
const (
	// Reference follows the deviantART pystatsd. In names a run of white space
	// becomes "_", and "/" becomes "-". An empty value is discarded.
	Reference Dialect = iota
	// Gstatsd follows gstatsd. In names white space is deleted, and "/" becomes
	// "_". An empty value is 1, and 0 for a timer.
	Gstatsd
	// Etsy follows Etsy's statsd. Names are cleaned as in Reference, but keep
	// "=". White space around values and types is ignored, unknown types count,
	// and numbers have JavaScript's syntax.
	Etsy
	Dialects = 3 // the number of dialects
)

var dialectNames = [Dialects]string{Reference: "reference", Gstatsd: "gstatsd", Etsy: "etsy"}

// String returns the dialect as --dialect names it.
func (d Dialect) String() string {
	if int(d) < len(dialectNames) {
		return dialectNames[d]
	}
	return "unknown"
}

// The classes of a name's bytes.
const (
	keep   = iota // A-Z a-z 0-9 _ - .
	drop          // deleted
	space         // depends on the dialect
	slash         // depends on the dialect
	equals        // depends on the dialect
	wide          // not ASCII: deleted, unless Etsy's dialect treats it as white space
)

var classes = func() (t [256]uint8) {
	for c := range t {
		switch b := byte(c); {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '_', b == '-', b == '.':
			t[c] = keep
		case b == ' ', '\t' <= b && b <= '\r':
			t[c] = space
		case b == '/':
			t[c] = slash
		case b == '=':
			t[c] = equals
		case b >= utf8.RuneSelf:
			t[c] = wide
		default:
			t[c] = drop
		}
	}
	return t
}()

// IsClean reports whether AppendClean leaves name unchanged in every dialect.
func IsClean(name []byte) bool {
	all := uint8(keep)
	for len(name) >= 8 { // keep is 0
		all |= classes[name[0]] | classes[name[1]] | classes[name[2]] | classes[name[3]]
		all |= classes[name[4]] | classes[name[5]] | classes[name[6]] | classes[name[7]]
		name = name[8:]
	}
	for _, c := range name {
		all |= classes[c]
	}
	return all == keep
}

// AppendClean appends the published form of name to dst. "=", "/" and white space follow the
// dialect; of the rest only A-Z a-z 0-9 _ - . are kept. The result can be empty. Cleaning twice is
// the same as cleaning once.
func (d Dialect) AppendClean(dst, name []byte) []byte {
	if IsClean(name) {
		return append(dst, name...)
	}
	slashTo := byte('-')
	if d == Gstatsd {
		slashTo = '_'
	}
	inSpace := false
	for i := 0; i < len(name); i++ {
		class := classes[name[i]]
		if class == wide && d == Etsy {
			if r, n := utf8.DecodeRune(name[i:]); isBlank(r) {
				class, i = space, i+n-1
			}
		}
		switch class {
		case keep:
			dst = append(dst, name[i])
		case slash:
			dst = append(dst, slashTo)
		case equals:
			if d == Etsy {
				dst = append(dst, '=')
			}
		case space:
			if !inSpace && d != Gstatsd {
				dst = append(dst, '_')
			}
		}
		inSpace = class == space
	}
	return dst
}

// AppendSent appends a name as sent, for tables that do not clean names. A control character becomes
// "_". It reports false if the name is not valid UTF-8.
func AppendSent(dst, name []byte) (sent []byte, valid bool) {
	if IsSent(name) {
		return append(dst, name...), true
	}
	for _, r := range string(name) {
		if unicode.IsControl(r) {
			r = '_'
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst, utf8.Valid(name)
}

// IsSent reports whether AppendSent accepts name and leaves it unchanged.
func IsSent(name []byte) bool {
	for len(name) > 0 {
		r, n := utf8.DecodeRune(name)
		if r == utf8.RuneError && n == 1 || unicode.IsControl(r) {
			return false
		}
		name = name[n:]
	}
	return true
}

// Trim removes the surrounding white space that the dialect ignores: all white space in Etsy's dialect, none in the
// others.
func (d Dialect) Trim(text []byte) []byte {
	if d != Etsy {
		return text
	}
	return bytes.TrimFunc(text, isBlank)
}

// isBlank reports whether r is white space in JavaScript.
func isBlank(r rune) bool {
	const byteOrderMark, nextLine = 0xfeff, 0x85
	return r == byteOrderMark || r != nextLine && unicode.IsSpace(r)
}
