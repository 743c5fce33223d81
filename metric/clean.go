package metric

// Dialect is whose habits are followed where statsds differ in what a line means: in how
// names are cleaned, and in what a value means that is empty.
type Dialect uint8

// The dialects.
const (
	// Reference is that of the deviantART pystatsd, and of Etsy's statsd: in names each run of
	// white space becomes "_", and "/" becomes "-". An empty value is none.
	Reference Dialect = iota
	// Gstatsd is that of gstatsd: in names white space is deleted, and "/" becomes "_". An
	// empty value is 1, and 0 for a timer.
	Gstatsd
)

// The classes of a name's bytes.
const (
	drop  = iota // deleted
	keep         // A-Z a-z 0-9 _ - .
	space        // see Dialect
	slash        // see Dialect
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
		}
	}
	return t
}()

// IsClean reports whether AppendClean would leave name as it is, in any dialect.
func IsClean(name []byte) bool {
	for _, c := range name {
		if classes[c] != keep {
			return false
		}
	}
	return true
}

// AppendClean appends name to dst as it may be published: white space and "/" as the dialect
// has it, and without whatever else is not one of A-Z a-z 0-9 _ - . The result can be
// empty. Cleaning twice is the same as cleaning once.
func (d Dialect) AppendClean(dst, name []byte) []byte {
	slashTo := byte('-')
	if d == Gstatsd {
		slashTo = '_'
	}
	inSpace := false
	for _, c := range name {
		class := classes[c]
		switch class {
		case keep:
			dst = append(dst, c)
		case slash:
			dst = append(dst, slashTo)
		case space:
			if !inSpace && d == Reference {
				dst = append(dst, '_')
			}
		}
		inSpace = class == space
	}
	return dst
}
