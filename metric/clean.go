package metric

// The classes of a name's bytes.
const (
	drop  = iota // deleted
	keep         // A-Z a-z 0-9 _ - .
	space        // each run becomes one underscore
	slash        // becomes a minus sign
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

// IsClean reports whether AppendClean would leave name as it is.
func IsClean(name []byte) bool {
	for _, c := range name {
		if classes[c] != keep {
			return false
		}
	}
	return true
}

// AppendClean appends name to dst as it may be published: each run of white
// space becomes "_", "/" becomes "-", and whatever else is not one of
// A-Z a-z 0-9 _ - . is deleted. The result can be empty. Cleaning twice is the
// same as cleaning once.
func AppendClean(dst, name []byte) []byte {
	inSpace := false
	for _, c := range name {
		class := classes[c]
		switch class {
		case keep:
			dst = append(dst, c)
		case slash:
			dst = append(dst, '-')
		case space:
			if !inSpace {
				dst = append(dst, '_')
			}
		}
		inSpace = class == space
	}
	return dst
}
