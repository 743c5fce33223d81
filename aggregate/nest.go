package aggregate

import (
	"bytes"
	"slices"
	"strings"

	"github.com/statsd-ops/statsd/metric"
)

// nest describes the names of one kind that can have the path of a name of another kind. For
// example, if counters and timers have the same prefix, the counter timers.a.mean can have the path
// of the mean of timer a.
type nest struct {
	kind  metric.Kind // kind of the shorter name, in the example timer
	front string      // start of the longer name, in the example "timers."
	tails []string    // possible ends of the longer name, in the example ".mean"; the shorter name is between front and tail
}

// newNests returns the nests for two kinds of names. The parameter other is the kind of the shorter names, and the
// parameter others contains their columns. The parameter columns contains the columns of the longer names.
func newNests(other metric.Kind, columns, others []column) (nests []nest) {
	for _, c := range columns {
		for _, o := range others {
			front, inside := strings.CutPrefix(o.prefix, c.prefix)
			tail, behind := strings.CutSuffix(o.suffix, c.suffix)
			if !inside || !behind || front+tail == "" {
				continue
			}
			i := slices.IndexFunc(nests, func(n nest) bool { return n.front == front })
			if i < 0 {
				i, nests = len(nests), append(nests, nest{kind: other, front: front})
			}
			nests[i].tails = append(nests[i].tails, tail)
		}
	}
	return nests
}

func (p *program) addNests(kind metric.Kind, nests []nest) {
	p.nests[kind] = append(p.nests[kind], nests...)
	begins := &p.nestBegins[kind]
	for _, n := range nests {
		for c := range begins {
			begins[c] = begins[c] || n.front == "" || n.front[0] == byte(c)
		}
	}
}

// nested reports whether a name of a kind has the path of a name of another kind with samples in
// this flush.
func (s *summary) nested(kind metric.Kind, name []byte) bool {
	var tags []byte
	if s.sn.tagged {
		name, tags = metric.CutTags(name)
	}
	for i := range s.program.nests[kind] {
		n := &s.program.nests[kind][i]
		if len(name) <= len(n.front) || string(name[:len(n.front)]) != n.front {
			continue
		}
		for _, tail := range n.tails {
			inner, ends := bytes.CutSuffix(name[len(n.front):], []byte(tail))
			if ends && len(inner) > 0 && s.wasSeen(n.kind, slices.Concat(inner, tags)) {
				return true
			}
		}
	}
	return false
}

// wasSeen reports whether a name of a kind has samples in at least one shard.
func (s *summary) wasSeen(kind metric.Kind, name []byte) bool {
	var found [1][metric.Kinds]ref
	for i := range s.views {
		v := &s.views[i]
		v.lookup([][]byte{name}, found[:])
		if r := found[0][kind]; v.holds(r) {
			if rec := v.pages.at(r); rec.seen(kind, v.flush) || rec.lastSeen() == v.flush {
				return true
			}
		}
	}
	return false
}
