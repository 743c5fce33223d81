package forward

import (
	"fmt"
	"time"

	"github.com/statsd-ops/statsd/link"
)

// Next configures a second cluster, which gets the intervals after the time NextAfter. The daemon
// is an edge of this cluster too, with the ForwardID and the ForwardMatch of the Target. Changes
// need a restart.
type Next struct {
	// NextTo is the address of the second cluster. If it is empty (the default), there is none.
	NextTo string `flag:"--forward"`
	// NextAfter is the end of a flush interval. The second cluster gets the intervals that end after
	// it. The Target's cluster gets the earlier intervals.
	NextAfter time.Time `flag:"--forward"`
	// NextConnect returns the connection to the second cluster.
	NextConnect func() (link.Sender, error)
}

// Target returns a Target for the second cluster. ForwardTo, ForwardAfter and Connect come from n, and all other fields
// from t.
func (n *Next) Target(t Target) Target {
	t.ForwardTo, t.ForwardAfter, t.Connect = n.NextTo, n.NextAfter, n.NextConnect
	return t
}

// DestinationName is the name of the destination that forwards to the cluster of a Target without ForwardAfter.
const DestinationName = "forward"

// DestinationName returns the name of the destination that forwards to the cluster. Each cluster
// has its own name, because its rows wait in the spool of that name. The name depends only on
// ForwardAfter, so it stays the same when an earlier cluster is removed from the configuration.
func (t *Target) DestinationName() string {
	if t.ForwardAfter.IsZero() {
		return DestinationName
	}
	return fmt.Sprintf("%s-%d", DestinationName, t.ForwardAfter.Unix())
}

// Route chooses the Edge for each interval. Only one goroutine may use it.
type Route struct {
	// Edges are sorted by time: the ForwardUntil of an Edge is the ForwardAfter of the next Edge.
	Edges []*Edge
	at    int // index of the Edge for the running interval
}

// Begin chooses the Edge for the interval that begins at the flush time boundary.
func (r *Route) Begin(boundary int64) *Edge {
	r.at = 0
	for r.at+1 < len(r.Edges) && boundary >= r.Edges[r.at+1].cfg.ForwardAfter.UnixNano() {
		r.at++
	}
	return r.Edges[r.at]
}

// End returns the Edge of the running interval, which is flushed at the time boundary. It also returns the end of the
// interval for the messages to the cluster. This end is normally equal to boundary. But if the clock was set or the
// process was stopped during the interval, boundary can be outside the Edge's limits, ForwardAfter and ForwardUntil. In
// this case the returned end is the nearest time inside these limits.
func (r *Route) End(boundary int64) (*Edge, int64) {
	e := r.Edges[r.at]
	if until := e.cfg.ForwardUntil; !until.IsZero() {
		boundary = min(boundary, until.UnixNano())
	}
	if after := e.cfg.ForwardAfter; !after.IsZero() {
		boundary = max(boundary, after.Add(e.cfg.Interval).UnixNano())
	}
	return e, boundary
}
