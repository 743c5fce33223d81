package member

import (
	"time"

	"github.com/statsd-ops/statsd/delivery"
	"github.com/statsd-ops/statsd/forward"
	"github.com/statsd-ops/statsd/meta"
	"github.com/statsd-ops/statsd/meta/question"
)

// forwarded describes what an edge of this daemon has forwarded.
func (m *Member) forwarded(e *forward.Edge, sinks []delivery.State) (q question.ClusterForward) {
	t := e.Target()
	q.Reasons, q.Unowned = map[string]uint64{}, append([]int{}, e.Unowned()...)
	q.Address, q.Edge, q.Sink, q.Waits, q.State = t.ForwardTo, t.ForwardID, t.DestinationName(), meta.ErrorText(e.Waits()), "ok"
	q.After, q.Until = t.ForwardAfter, t.ForwardUntil
	if q.Waits != "" {
		q.State = "waiting"
	}
	settings, _ := e.Settings()
	q.Partitions, q.Horizon, q.Tags = settings.Partitions, settings.Horizon.Seconds(), settings.Tags
	q.Part = len(t.ForwardMatch) > 0
	for i := range sinks {
		if sinks[i].Forwards && sinks[i].Name == q.Sink {
			addDelivery(&q, &sinks[i])
		}
	}
	run := e.Run()
	q.Epoch, q.Number, q.Samples = time.Unix(0, run.Epoch), run.Number, run.Samples
	return q
}

// addDelivery adds the state of the destination through which the daemon forwards to the cluster.
func addDelivery(q *question.ClusterForward, st *delivery.State) {
	if st.Failing {
		q.State, q.FailingSince, q.Error = "FAILING", st.FailingSince, meta.ErrorText(st.LastError)
	}
	q.Accepted = st.Published
	if st.Oldest > 0 {
		q.Behind = max(time.Since(time.Unix(st.Oldest, 0)).Seconds(), 0)
	}
	q.Made, q.Recovered, q.Acknowledged = st.Made, st.Recovered, st.Delivered
	q.Queued, q.Spooled, q.Dropped = st.Queued, st.Spooled, st.Dropped
	q.Difference = int64(st.Made+st.Recovered) - int64(st.Delivered+st.Waiting()+st.Dropped)
	r := st.Reasons
	for reason, n := range map[string]uint64{"full": r.Full, "damaged": r.Damaged, "unsendable": r.Unsendable, "refused": r.Refused, "removed": r.Removed} {
		if n > 0 {
			q.Reasons[reason] = n
		}
	}
	q.SpoolBytes, q.SpoolMax = st.SpoolBytes, st.MaxSpoolBytes
}
