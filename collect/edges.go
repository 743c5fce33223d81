package collect

import (
	"maps"
	"slices"
	"strings"

	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/partial"
)

// maxEdges limits the edges that a partition knows. Messages of further edges count, but no window waits
// for these edges, and their missing numbers are not counted.
const maxEdges = 16384

// silentAfter is the number of windows that wait for an edge that sends nothing.
const silentAfter = 10

// edges are the edges of a partition, by name.
type edges map[string]*Edge

func loadEdges(list []Edge) edges {
	es := make(edges, len(list))
	for _, e := range list {
		es[e.Name] = &e
	}
	return es
}

func (es edges) list() []Edge {
	list := make([]Edge, 0, len(es))
	for _, e := range es {
		list = append(list, *e)
	}
	slices.SortFunc(list, func(a, b Edge) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// note records a message, and returns how many numbers are missing before it.
func (es edges) note(h *partial.Header, window int64, e *link.Entry) (missing uint64) {
	at := es[h.Edge]
	stored := e.Stored.UnixNano()
	if at == nil {
		if len(es) >= maxEdges {
			return 0
		}
		at = &Edge{Name: strings.Clone(h.Edge), Epoch: h.Epoch, Number: h.Number, First: window, Ahead: h.End - stored}
		es[at.Name] = at
	}
	switch {
	case h.Epoch > at.Epoch: // the edge has started again
		missing = h.Number - min(h.Number, 1)
		at.Epoch, at.Number, at.Samples = h.Epoch, h.Number, 0
	case h.Epoch == at.Epoch && h.Number > at.Number:
		missing = h.Number - at.Number - 1
		at.Number = h.Number
	}
	at.Heard = max(at.Heard, stored)
	at.noteClock(h.End - stored)
	if h.Part == h.Parts-1 {
		at.Window = max(at.Window, window)
	}
	return missing
}

// settle records that a message is finished.
func (es edges) settle(h *partial.Header) {
	if at := es[h.Edge]; at != nil && at.Epoch == h.Epoch {
		at.Samples += h.Samples
	}
}

// noteClock records a difference between the clocks. The smallest recent difference counts, because an edge that sends
// old messages late does not have a slow clock.
func (e *Edge) noteClock(ahead int64) {
	if max(ahead, -ahead) < max(e.Ahead, -e.Ahead) {
		e.Ahead = ahead
	} else {
		e.Ahead += (ahead - e.Ahead) / 8
	}
}

// forget forgets the edges whose newest window is before this one.
func (es edges) forget(before int64) {
	maps.DeleteFunc(es, func(_ string, e *Edge) bool { return e.Window < before })
}

// expected reports whether a window waits for the edge.
func (e *Edge) expected(window int64) bool {
	return e.Window < window && e.Window >= window-silentAfter
}

// waited returns whether all edges have reported a window. If not, it also returns when the last of the missing edges
// was heard.
func (es edges) waited(window int64) (all bool, heard int64) {
	known, missing := false, false
	for _, e := range es {
		known = known || e.First < window && e.Window >= window
		if e.expected(window) {
			missing, heard = true, max(heard, e.Heard)
		}
	}
	return known && !missing, heard
}
