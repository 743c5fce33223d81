package operator

import (
	"slices"
	"strings"

	"github.com/statsd-ops/statsd/aggregate"
	"github.com/statsd-ops/statsd/metric"
)

// maxNear is the maximum number of suggested names.
const maxNear = 8

// near looks for known names with a similar spelling. It goes through all names without delaying
// receivers or flushes, and stops when its time is over.
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

// nearness finds the names that are similar to a name.
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

// match reports whether a name is one edit away and has the same first node, or is the same without
// regard to case, or lies below the name.
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

// firstNode returns the first node with its dot, or "" for a name of one node.
func firstNode(name string) string { return name[:strings.IndexByte(name, '.')+1] }

// oneEdit reports whether one byte has to be inserted, deleted, replaced or swapped with the next to
// make a from b.
func oneEdit(a, b string) bool {
	begin := len(commonBegin(a, b))
	a, b = a[begin:], b[begin:]
	end := len(commonEnd(a, b))
	a, b = a[:len(a)-end], b[:len(b)-end]
	return len(a) <= 1 && len(b) <= 1 || len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
}
