package metric

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// Dialect selects the rules by which statsd implementations differ: how names are cleaned, what an
// empty value means, and which values and types are valid.
type Dialect uint8

// The values of Dialect.
const (
	// Reference has the rules of deviantART's pystatsd. In names, a run of white space becomes "_",
	// and "/" becomes "-". An empty value is discarded.
	Reference Dialect = iota
	// Gstatsd has the rules of gstatsd. In names, white space is deleted, and "/" becomes "_". An
	// empty value counts as 1, or as 0 for a timer.
	Gstatsd
	// Etsy has the rules of Etsy's statsd. Names are cleaned as in Reference, except that "=" is kept.
	// White space around values and types is ignored, unknown types are counters, and numbers have
	// JavaScript's syntax.
	Etsy
	Dialects = 3 // the number of dialects
)

var dialectNames = [Dialects]string{Reference: "reference", Gstatsd: "gstatsd", Etsy: "etsy"}

// String returns the name of the dialect in the flag --dialect.
func (d Dialect) String() string {
	if int(d) < len(dialectNames) {
		return dialectNames[d]
	}
	return "unknown"
}

// The classes of the bytes of a name.
const (
	keep   = iota // kept: A-Z a-z 0-9 _ - .
	drop          // removed from names
	space         // white space, whose treatment depends on the dialect
	slash         // "/", whose treatment depends on the dialect
	equals        // "=", whose treatment depends on the dialect
	wide          // not ASCII; deleted, unless it is white space in Etsy's dialect
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

// IsClean reports whether AppendClean does not change the name in any dialect.
func IsClean(name []byte) bool {
	all := uint8(keep)
	for len(name) >= 8 { // the class keep is 0, so a word of zeros means eight bytes to keep
		all |= classes[name[0]] | classes[name[1]] | classes[name[2]] | classes[name[3]]
		all |= classes[name[4]] | classes[name[5]] | classes[name[6]] | classes[name[7]]
		name = name[8:]
	}
	for _, c := range name {
		all |= classes[c]
	}
	return all == keep
}

// isCleanEtsy reports whether AppendClean does not change the name in Etsy's dialect, in which a name may contain "=".
func isCleanEtsy(name []byte) bool {
	for _, c := range name {
		if class := classes[c]; class != keep && class != equals {
			return false
		}
	}
	return true
}

// AppendClean appends the name to dst in the form in which it is published. The treatment of "=",
// "/" and white space depends on the dialect. From the other characters, only A-Z a-z 0-9 _ - . are
// kept. The result can be empty. Cleaning a clean name does not change it.
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

// AppendSent appends a name as sent, for tables that do not clean names. A control character
// becomes "_". It returns false if the name is not valid UTF-8.
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

// IsSent reports whether AppendSent accepts the name and does not change it.
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

// Trim removes white space at both ends, if the dialect ignores it. Only Etsy's dialect ignores
// white space.
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
