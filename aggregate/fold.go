package aggregate

import (
	"bytes"
	"encoding/binary"
	"strings"

	"github.com/statsd-ops/statsd/metric"
)

// Graphite's carbon stores each path in a file, and makes a directory for each path node. It
// removes dots at the start of a path, and treats several successive dots as one. So the paths
// app..req and .app.req have the same file as app.req. Each tagged series has its own file.

// unevenDots reports whether the name contains dots that Graphite may remove.
func unevenDots(name []byte) bool {
	n := len(name)
	return n > 0 && (name[0] == '.' || name[n-1] == '.' || twoDots(name)) && bytes.IndexByte(name, ';') < 0
}

// twoDots reports whether the name contains "..". Every new name is checked, so the check looks at eight bytes at once.
func twoDots(name []byte) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for i := 0; len(name) >= 8; i += 7 {
		i = min(i, len(name)-8)
		x := binary.LittleEndian.Uint64(name[i:]) ^ '.'*ones
		zeros := (x - ones) &^ x & highs // the high bit of each byte that is a dot, and perhaps of the byte after a dot
		if zeros&(zeros>>8) != 0 {
			break
		}
		if i == len(name)-8 {
			return false
		}
	}
	return bytes.Contains(name, []byte(".."))
}

// appendFile appends to dst the form in which Graphite stores a path.
func appendFile(dst, path []byte) []byte {
	before := byte('.')
	for _, c := range path {
		if c != '.' || before != '.' {
			dst = append(dst, c)
		}
		before = c
	}
	return dst
}

// maxUneven limits the names that a flush checks with sharesFile.
const maxUneven = 10_000

// files maps the stored form of a path in Graphite to the published path, for names with uneven
// dots.
type files struct {
	names      int
	first      map[string]string // by stored form, the first published path with this form
	path, file []byte
}

// sharesFile reports whether a name with uneven dots shares a file in Graphite with another name of
// this flush. If several names with uneven dots share a file, it returns false for the first of
// them and true for the others.
func (s *summary) sharesFile(shape int, name []byte) (shares bool) {
	f := &s.files
	if f.names++; f.names > maxUneven {
		return false
	}
	if f.first == nil {
		f.first = map[string]string{}
	}
	for _, c := range s.program.shapes[shape] {
		f.path = append(append(append(f.path[:0], c.prefix...), name...), c.suffix...)
		f.file = appendFile(f.file[:0], f.path)
		first, taken := f.first[string(f.file)]
		if !taken {
			f.first[string(f.file)] = string(f.path)
		}
		// Names with equal published paths do not count here, because the methods collides and nested find them.
		shares = shares || taken && first != string(f.path) || s.isPublished(f.file)
	}
	return shares
}

// isPublished reports whether the path belongs to a name that has samples in this flush and no
// uneven dots.
func (s *summary) isPublished(path []byte) bool {
	for kind, columns := range s.program.paths {
		for _, c := range columns {
			name, ok := bytes.CutPrefix(path, []byte(c.prefix))
			if !ok {
				continue
			}
			name, ok = bytes.CutSuffix(name, []byte(c.suffix))
			if ok && len(name) > 0 && !unevenDots(name) && s.wasSeen(metric.Kind(kind), name) {
				return true
			}
		}
	}
	return false
}

// stored returns the text that messages contain for a path. If Graphite stores the path in another form, the text also
// contains this form.
func stored(path string) string {
	if name, tags, _ := strings.Cut(path, ";"); tags == "" {
		if file := string(appendFile(nil, []byte(name))); file != path {
			return path + " (in Graphite: " + file + ")"
		}
	}
	return path
}
