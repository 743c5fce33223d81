package aggregate

import (
	"slices"
	"strings"

	"github.com/statsd-ops/statsd/metric"
)

// Origin is a name of a kind.
type Origin struct {
	Kind metric.Kind
	Name string // clean; with Config.Tagged its tags follow
}

// Paths returns the paths of all points that a name can have. tagged is Config.Tagged.
func (l *Layout) Paths(o Origin, tagged bool) (paths []string) {
	name, tags := cutTags(o.Name, tagged)
	for _, c := range l.shape(o) {
		paths = append(paths, c.prefix+name+c.suffix+tags)
	}
	return paths
}

// shape returns the columns of a name that was seen.
func (l *Layout) shape(o Origin) []column {
	p := compile(*l)
	if o.Kind == metric.Timer {
		return p.shapes[p.timerShape([]byte(o.Name))]
	}
	return p.shapes[o.Kind]
}

// Origins returns all names that can have a point with this path.
func (l *Layout) Origins(path string, tagged bool) (origins []Origin) {
	path, tags := cutTags(path, tagged)
	for kind, columns := range compile(*l).paths {
		for _, c := range columns {
			name, ok := strings.CutPrefix(path, c.prefix)
			if name, ok = cutSuffix(name, c.suffix, ok); !ok || name == "" {
				continue
			}
			o := Origin{metric.Kind(kind), name + tags}
			if !slices.Contains(origins, o) && slices.Contains(l.Paths(o, tagged), path+tags) {
				origins = append(origins, o)
			}
		}
	}
	return origins
}

func cutSuffix(s, suffix string, ok bool) (string, bool) {
	before, found := strings.CutSuffix(s, suffix)
	return before, ok && found
}

// cutTags splits a name from its tags, which begin with a semicolon.
func cutTags(name string, tagged bool) (plain, tags string) {
	if i := strings.IndexByte(name, ';'); tagged && i >= 0 {
		return name[:i], name[i:]
	}
	return name, ""
}
