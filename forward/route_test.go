package forward

import (
	"testing"
	"time"
)

// At a configured time, the edge changes from an old cluster to a next cluster. The start of an
// interval decides which cluster gets it. The time of the flush does not matter.
func TestRoute(t *testing.T) {
	t.Parallel()
	at := time.Unix(1000, 0)
	old, next := newEngine().config(t), newEngine().config(t)
	old.ForwardUntil, next.ForwardAfter = at, at
	r := Route{Edges: []*Edge{start(t, old), start(t, next)}}
	for _, tt := range []struct {
		what         string
		begins, ends int64 // in seconds
		edge         int
		end          int64
	}{
		{"before", 998, 999, 0, 999},
		{"the last of the old cluster", 999, 1000, 0, 1000},
		{"the first of the next cluster", 1000, 1001, 1, 1001},
		{"after", 1001, 1002, 1, 1002},
		{"stopped for long", 999, 1500, 0, 1000},
		{"clock set back", 1001, 900, 1, 1001},
		{"clock set back, the next interval", 900, 901, 0, 901},
	} {
		begun := r.Begin(tt.begins * int64(time.Second))
		e, end := r.End(tt.ends * int64(time.Second))
		if e != r.Edges[tt.edge] || begun != e || end != tt.end*int64(time.Second) {
			t.Errorf("%s: cluster %q gets it with the end %d, want cluster %d and %d", tt.what, e.Target().DestinationName(), end/int64(time.Second), tt.edge, tt.end)
		}
	}
	if a, b := r.Edges[0].Target().DestinationName(), r.Edges[1].Target().DestinationName(); a != "forward" || b != "forward-1000" {
		t.Errorf("their destinations are %s and %s", a, b)
	}
}
