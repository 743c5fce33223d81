package operator

import (
	"strings"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/metric"
)

// losing is a daemon whose sink has lost points.
type losing struct {
	quiet
	sink string
}

func (l losing) Health() meta.Health {
	return meta.Health{State: meta.Degraded, Reasons: []meta.Reason{{ID: meta.PointsDropped, Subject: l.sink, State: meta.Degraded}}}
}

// TestRemovedSinks checks that a removed sink is listed while it delivers, and while its health note tells of lost
// points: the note says which sink to look at.
func TestRemovedSinks(t *testing.T) {
	d := desk(running(metric.Reference, metric.DropTags), Sources{Daemon: losing{sink: "lost"}})
	d.Sinks = func() []delivery.State {
		return []delivery.State{
			{Name: "stays"},
			{Name: "delivers", Removed: true, Ledger: delivery.Ledger{Made: 3, Queued: 3}},
			{Name: "lost", Removed: true, Ledger: delivery.Ledger{Made: 575, Dropped: 575}},
			{Name: "over", Removed: true},
		}
	}
	var got []string
	for _, s := range d.sinksNow(time.Now()) {
		got = append(got, s.Name+" "+s.State)
	}
	if got, want := strings.Join(got, ", "), "stays ok, delivers ending, lost removed"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, step := range explain(t, d, "a:1|c").Steps {
		if strings.Contains(step.Text, "lost:") {
			t.Errorf("a removed sink gets no more points: %s", step.Text)
		}
	}
}
