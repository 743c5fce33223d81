package wire

// appendNode appends text to a name as a single path node. Dots in text become underscores.
func (t *Tagger) appendNode(dst, text []byte) []byte {
	start := len(dst)
	dst = t.dialect.AppendClean(dst, text)
	for i, c := range dst[start:] {
		if c == '.' {
			dst[start+i] = '_'
		}
	}
	return dst
}

// The places where Graphite accepts a byte. They can be combined.
const (
	fitKey   = 1 << iota // in the key of a tag
	fitValue             // in the value of a tag
)

var fit = func() (t [256]uint8) {
	for c := '!'; c <= '~'; c++ {
		t[c] = fitKey | fitValue
	}
	for _, c := range "!^=" {
		t[c] = fitValue
	}
	t[';'], t['"'] = 0, 0
	return t
}()

// appendFit appends text. The parameter where is one of the places above. Each run of bytes that
// Graphite does not accept at this place becomes "_".
func appendFit(dst, text []byte, where uint8) []byte {
	inRun := false
	for _, c := range text {
		fits := fit[c]&where != 0
		switch {
		case fits:
			dst = append(dst, c)
		case !inRun:
			dst = append(dst, '_')
		}
		inRun = !fits
	}
	return dst
}
