package collect

import (
	"maps"
	"slices"
	"strings"

	"github.com/statsd-ops/statsd/link"
	"github.com/statsd-ops/statsd/partial"
)

// maxEdges is the maximum number of edges that a partition knows. Messages of other edges are
// merged too. But no window waits for these edges, and gaps in their message numbers are not
// counted.
const maxEdges = 16384

// silentAfter is the number of windows that wait for an edge after its last message.
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

// note records a message of an edge. It returns how many message numbers are missing before this
// message.
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

// settle adds the samples of a message that was merged, or will never be merged, to the count of its edge.
func (es edges) settle(h *partial.Header) {
	if at := es[h.Edge]; at != nil && at.Epoch == h.Epoch {
		at.Samples += h.Samples
	}
}

// noteClock records by how much an edge's clock seems to be ahead. It keeps the recent difference that is nearest to 0,
// because an edge that sends old messages late has a large difference too, although its clock is right.
func (e *Edge) noteClock(ahead int64) {
	if max(ahead, -ahead) < max(e.Ahead, -e.Ahead) {
		e.Ahead = ahead
	} else {
		e.Ahead += (ahead - e.Ahead) / 8
	}
}

// forget removes the edges whose last complete window is before the given window.
func (es edges) forget(before int64) {
	maps.DeleteFunc(es, func(_ string, e *Edge) bool { return e.Window < before })
}

// expected reports whether the owner waits for this edge before it closes the window.
func (e *Edge) expected(window int64) bool {
	return e.Window < window && e.Window >= window-silentAfter
}

// waited reports whether all edges have sent the window. If some edges are missing, heard is the time
// of the latest message from one of them.
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
