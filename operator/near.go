package operator

import (
	"slices"
	"strings"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
)

// maxNear is the maximum number of suggested names.
const maxNear = 8

// near adds known names with a similar spelling to the explanation. It does not delay receivers or
// flushes. It stops when the context ends.
func (e *explanation) near(s *subject) error {
	n := nearness{name: s.name, first: firstNode(s.name)}
	for kind := range metric.Kind(metric.Kinds) {
		var look *aggregate.Peek
		if err := e.onLoop(e.ctx, func(r *Running) { look = r.Table.Peek(kind, n.match) }); err != nil {
			return err
		}
		for len(n.found) < maxNear && e.ctx.Err() == nil && look.Next() {
			n.add(look.Names)
		}
	}
	slices.Sort(n.found)
	e.answer.Near = append(e.answer.Near, n.found...)
	return nil
}

// nearness finds names that are similar to a given name.
type nearness struct {
	name, first string
	found       []string
}

func (n *nearness) add(names [][]byte) {
	for _, name := range names {
		if len(n.found) < maxNear && !slices.Contains(n.found, string(name)) {
			n.found = append(n.found, string(name))
		}
	}
}

// match reports whether another name is similar to the name. Another name is similar in three
// cases: it begins with the name and a dot; it differs only in case; or one edit changes one name
// into the other and their first nodes are the same.
func (n *nearness) match(other []byte) bool {
	if len(other) > len(n.name) && other[len(n.name)] == '.' && string(other[:len(n.name)]) == n.name {
		return true
	}
	if d := len(other) - len(n.name); d < -1 || d > 1 || string(other) == n.name {
		return false
	}
	if len(other) == len(n.name) && strings.EqualFold(string(other), n.name) {
		return true
	}
	return (n.first == "" || strings.HasPrefix(string(other), n.first)) && oneEdit(string(other), n.name)
}

// firstNode returns the first node of a name with the dot after it, or "" if the name has only one
// node.
func firstNode(name string) string { return name[:strings.IndexByte(name, '.')+1] }

// oneEdit reports whether one edit changes b into a. An edit inserts, deletes or replaces a byte,
// or swaps two neighbouring bytes.
func oneEdit(a, b string) bool {
	begin := len(commonBegin(a, b))
	a, b = a[begin:], b[begin:]
	end := len(commonEnd(a, b))
	a, b = a[:len(a)-end], b[:len(b)-end]
	return len(a) <= 1 && len(b) <= 1 || len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
}
