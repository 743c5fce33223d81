package aggregate

import (
	"slices"
	"strings"

	"github.com/statsd-ops/statsd/metric"
)

// Origin is a name and its kind, from which a path is made.
type Origin struct {
	Kind metric.Kind
	Name string // clean name; with Config.Tagged it includes the tags
}

// Scheme finds the paths of a name under a Layout. It also finds the names that can have a given
// path. A Scheme does not change.
type Scheme struct{ program *program }

// Scheme returns the scheme of the layout.
func (l Layout) Scheme() *Scheme { return &Scheme{compile(l)} }

// Paths returns the paths of all points that a name can have. tagged is Config.Tagged.
func (s *Scheme) Paths(o Origin, tagged bool) (paths []string) {
	name, tags := cutTags(o.Name, tagged)
	for _, c := range s.columns(o) {
		paths = append(paths, c.prefix+name+c.suffix+tags)
	}
	return paths
}

// columns returns the columns of a name in an interval in which the name has samples.
func (s *Scheme) columns(o Origin) []column {
	if o.Kind == metric.Timer {
		return s.program.shapes[s.program.timerShape([]byte(o.Name))]
	}
	return s.program.shapes[o.Kind]
}

// Origins returns all names that can have a point with this path.
func (s *Scheme) Origins(path string, tagged bool) (origins []Origin) {
	path, tags := cutTags(path, tagged)
	for kind, columns := range s.program.paths {
		for _, c := range columns {
			name, ok := strings.CutPrefix(path, c.prefix)
			if name, ok = cutSuffix(name, c.suffix, ok); !ok || name == "" {
				continue
			}
			o := Origin{metric.Kind(kind), name + tags}
			if !slices.Contains(origins, o) && s.has(o, path, name) {
				origins = append(origins, o)
			}
		}
	}
	return origins
}

// has reports whether path is the path of one of the origin's points. name is the name of the origin. Both are without
// tags. Some paths exist only for the timers that a histogram selects.
func (s *Scheme) has(o Origin, path, name string) bool {
	return slices.ContainsFunc(s.columns(o), func(c column) bool { return c.prefix+name+c.suffix == path })
}

func cutSuffix(s, suffix string, ok bool) (string, bool) {
	before, found := strings.CutSuffix(s, suffix)
	return before, ok && found
}

// cutTags splits a name into the part before the first semicolon, and the tags.
func cutTags(name string, tagged bool) (plain, tags string) {
	if i := strings.IndexByte(name, ';'); tagged && i >= 0 {
		return name[:i], name[i:]
	}
	return name, ""
}
