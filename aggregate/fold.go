package aggregate

import (
	"bytes"
	"strings"

	"github.com/statsd-ops/statsd/metric"
)

// Carbon stores each path in a file, and makes a directory of each node. It cuts off dots
// at the start. Several dots in a row act as one. So app..req and .app.req have the
// file of app.req. Each tagged series has a file of its own.

// unevenDots reports whether Graphite may drop dots from the name.
func unevenDots(name []byte) bool {
	n := len(name)
	return n > 0 && (name[0] == '.' || name[n-1] == '.' || bytes.Contains(name, []byte(".."))) && bytes.IndexByte(name, ';') < 0
}

// appendFile appends a path to dst as Graphite stores it.
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

// maxUneven is the maximum number of names with uneven dots that a flush checks.
const maxUneven = 10_000

// files holds the paths of names with uneven dots, by their file in Graphite.
type files struct {
	names      int
	first      map[string]string // the first published path of each file
	path, file []byte
}

// sharesFile reports whether a name with uneven dots shares a file with another name seen in this
// flush. If several such names share a file, it is true for all but the first.
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
		// If the published paths are equal, collides or nested has found it.
		shares = shares || taken && first != string(f.path) || s.isPublished(f.file)
	}
	return shares
}

// isPublished reports whether a name that was seen, without uneven dots, has a path.
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

// stored returns a path for people. If Graphite changes the path, the text says how.
func stored(path string) string {
	if name, tags, _ := strings.Cut(path, ";"); tags == "" {
		if file := string(appendFile(nil, []byte(name))); file != path {
			return path + " (in Graphite: " + file + ")"
		}
	}
	return path
}
