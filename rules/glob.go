package rules

import (
	"bytes"
	"strings"

	"github.com/statsd-ops/statsd/metric"
)

// node is a node in the tree of globs. It represents all globs that begin with the same components.
type node struct {
	literals map[string]*node
	partly   []*partial // components that contain both text and a wildcard; only globs with match_type glob+ can have such components
	star     *node
	rule     int // number of the first rule whose glob ends at this node, plus 1; 0 if there is none
	first    int // the lowest rule number at this node and below it, plus 1
	// The minimum and the maximum number of components between this node and the end of a glob.
	least, most int
}

// partial is a component with text and one wildcard, and the child node for this component.
type partial struct {
	before, after string
	node          *node
}

func (p *partial) matches(component []byte) bool {
	return len(component) >= len(p.before)+len(p.after) &&
		string(component[:len(p.before)]) == p.before && string(component[len(component)-len(p.after):]) == p.after
}

// components returns the components of a glob, which are separated by dots.
func components(glob string) []string { return strings.Split(glob, ".") }

// add adds a glob to the tree below n. parts are the components of the glob that follow n. number
// is the number of the glob's rule.
func (n *node) add(parts []string, number int) {
	if n.first == 0 {
		n.first, n.least, n.most = number+1, len(parts), len(parts)
	}
	n.least, n.most = min(n.least, len(parts)), max(n.most, len(parts))
	if len(parts) == 0 {
		if n.rule == 0 {
			n.rule = number + 1
		}
		return
	}
	n.child(parts[0]).add(parts[1:], number)
}

// child returns the child node for a component. If there is none, it makes the node.
func (n *node) child(component string) *node {
	before, after, wild := strings.Cut(component, "*")
	switch {
	case !wild:
		if n.literals == nil {
			n.literals = map[string]*node{}
		}
		if n.literals[component] == nil {
			n.literals[component] = &node{}
		}
		return n.literals[component]
	case component == "*":
		if n.star == nil {
			n.star = &node{}
		}
		return n.star
	}
	for _, p := range n.partly {
		if p.before == before && p.after == after {
			return p.node
		}
	}
	p := &partial{before, after, &node{}}
	n.partly = append(n.partly, p)
	return p.node
}

// findGlob returns the number of the rule whose glob matches the name, or -1 if there is none. It
// sets r.captures.
func (s *Set) findGlob(kind metric.Kind, name []byte, r *Result) int {
	root := &s.globs[kind]
	if root.first == 0 {
		return -1
	}
	r.found, r.stack, r.best = 0, r.stack[:0], r.best[:0]
	w := walk{name: name, left: bytes.Count(name, []byte(".")) + 1, unordered: s.unordered, r: r}
	w.from(root, 0)
	r.captures = r.captures[:0]
	for i := 0; i < len(r.best); i += 2 {
		r.captures = append(r.captures, name[r.best[i]:r.best[i+1]])
	}
	return r.found - 1
}

// walk searches the tree for the glob that matches a name best.
type walk struct {
	name      []byte
	left      int // number of components of the name that are not matched yet
	unordered bool
	r         *Result
}

// from continues the search at a node. start is the index of the name's next component. It reports
// whether the search is finished.
func (w *walk) from(n *node, start int) bool {
	r := w.r
	switch {
	case w.left < n.least || w.left > n.most || r.found > 0 && n.first >= r.found:
		return false
	case w.left == 0:
		if n.rule > 0 && (r.found == 0 || n.rule < r.found) {
			r.found, r.best = n.rule, append(r.best[:0], r.stack...)
		}
		return w.unordered && r.found > 0
	}
	end := len(w.name)
	if i := bytes.IndexByte(w.name[start:], '.'); i >= 0 {
		end = start + i
	}
	component := w.name[start:end]
	w.left--
	defer func() { w.left++ }()
	if next := n.literals[string(component)]; next != nil && w.from(next, end+1) {
		return true
	}
	for _, p := range n.partly {
		if p.matches(component) && w.capture(p.node, start+len(p.before), end-len(p.after), end+1) {
			return true
		}
	}
	return n.star != nil && w.capture(n.star, start, end, end+1)
}

// capture continues the search at a node after a wildcard. The wildcard has matched
// name[begin:end].
func (w *walk) capture(n *node, begin, end, next int) bool {
	r := w.r
	r.stack = append(r.stack, begin, end)
	over := w.from(n, next)
	r.stack = r.stack[:len(r.stack)-2]
	return over
}

// covered returns 1 plus the number of the first rule that matches all names that a glob matches.
// It returns 0 if there is no such rule. parts are the components of the glob.
func (n *node) covered(parts []string) (first int) {
	if n == nil || len(parts) < n.least || len(parts) > n.most {
		return 0
	}
	if len(parts) == 0 {
		return n.rule
	}
	nodes := []*node{n.star, n.literals[parts[0]]}
	for _, p := range n.partly {
		if one := parts[0]; one == p.before+"*"+p.after || !strings.Contains(one, "*") && p.matches([]byte(one)) {
			nodes = append(nodes, p.node)
		}
	}
	for _, next := range nodes {
		if found := next.covered(parts[1:]); found > 0 && (first == 0 || found < first) {
			first = found
		}
	}
	return first
}
