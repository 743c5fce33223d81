package forward

import (
	"fmt"
	"time"

	"github.com/statsd-ops/statsd/link"
)

// Next configures a second cluster, which takes over at a given time (NextAfter). The daemon is an edge of this
// cluster too, with the ForwardID and the ForwardMatch of the Target. Changes need a restart.
type Next struct {
	// NextTo is the address of the cluster. Empty (the default) means none.
	NextTo string `flag:"--forward"`
	// NextAfter is a boundary between flush intervals. The cluster gets the intervals that end after it, and the
	// Target gets the others.
	NextAfter time.Time `flag:"--forward"`
	// NextConnect returns the connection to the cluster.
	NextConnect func() (link.Sender, error)
}

// Target returns the next cluster as a Target like t.
func (n *Next) Target(t Target) Target {
	t.ForwardTo, t.ForwardAfter, t.Connect = n.NextTo, n.NextAfter, n.NextConnect
	return t
}

// DestinationName is the name of the destination that forwards, if there is only one cluster.
const DestinationName = "forward"

// DestinationName returns the name of the cluster's destination. Each cluster must have another one, because its
// rows wait in the spool of that name. A cluster with a ForwardAfter keeps its name when the one before it is gone.
func (t *Target) DestinationName() string {
	if t.ForwardAfter.IsZero() {
		return DestinationName
	}
	return fmt.Sprintf("%s-%d", DestinationName, t.ForwardAfter.Unix())
}

// Route gives each interval to one Edge. One goroutine uses it.
type Route struct {
	// Edges are in the order of their times: the ForwardUntil of one is the ForwardAfter of the next.
	Edges []*Edge
	at    int // gets the running interval
}

// Begin chooses the Edge for the interval that begins at a boundary.
func (r *Route) Begin(boundary int64) *Edge {
	r.at = 0
	for r.at+1 < len(r.Edges) && boundary >= r.Edges[r.at+1].cfg.ForwardAfter.UnixNano() {
		r.at++
	}
	return r.Edges[r.at]
}

// End returns the Edge of the running interval, which is flushed at a boundary, and the end that the interval has in
// the cluster. That is the boundary, unless the clock was set, or the process was stopped, while the interval ran.
// Then it can lie in the time of the other cluster.
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
