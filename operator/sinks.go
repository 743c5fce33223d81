package operator

import (
	"context"
	"slices"
	"time"

	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/meta/question"
)

// sinkRemoved is the state of a sink that a reload has removed, and that no longer delivers.
const sinkRemoved = "removed"

// growthOver is the time over which the growth of a queue is measured.
const growthOver = 5 * time.Minute

func (d *Desk) sinks(context.Context, question.Arguments) (any, error) {
	return d.sinksNow(time.Now()), nil
}

// sinksNow returns the configured sinks, followed by the removed sinks that still deliver, or that have lost points
// recently.
func (d *Desk) sinksNow(now time.Time) []question.Sink {
	sinks, figures, health := []question.Sink{}, figuresOf(d.Daemon), d.Daemon.Health()
	for _, st := range d.Sinks() {
		gone := st.Removed && st.Waiting() == 0
		if gone && !isOpen(health, meta.PointsDropped, st.Name) {
			continue
		}
		s := d.sinkOf(&st, now)
		if gone {
			s.State = sinkRemoved
		}
		_, ledger := st.Figures()
		s.PerSecond = figures.rate(ledger + "delivered")
		if s.State == "ok" && isOpen(health, meta.SinkBehind, st.Name) {
			s.State = "behind"
		}
		sinks = append(sinks, s)
	}
	return sinks
}

// isOpen reports whether a reason is active for a sink.
func isOpen(h meta.Health, reason, sink string) bool {
	return slices.ContainsFunc(h.Reasons, func(r meta.Reason) bool { return r.ID == reason && r.Subject == sink })
}

func (d *Desk) sinkOf(st *delivery.State, now time.Time) question.Sink {
	s := question.Sink{Name: st.Name, Address: st.Address, State: "ok", Conflicts: []question.Conflict{}}
	if st.Removed {
		s.State = "ending"
	}
	if r := st.Recorder; r != nil {
		_, s.Published = d.Flushed()
		for _, c := range r.Conflicts {
			s.Conflicts = append(s.Conflicts, question.Conflict(c))
		}
		s.Accepted, s.Waiting, s.Dropped = s.Published, r.Made-r.Delivered-r.Dropped, r.Dropped
		return s
	}
	s.Accepted, s.Published = st.Published, d.wholeUpTo(st)
	s.Waiting, s.Dropped = st.Waiting(), st.Dropped
	s.Queue = question.Store{Points: st.Queued, Bytes: uint64(st.QueueBytes), MaxBytes: uint64(st.MaxQueueBytes)}
	s.Spool = question.Store{Points: st.Spooled, Bytes: uint64(st.SpoolBytes), MaxBytes: uint64(st.MaxSpoolBytes)}
	if st.Oldest > 0 {
		s.Behind = max(now.Sub(time.Unix(st.Oldest, 0)).Seconds(), 0)
	}
	if st.Failing {
		s.State, s.Attempts = "FAILING", st.Tries
		s.NextIn = max(st.NextTry.Sub(now).Seconds(), 0)
		s.Error = meta.ErrorText(st.LastError)
	}
	s.FullIn = d.fullIn(st)
	return s
}

// wholeUpTo returns the time of the last flush whose points the sink has accepted completely.
func (d *Desk) wholeUpTo(st *delivery.State) time.Time {
	switch {
	case st.Last.Flush == 0:
		return time.Time{}
	case st.Oldest == 0 || st.Last.Flush < st.Oldest:
		return time.Unix(st.Last.Flush, 0)
	}
	return time.Unix(st.Oldest, 0).Add(-d.Interval)
}

// fullIn returns in how many seconds the queue and the spool will be full, if they grow as fast as
// in the last minutes. It returns 0 if they do not grow.
func (d *Desk) fullIn(st *delivery.State) float64 {
	if d.Past == nil || st.Waiting() == 0 {
		return 0
	}
	_, ledger := st.Figures()
	queued, over := d.Past.Growth(ledger+"queued", growthOver)
	spooled, _ := d.Past.Growth(ledger+"spooled", growthOver)
	used, limit := float64(st.QueueBytes), float64(st.MaxQueueBytes)
	if st.MaxSpoolBytes > 0 && st.SpoolFault == nil {
		used, limit = used+float64(st.SpoolBytes), limit+float64(st.MaxSpoolBytes)
	}
	grown := (queued + spooled) * used / float64(st.Waiting())
	if grown <= 0 || over <= 0 {
		return 0
	}
	return max(limit-used, 0) / grown * over.Seconds()
}
